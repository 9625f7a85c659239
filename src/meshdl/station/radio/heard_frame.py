"""What the monitor heard, as the control API shows it and scripts read it."""

from meshdl.control.radio_view import HeardFrame
from meshdl.radio.monitor import Heard


def heard_frame(heard: Heard, *, ours: bool = False) -> HeardFrame:
    """One form, whether a station runs or ``meshdl radio monitor`` listens by itself."""
    return HeardFrame(
        at=heard.at,
        kind=heard.kind.value,
        source=heard.source,
        destination=heard.destination,
        path=heard.path,
        summary=heard.summary,
        line=heard.line(),
        octets=heard.octets,
        snr_db=heard.snr_db,
        ours=ours,
        details=heard.as_json()["details"],
    )
