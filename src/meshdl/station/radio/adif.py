"""Contacts as ADIF (Amateur Data Interchange Format 3.1.4), for a file or for a logger's UDP port.

A data mode of ours is MODE ``PKT``, the enumeration's word for packet data; which modem it
was stands in ``APP_MESHDL_MODEM``. Everything is ASCII: the ``.adi`` form counts characters.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from meshdl import __version__
from meshdl.station.radio.contacts import Contact

ADIF_VERSION = "3.1.4"

BANDS_MHZ: tuple[tuple[str, float, float], ...] = (
    ("2190m", 0.1357, 0.1378), ("630m", 0.472, 0.479), ("160m", 1.8, 2.0), ("80m", 3.5, 4.0),
    ("60m", 5.06, 5.45), ("40m", 7.0, 7.3), ("30m", 10.1, 10.15), ("20m", 14.0, 14.35),
    ("17m", 18.068, 18.168), ("15m", 21.0, 21.45), ("12m", 24.89, 24.99), ("10m", 28.0, 29.7),
    ("6m", 50.0, 54.0), ("2m", 144.0, 148.0), ("1.25m", 222.0, 225.0), ("70cm", 420.0, 450.0),
    ("33cm", 902.0, 928.0), ("23cm", 1240.0, 1300.0),
)  # fmt: skip
"""ADIF 3.1.4, III.B.4, those with data segments."""

WSJTX_MAGIC = 0xADBCCBDA
WSJTX_SCHEMA = 2
WSJTX_LOGGED_ADIF = 12
"""The datagram that loggers on UDP 2237 know: WSJT-X NetworkMessage, type LoggedADIF."""


def to_adif(contacts: Iterable[Contact]) -> Iterator[str]:
    """A whole ``.adi`` file, piece by piece."""
    yield (
        "Contacts of a meshdl station\n"
        + _field("ADIF_VER", ADIF_VERSION)
        + _field("PROGRAMID", "meshdl")
        + _field("PROGRAMVERSION", __version__)
        + "<EOH>\n"
    )
    for contact in contacts:
        yield record(contact) + "\n"


def record(contact: Contact) -> str:
    """One contact as one ADIF record."""
    began = datetime.fromtimestamp(contact.began_at, UTC)
    ended = datetime.fromtimestamp(contact.ended_at, UTC)
    mhz = None if contact.dial_hz is None else contact.dial_hz / 1e6
    power = None if contact.power_w is None else f"{contact.power_w:g}"
    fields = {
        "CALL": contact.call,
        "QSO_DATE": f"{began:%Y%m%d}",
        "TIME_ON": f"{began:%H%M%S}",
        "QSO_DATE_OFF": f"{ended:%Y%m%d}",
        "TIME_OFF": f"{ended:%H%M%S}",
        "FREQ": None if mhz is None else f"{mhz:.6f}",
        "BAND": None if mhz is None else _band(mhz),
        "MODE": "PKT",
        "APP_MESHDL_MODEM": contact.modem,
        "STATION_CALLSIGN": contact.own_call.partition("-")[0],
        "OPERATOR": contact.operator,
        "TX_PWR": power,
        "COMMENT": f"meshdl: {contact.sent} bursts sent, {contact.received} frames received",
    }
    return "".join(_field(name, value) for name, value in fields.items() if value) + "<EOR>"


def datagram(contact: Contact) -> bytes:
    """One contact as a WSJT-X LoggedADIF datagram (Qt's QDataStream, big endian)."""
    text = "".join(to_adif([contact])).encode("ascii", "replace")
    head = struct.pack(">III", WSJTX_MAGIC, WSJTX_SCHEMA, WSJTX_LOGGED_ADIF)
    return head + b"".join(struct.pack(">I", len(one)) + one for one in (b"meshdl", text))


def _band(mhz: float) -> str | None:
    return next((name for name, low, high in BANDS_MHZ if low <= mhz <= high), None)


def _field(name: str, value: str) -> str:
    plain = value.encode("ascii", "replace").decode("ascii").replace("\n", " ").replace("\r", " ")
    return f"<{name}:{len(plain)}>{plain} "
