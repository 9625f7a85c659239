"""APRS, as far as a monitor shows it: what kind of report a frame is, and what it says.

APRS is read, never sent. Positions, messages, bulletins, weather, status and objects are
understood; the rest is named and shown as text. What does not fit its own kind is shown as
text too: a monitor that hides what it cannot parse hides the interesting things.

Source:
    "APRS Protocol Reference", version 1.0.1 (2000), chapters 5 to 16.
"""

import enum
import re
from collections.abc import Callable
from dataclasses import dataclass

_UNCOMPRESSED = re.compile(
    rb"(?P<lat>[0-9]{2}[0-9 ]{2}\.[0-9 ]{2})(?P<ns>[NSns])(?P<table>.)"
    rb"(?P<lon>[0-9]{3}[0-9 ]{2}\.[0-9 ]{2})(?P<ew>[EWew])(?P<symbol>.)",
    re.DOTALL,
)
_COMPRESSED = re.compile(
    rb"(?P<table>[/\\A-Za-j])(?P<lat>[!-{]{4})(?P<lon>[!-{]{4})(?P<symbol>[!-~])[ -{][!-{][!-{]"
)
_MESSAGE = re.compile(rb"(?P<to>.{9}):(?P<text>.*)", re.DOTALL)
_MESSAGE_ID = re.compile(rb"\{(?P<id>[!-z|~]{1,5})\}?.{0,5}$", re.DOTALL)
_ANSWER = re.compile(rb"(?P<what>ack|rej)(?P<id>[!-z|~]{1,5})")
_BULLETIN = re.compile(r"BLN[0-9A-Z][ -~]*")
_OBJECT = re.compile(rb"(?P<name>.{9})(?P<alive>[*_])(?P<time>.{7})(?P<rest>.*)", re.DOTALL)
_ITEM = re.compile(rb"(?P<name>[^!_]{3,9})(?P<alive>[!_])(?P<rest>.*)", re.DOTALL)
_WEATHER = {
    "temperature_f": re.compile(rb"t(-[0-9]{2}|[0-9]{3})"),
    "gust_mph": re.compile(rb"g([0-9]{3})"),
    "humidity_percent": re.compile(rb"h([0-9]{2})"),
    "pressure_tenths_hpa": re.compile(rb"b([0-9]{5})"),
    "rain_last_hour_hundredths_inch": re.compile(rb"r([0-9]{3})"),
}
_WIND = re.compile(rb"(?:([0-9]{3})/([0-9]{3})|c([0-9]{3})s([0-9]{3}))")
_WEATHER_SYMBOL = b"_"
_TIME_OCTETS = 7

_OTHERS = {
    b"`": "Mic-E position",
    b"'": "Mic-E position",
    b"T": "telemetry",
    b"$": "raw GPS or weather sentence",
    b"<": "capabilities",
    b"?": "query",
    b"}": "third-party traffic",
    b"{": "user-defined data",
    b"[": "Maidenhead locator",
    b"#": "raw weather data",
    b"*": "raw weather data",
    b",": "test data",
}


class Kind(enum.Enum):
    """What a report is; values are what people read."""

    POSITION = "position"
    WEATHER = "weather"
    MESSAGE = "message"
    BULLETIN = "bulletin"
    STATUS = "status"
    OBJECT = "object"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where something is, in degrees, north and east positive.

    Attributes:
        symbol: table and code, two characters that say what is shown on a map.
    """

    latitude: float
    longitude: float
    symbol: str

    def __str__(self) -> str:
        return (
            f"{abs(self.latitude):.4f}\N{DEGREE SIGN}{'S' if self.latitude < 0 else 'N'} "
            f"{abs(self.longitude):.4f}\N{DEGREE SIGN}{'W' if self.longitude < 0 else 'E'}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One APRS information field. Texts are strangers': they may hold anything.

    Attributes:
        name: of an object or item; what kind an ``OTHER`` is; else empty.
        addressee: of a message or bulletin.
        text: what is said beside the other fields.
        weather: measurements, with their units in their names.
    """

    kind: Kind
    name: str = ""
    addressee: str = ""
    text: str = ""
    position: Position | None = None
    weather: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        weather = ", ".join(f"{name} {value}" for name, value in self.weather)
        shown = {
            "": self.name,
            "to ": self.addressee,
            "at ": "" if self.position is None else str(self.position),
            "with ": weather,
        }
        said = [self.kind.value if self.kind is not Kind.OTHER else ""]
        said += [label + value for label, value in shown.items() if value]
        head = " ".join(word for word in said if word) or "text"
        return f"{head}: {self.text}" if self.text else head


def read(info: bytes) -> Report:
    """What an information field says; never raises, for anything is at least text."""
    kind, rest = info[:1], info[1:]
    if kind in _OTHERS:
        return Report(kind=Kind.OTHER, name=_OTHERS[kind], text=_text(rest))
    reader = _READERS.get(kind)
    found = None if reader is None else reader(rest)
    return Report(kind=Kind.OTHER, text=_text(info)) if found is None else found


def _timed(octets: bytes) -> Report | None:
    return _positioned(octets[_TIME_OCTETS:])


def _positioned(octets: bytes) -> Report | None:
    found = _position(octets)
    if found is None:
        return None
    position, rest = found
    if position.symbol.endswith(_WEATHER_SYMBOL.decode()):
        report = _weather(rest, position=position)
        if report is not None:
            return report
    return Report(kind=Kind.POSITION, position=position, text=_text(rest))


def _position(octets: bytes) -> tuple[Position, bytes] | None:
    plain = _UNCOMPRESSED.match(octets)
    if plain is not None:
        latitude = _degrees(plain["lat"], 2, negative=plain["ns"] in b"Ss")
        longitude = _degrees(plain["lon"], 3, negative=plain["ew"] in b"Ww")
        rest = octets[plain.end() :]
    elif (plain := _COMPRESSED.match(octets)) is not None:
        latitude = 90 - _base91(plain["lat"]) / 380926
        longitude = -180 + _base91(plain["lon"]) / 190463
        rest = octets[plain.end() :]
    else:
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    symbol = (plain["table"] + plain["symbol"]).decode("latin-1")
    return Position(latitude=latitude, longitude=longitude, symbol=symbol), rest


def _degrees(octets: bytes, digits: int, *, negative: bool) -> float:
    # Spaces stand for digits that the sender does not want to tell.
    known = octets.replace(b" ", b"0")
    value = int(known[:digits]) + float(known[digits:]) / 60
    return -value if negative else value


def _base91(octets: bytes) -> int:
    value = 0
    for octet in octets:
        value = value * 91 + octet - ord("!")
    return value


def _message(octets: bytes) -> Report | None:
    found = _MESSAGE.fullmatch(octets)
    if found is None:
        return None
    to, text = _text(found["to"]), found["text"]
    if _BULLETIN.fullmatch(to):
        return Report(kind=Kind.BULLETIN, addressee=to, text=_text(text))
    answer = _ANSWER.fullmatch(text)
    if answer is not None:
        what = "acknowledges" if answer["what"] == b"ack" else "rejects"
        return Report(kind=Kind.MESSAGE, addressee=to, text=f"{what} {_text(answer['id'])}")
    numbered = _MESSAGE_ID.search(text)
    name = "" if numbered is None else f"number {_text(numbered['id'])}"
    said = text if numbered is None else text[: numbered.start()]
    return Report(kind=Kind.MESSAGE, addressee=to, name=name, text=_text(said))


def _status(octets: bytes) -> Report:
    return Report(kind=Kind.STATUS, text=_text(octets))


def _live_object(octets: bytes) -> Report | None:
    return _object(_OBJECT.fullmatch(octets))


def _item(octets: bytes) -> Report | None:
    return _object(_ITEM.fullmatch(octets))


def _object(found: re.Match[bytes] | None) -> Report | None:
    if found is None:
        return None
    name = _text(found["name"]) + (" (gone)" if found["alive"] == b"_" else "")
    placed = _position(found["rest"])
    if placed is None:
        return Report(kind=Kind.OBJECT, name=name, text=_text(found["rest"]))
    position, rest = placed
    return Report(kind=Kind.OBJECT, name=name, position=position, text=_text(rest))


def _weather(octets: bytes, *, position: Position | None = None) -> Report | None:
    measured = {}
    wind = _WIND.search(octets)
    if wind is not None:
        direction, speed, *other = wind.groups()
        measured["wind_from_degrees"] = int(direction or other[0])
        measured["wind_mph"] = int(speed or other[1])
    for name, form in _WEATHER.items():
        found = form.search(octets)
        if found is not None:
            measured[name] = int(found[1])
    if not measured:
        return None
    return Report(kind=Kind.WEATHER, position=position, weather=tuple(measured.items()))


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", errors="replace").strip()


_READERS: dict[bytes, Callable[[bytes], Report | None]] = {
    b"!": _positioned,
    b"=": _positioned,
    b"/": _timed,
    b"@": _timed,
    b":": _message,
    b">": _status,
    b";": _live_object,
    b")": _item,
    b"_": _weather,
}
