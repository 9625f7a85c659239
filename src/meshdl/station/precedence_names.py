"""What each precedence is called in the control API."""

from collections.abc import Mapping

from meshdl.content.precedence import Precedence
from meshdl.control.content_status import PrecedenceName

PRECEDENCE_NAMES: Mapping[Precedence, PrecedenceName] = {
    Precedence.EMERGENCY: "emergency",
    Precedence.PRIORITY: "priority",
    Precedence.WELFARE: "welfare",
    Precedence.ROUTINE: "routine",
}
