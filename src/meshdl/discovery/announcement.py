"""What a station says of itself in DNS-SD (RFC 6763), and what we believe of others.

    <station id>-<instance>._meshdl._tcp.local.   SRV: port of /rtc/offer
        TXT  v=1  id=<station id>  call=<callsign>  run=<instance>

Everything in it comes from strangers and is checked for its form. Nothing in it is
trusted: who a station is, its handshake proves.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from meshdl.ids import Callsign, StationId, callsign

SERVICE_TYPE = "_meshdl._tcp.local."
VERSION = "1"

_STATION = re.compile(r"[0-9a-f]{16}")
_INSTANCE = re.compile(r"[0-9a-f]{8,32}")
_SERVICE_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{8,32}\." + re.escape(SERVICE_TYPE))


def is_service_name(name: str) -> bool:
    """Whether a station may announce under this name; look no further at any other.

    A pointer record may name anything at all. The library hands it on as it is, fails as
    soon as it is asked about a name of another type, and then hears nobody any more.
    """
    return _SERVICE_NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Announcement:
    """One run of one station.

    Attributes:
        instance: 8 to 32 hexadecimal digits, fresh for each run.
    """

    station: StationId
    callsign: Callsign
    instance: str

    @property
    def service_name(self) -> str:
        """Unique in the world, so nobody has to be asked whether it is taken."""
        return f"{self.station}-{self.instance}.{SERVICE_TYPE}"

    def to_txt(self) -> dict[str, str]:
        """The TXT record."""
        return {"v": VERSION, "id": self.station, "call": self.callsign, "run": self.instance}

    @classmethod
    def from_txt(cls, txt: Mapping[bytes, bytes | None]) -> "Announcement | None":
        """Read a TXT record; ``None`` when it is not one of ours, or malformed."""
        try:
            fields = {
                key.decode("ascii"): value.decode("ascii")
                for key, value in txt.items()
                if value is not None
            }
            call = callsign(fields.get("call", ""))
        except ValueError:
            return None
        station, instance = fields.get("id", ""), fields.get("run", "")
        fine = _STATION.fullmatch(station) and _INSTANCE.fullmatch(instance)
        if fields.get("v") != VERSION or not fine:
            return None
        return cls(StationId(station), call, instance)
