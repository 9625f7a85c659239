"""PDUs of every form, for property tests."""

from hypothesis import strategies as st

from meshdl.content.layout import MAX_CHUNKS
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.wire.onair.codes import NUMBER_MAX, ContentTag, StationTag
from meshdl.wire.onair.pdus import (
    FIRST_REPAIR_ID,
    INFO_SEGMENTS_MAX,
    OBJECT_NUMBER_MAX,
    OBJECTS_MAX,
    SOURCE_SYMBOLS_MAX,
    SYMBOL_IDS,
    SYMBOL_OCTETS,
    AirObject,
    Codec,
    Cq,
    Enough,
    Form,
    Have,
    ObjectKind,
    Objects,
    Pdu,
    Run,
    Symbols,
    Want,
    Wanted,
)
from meshdl.wire.onair.reports import Reports, SignalReport
from meshdl.wire.onair.routes import Rerr, Rrep, RrepAck, Rreq, Unreachable
from meshdl.wire.onair.turn import TURN_S_MAX, Turn

tags = st.binary(min_size=4, max_size=4).map(ContentTag)
octet = st.integers(0, 255)
words = st.integers(0, NUMBER_MAX)
numbers = st.integers(0, OBJECT_NUMBER_MAX)

callsigns = st.builds(
    lambda text, ssid: Callsign(text + (f"-{ssid}" if ssid else "")),
    st.from_regex(
        r"([A-Z][A-Z0-9]{0,2}|[0-9][A-Z][A-Z0-9]?|[0-9]{2}[A-Z])[0-9][A-Z0-9]{0,3}[A-Z]",
        fullmatch=True,
    ),
    st.integers(0, 15),
)
locators = st.just("") | st.from_regex("[A-R]{2}[0-9]{2}(?:[a-x]{2})?", fullmatch=True)
senders = st.none() | callsigns | st.integers(0, 2**16 - 1).map(StationTag)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Run, ...]:
    found, at = [], 0
    for _ in range(draw(st.integers(0, 5))):
        first = at + draw(st.integers(0, 200))
        count = draw(st.integers(1, 20_000))
        found.append(Run(first, count))
        at = first + count + 1
    assert at <= MAX_CHUNKS
    return tuple(found)


haves = st.builds(
    Have,
    content=tags,
    precedence=st.sampled_from(Precedence),
    size_class=octet,
    info=st.booleans(),
    chunks=st.none() | runs(),
)
cqs = st.builds(
    Cq,
    locator=locators,
    gateway=st.booleans(),
    haves=st.lists(haves, max_size=4).map(tuple),
    seeks=st.lists(tags, max_size=4).map(tuple),
)


@st.composite
def object_runs(draw: st.DrawFn) -> Objects:
    first = draw(numbers)
    most = min(OBJECTS_MAX, OBJECT_NUMBER_MAX + 1 - first)
    return Objects(draw(st.sampled_from(ObjectKind)), first, draw(st.integers(1, most)))


@st.composite
def forms(draw: st.DrawFn) -> Form:
    codec = draw(st.sampled_from(Codec))
    tag = draw(st.integers(0, 2**16 - 1)) if codec else 0
    return Form(codec, draw(st.integers(1, SOURCE_SYMBOLS_MAX)), tag)


wants = st.builds(
    Want,
    tags,
    st.lists(
        st.builds(Wanted, object_runs(), octet, st.none() | forms()), min_size=1, max_size=4
    ).map(tuple),
    st.booleans(),
)
turns = st.builds(
    Turn, st.integers(1, TURN_S_MAX), st.none() | st.integers(0, 2**16 - 1).map(StationTag)
)
enoughs = st.builds(Enough, tags, st.lists(object_runs(), min_size=1, max_size=4).map(tuple))
kinds_and_numbers = st.tuples(
    st.sampled_from((ObjectKind.LEAF, ObjectKind.HASHES)), numbers
) | st.tuples(st.just(ObjectKind.INFO), st.integers(0, INFO_SEGMENTS_MAX - 1))
# Few symbols make an object whole, many hardly ever do.
objects = st.builds(
    lambda tag, which, form: AirObject(content=tag, kind=which[0], number=which[1], form=form),
    tags,
    kinds_and_numbers,
    forms() | st.integers(1, 4).map(lambda few: Form(Codec.RAW, few)),
)


@st.composite
def symbols(draw: st.DrawFn) -> Symbols:
    of = draw(objects)
    count = draw(st.integers(1, min(5, of.form.source_symbols)))
    octets = draw(st.binary(min_size=SYMBOL_OCTETS, max_size=SYMBOL_OCTETS)) * count
    source = st.integers(0, of.form.source_symbols - count)
    repair = st.integers(FIRST_REPAIR_ID, SYMBOL_IDS - count)
    return Symbols(of, draw(source | repair), octets)


rreqs = st.builds(
    Rreq,
    join=st.booleans(),
    repair=st.booleans(),
    gratuitous_reply=st.booleans(),
    destination_only=st.booleans(),
    unknown_sequence=st.booleans(),
    ttl=octet,
    hop_count=octet,
    rreq_id=words,
    destination=callsigns,
    destination_sequence=words,
    originator=callsigns,
    originator_sequence=words,
)
rreps = st.builds(
    Rrep,
    repair=st.booleans(),
    acknowledge=st.booleans(),
    next_hop=callsigns,
    ttl=octet,
    hop_count=octet,
    destination=callsigns,
    destination_sequence=words,
    originator=callsigns,
    lifetime_ms=words,
)
rerrs = st.builds(
    Rerr,
    st.lists(st.builds(Unreachable, callsigns, words), min_size=1, max_size=4).map(tuple),
    st.booleans(),
)
reports = st.builds(
    Reports,
    st.lists(
        st.builds(SignalReport, st.integers(0, 2**16 - 1), st.integers(-64, 191)),
        min_size=1,
        max_size=8,
    ).map(tuple),
)
pdus: st.SearchStrategy[Pdu] = st.one_of(
    cqs,
    wants,
    turns,
    enoughs,
    objects,
    reports,
    symbols(),
    rreqs,
    rreps,
    rerrs,
    st.builds(RrepAck, callsigns),
)
