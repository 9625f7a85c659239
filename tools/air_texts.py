"""Texts of the kinds that amateur stations pass on, made from a seed.

Forms, radiograms, weather bulletins, position reports, rosters: what the dictionary for the
air is trained on, and, with other words in the same forms, what its use is measured on.
Everything in them is invented for this purpose; the forms are those in public use (ICS 213,
ICS 309, the headings of weather bulletins, APRS 1.0.1, GeoJSON, GPX).

Two vocabularies share no place, name or sentence: what is measured on the second was never
seen in training. What both share is the form itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that fill the forms."""

    calls: tuple[str, ...]
    places: tuple[str, ...]
    counties: tuple[str, ...]
    roles: tuple[str, ...]
    sentences: tuple[str, ...]
    hazards: tuple[str, ...]
    items: tuple[str, ...]


TRAINING = Vocabulary(
    calls=("KA1ABC", "N0AAA", "N0BBB", "N0CCC", "N0DDD", "N0EEE", "N0FFF", "N0CALL"),
    places=("Northfield", "Ashby", "Cedar Falls", "Millbrook", "Port Haven", "Stony Creek"),
    counties=("Franklin", "Essex", "Harrison", "Lake", "Monroe"),
    roles=("Logistics Section Chief", "Shelter Manager", "Incident Commander", "Net Control"),
    sentences=(
        "Shelter is open and has room for additional families.",
        "Request two generators and fuel for 24 hours of operation.",
        "Road is closed by flooding at the bridge. Use the alternate route.",
        "Power is out in the area. No estimate of restoration is available.",
        "Please advise the number of persons and any medical needs.",
        "Water supply is safe to drink. No boil order is in effect.",
        "Volunteers should report to the staging area with identification.",
        "All stations stand by for priority traffic on this frequency.",
        "No injuries reported at this time. Will update at the next scheduled net.",
        "Message received and delivered to the addressee. No reply is needed.",
        "The repeater is on backup power and is expected to stay on the air.",
        "Evacuation order remains in effect until further notice.",
    ),
    hazards=("Flood Warning", "Winter Storm Warning", "High Wind Warning", "Heat Advisory"),
    items=("cots", "blankets", "bottled water", "meals", "batteries", "portable radios"),
)

MEASURING = Vocabulary(
    calls=("N0MMM", "N0NNN", "N0PPP", "N0QQQ", "N0RRR", "N0SSS", "N0TTT", "N0VVV"),
    places=("Riverton", "Elm Grove", "South Bend Junction", "Granite Pass", "Oak Harbor"),
    counties=("Jefferson", "Clark", "Madison", "Union"),
    roles=("Planning Section Chief", "Hospital Liaison", "Operations", "County EOC Duty Officer"),
    sentences=(
        "Bridge inspection found no damage and the crossing reopened at noon.",
        "Need a replacement antenna for the hospital link before tonight.",
        "Food distribution moves to the high school gymnasium tomorrow.",
        "River gauge reads 14.2 feet and is falling slowly.",
        "Three teams finished their search grid and returned to base.",
        "The clinic asks for insulin and can send a driver to collect it.",
        "Cell service came back on the east side; landlines still do not work.",
        "Check in with the next shift before you leave your post.",
        "Fuel delivery was delayed by debris and now arrives after dark.",
        "A family of five is looking for a relative last seen at the fairground.",
    ),
    hazards=("Tornado Watch", "Coastal Flood Advisory", "Red Flag Warning", "Blizzard Warning"),
    items=("sandbags", "tarps", "first aid kits", "diesel", "chain saws", "cable"),
)


def form_213(rng: Random, words: Vocabulary) -> str:
    """A general message on the incident command form."""
    body = " ".join(rng.sample(words.sentences, rng.randint(1, 3)))
    return (
        "GENERAL MESSAGE (ICS 213)\n"
        f"1. Incident Name: {rng.choice(words.places)} {rng.choice(words.hazards)}\n"
        f"2. To (Name and Position): {rng.choice(words.roles)}, {rng.choice(words.places)}\n"
        f"3. From (Name and Position): {rng.choice(words.roles)}, {rng.choice(words.calls)}\n"
        f"4. Subject: {rng.choice(words.items)}\n"
        f"5. Date: 2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}\n"
        f"6. Time: {_time(rng)}\n7. Message:\n{body}\n"
        f"8. Approved by: {rng.choice(words.roles)}\n9. Reply:\n10. Replied by:\n"
    )


def form_309(rng: Random, words: Vocabulary) -> str:
    """A communications log."""
    lines = "".join(
        f"{_time(rng)}  {rng.choice(words.calls):8}{rng.choice(words.calls):8}"
        f"{rng.choice(words.sentences)}\n"
        for _ in range(rng.randint(4, 12))
    )
    return (
        "COMMUNICATIONS LOG (ICS 309)\n"
        f"1. Incident Name: {rng.choice(words.places)} {rng.choice(words.hazards)}\n"
        f"2. Operational Period: 2026-06-{rng.randint(1, 28):02}\n"
        f"3. Radio Operator: {rng.choice(words.calls)}\nTIME  FROM    TO      SUBJECT\n{lines}"
    )


def radiogram(rng: Random, words: Vocabulary) -> str:
    """A formal message of the relay nets."""
    text = rng.choice(words.sentences).upper().replace(".", " X")
    rank = rng.choice(("ROUTINE", "WELFARE", "PRIORITY", "EMERGENCY"))
    return (
        f"NR {rng.randint(1, 300)} {rank} {rng.choice(words.calls)} ARL {len(text.split())} "
        f"{rng.choice(words.places).upper()} {_time(rng)} JUN {rng.randint(1, 28)}\n"
        f"TO {rng.choice(words.roles).upper()}\n{rng.choice(words.places).upper()}\n"
        f"BT\n{text}\nBT\n"
        f"SIGNATURE {rng.choice(words.calls)}\nAR\n"
    )


def bulletin(rng: Random, words: Vocabulary) -> str:
    """A weather bulletin with the usual headings."""
    hazard, places = rng.choice(words.hazards), rng.sample(words.places, 3)
    zones = "...".join(words.counties[:3])
    return (
        f"URGENT - WEATHER MESSAGE\nNational Weather Service {places[0]}\n"
        f"{rng.randint(1, 12)}{rng.choice(('00', '15', '30', '45'))} "
        f"{rng.choice(('AM', 'PM'))} EST Mon Jan {rng.randint(1, 28)} 2026\n\n{zones}-\n"
        f"Including the cities of {', '.join(places)}\n\n"
        f"...{hazard.upper()} IN EFFECT UNTIL {rng.randint(1, 12)} PM EST THIS EVENING...\n\n"
        f"* WHAT...{hazard}. {rng.choice(words.sentences)}\n\n"
        f"* WHERE...{', '.join(words.counties)} Counties.\n\n"
        f"* WHEN...Until {rng.randint(1, 12)} PM EST this evening.\n\n"
        f"* IMPACTS...{rng.choice(words.sentences)} Travel could be difficult.\n\n"
        f"PRECAUTIONARY/PREPAREDNESS ACTIONS...\n\n{rng.choice(words.sentences)}\n\n&&\n\n$$\n"
    )


def forecast(rng: Random, words: Vocabulary) -> str:
    """A zone forecast."""
    spans = ("TONIGHT", "TUESDAY", "TUESDAY NIGHT", "WEDNESDAY", "WEDNESDAY NIGHT", "THURSDAY")
    sky = ("Mostly cloudy", "Partly sunny", "Clear", "Rain likely", "Chance of snow showers")
    return f"ZONE FORECAST FOR {rng.choice(words.counties).upper()} COUNTY\n\n" + "".join(
        f".{span}...{rng.choice(sky)}. {rng.choice(('Highs', 'Lows'))} in the "
        f"{rng.choice(('lower', 'mid', 'upper'))} {rng.randrange(10, 90, 10)}s. "
        f"{rng.choice(('Northwest', 'South', 'East', 'Southwest'))} winds "
        f"{rng.randint(5, 10)} to {rng.randint(10, 25)} mph. "
        f"Chance of precipitation {rng.randrange(10, 100, 10)} percent.\n"
        for span in spans
    )


def positions(rng: Random, words: Vocabulary) -> str:
    """Position reports as they are heard."""
    return "".join(
        f"{rng.choice(words.calls)}-{rng.randint(1, 15)}>APRS,WIDE1-1,WIDE2-1:"
        f"!{rng.randint(30, 48)}{rng.uniform(0, 60):05.2f}N/{rng.randint(70, 120):03}"
        f"{rng.uniform(0, 60):05.2f}W{rng.choice('>-_#')}"
        f"{rng.choice(('PHG5130', '/A=000420', '090/025', ''))} {rng.choice(words.places)}\n"
        for _ in range(rng.randint(5, 20))
    )


def roster(rng: Random, words: Vocabulary) -> str:
    """Who is where, as comma-separated values."""
    return "callsign,name,location,frequency_mhz,mode,status,remarks\n" + "".join(
        f"{rng.choice(words.calls)},,{rng.choice(words.places)},146.{rng.randrange(10, 99)}0,FM,"
        f"{rng.choice(('active', 'standby', 'off duty'))},{rng.choice(words.items)}\n"
        for _ in range(rng.randint(8, 30))
    )


def points(rng: Random, words: Vocabulary) -> str:
    """Places on a map, as GeoJSON or GPX."""
    spots = [
        (
            rng.uniform(-120, -70),
            rng.uniform(30, 48),
            rng.choice(words.places),
            rng.choice(words.items),
        )
        for _ in range(rng.randint(3, 10))
    ]
    if rng.random() < 0.5:
        features = ",\n".join(
            '{"type": "Feature", "geometry": {"type": "Point", "coordinates": '
            f'[{east}, {north}]}}, "properties": {{"name": "{name}", "description": "{what}"}}}}'
            for east, north, name, what in spots
        )
        return f'{{"type": "FeatureCollection", "features": [\n{features}\n]}}\n'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="1.1" creator="meshdl" '
        'xmlns="http://www.topografix.com/GPX/1/1">\n'
        + "".join(
            f'<wpt lat="{north}" lon="{east}"><name>{name}</name><desc>{what}</desc></wpt>\n'
            for east, north, name, what in spots
        )
        + "</gpx>\n"
    )


KINDS: dict[str, Callable[[Random, Vocabulary], str]] = {
    "form 213": form_213,
    "form 309": form_309,
    "radiogram": radiogram,
    "bulletin": bulletin,
    "forecast": forecast,
    "positions": positions,
    "roster": roster,
    "points": points,
}


def texts(kind: str, words: Vocabulary, *, seed: int, count: int) -> list[bytes]:
    """So many texts of one of :data:`KINDS`."""
    rng = Random(f"{kind} {seed}")
    return [KINDS[kind](rng, words).encode("ascii") for _ in range(count)]


def leaf_of(kind: str, words: Vocabulary, *, seed: int, octets: int = 16_384) -> bytes:
    """A collection of such texts, as long as a leaf."""
    rng, whole = Random(f"{kind} {seed}"), b""
    while len(whole) < octets:
        whole += KINDS[kind](rng, words).encode("ascii") + b"\n"
    return whole[:octets]


def _time(rng: Random) -> str:
    return f"{rng.randrange(24):02}{rng.randrange(60):02}Z"
