"""Bodies of the orders to a radio; unknown fields are refused."""

from typing import Annotated

import msgspec
from msgspec import Meta

REASON = Annotated[str, Meta(max_length=500)]
"""For the log; as long as its texts are."""

EMERGENCY_S_MAX = 24 * 3600.0
"""One that lasts longer is declared again."""


class SwitchOffRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /radio/off``."""

    reason: REASON = ""


class EmergencyRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /radio/emergency``."""

    reason: Annotated[str, Meta(min_length=1, max_length=500)]
    for_s: Annotated[float, Meta(gt=0.0, le=EMERGENCY_S_MAX)] = 3600.0


class PriceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /radio/price``: a hash, a link, or the eight digits that a station tells."""

    target: Annotated[str, Meta(min_length=1, max_length=8_192)]


class DescribeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of ``POST /radio/describe``: the eight digits that a station tells."""

    tag: Annotated[str, Meta(pattern="^[0-9a-f]{8}$")]
