"""Content records: what is signed is what is read, and nothing else is."""

from dataclasses import replace
from typing import Any, TypedDict

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content import record
from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord, shorten_title, sign, title_room
from meshdl.errors import RecordInvalid
from meshdl.ids import Callsign, ContentHash, StationKey, callsign

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Fields(TypedDict, total=False):
    content_hash: ContentHash
    title: str
    octets: int
    originator: Callsign
    precedence: Precedence
    tags: tuple[str, ...]
    media_type: str
    created_at: int
    expires_at: int


def signed(**changes: Any) -> ContentRecord:
    fields: Fields = {
        "content_hash": ContentHash(bytes(range(32))),
        "title": "Net control map",
        "octets": 1_234_567,
        "originator": Callsign("KA1ABC"),
        "precedence": Precedence.WELFARE,
        "tags": ("map", "wx"),
        "media_type": "application/pdf",
        "created_at": 1_760_000_000,
        "expires_at": 1_760_604_800,
    }
    fields.update(changes)  # type: ignore[typeddict-item]
    return sign(**fields, private_key=KEY)


tags = st.lists(
    st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,6})?", fullmatch=True), max_size=4, unique=True
).map(tuple)
media_types = st.just("") | st.from_regex(r"[a-z]{1,10}/[a-z0-9.+-]{1,20}", fullmatch=True).filter(
    lambda text: text.partition("/")[2][0].isalnum()
)


@st.composite
def records(draw: st.DrawFn) -> ContentRecord:
    originator = callsign(draw(st.sampled_from(["K1A", "KA1ABC", "9A1A-7", "3D10ABC-15"])))
    media_type, words = draw(media_types), draw(tags)
    created_at = draw(st.integers(0, record.MAX_UNIX_S - 1))
    return signed(
        content_hash=draw(st.binary(min_size=32, max_size=32)),
        title=shorten_title(draw(st.text()), title_room(originator, media_type, words)),
        octets=draw(st.integers(0, record.MAX_OCTETS)),
        originator=originator,
        precedence=draw(st.sampled_from(Precedence)),
        tags=words,
        media_type=media_type,
        created_at=created_at,
        expires_at=draw(st.integers(created_at + 1, record.MAX_UNIX_S)),
    )


@given(records())
def test_a_record_survives_the_round_trip_in_one_frame(made: ContentRecord) -> None:
    octets = made.encode()
    assert ContentRecord.decode(octets) == made
    assert len(octets) <= record.RECORD_MAX_OCTETS


@given(data=st.data())
def test_no_octet_can_be_changed(data: st.DataObject) -> None:
    octets = bytearray(signed().encode())
    at = data.draw(st.integers(0, len(octets) - 1))
    octets[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(RecordInvalid):
        ContentRecord.decode(bytes(octets))


@given(st.binary(max_size=300) | st.binary(max_size=160).map(lambda tail: b"\x01\x03" + tail))
def test_any_octets_are_refused(octets: bytes) -> None:
    with pytest.raises(RecordInvalid):
        ContentRecord.decode(octets)


@given(body=st.binary(max_size=120), data=st.data())
def test_signed_nonsense_is_canonical_or_refused(body: bytes, data: st.DataObject) -> None:
    # A stranger can sign whatever he likes with his own key.
    honest = signed().encode()[:-64]
    start = data.draw(st.sampled_from([34, 80, 87, 103, 119]), label="replaced from")
    octets = honest[:start] + body + honest[start + len(body) :]
    octets += KEY.sign(b"meshdl content record\0" + octets)
    try:
        read = ContentRecord.decode(octets)
    except RecordInvalid:
        return
    assert read.encode() == octets


def test_a_record_that_fills_more_than_a_frame_is_not_even_read() -> None:
    with pytest.raises(RecordInvalid, match="256 octets, more than 255"):
        ContentRecord.decode(signed().encode().ljust(256, b"\0"))


def test_another_key_cannot_sign_for_it() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = StationKey(stranger.public_key().public_bytes_raw())
    for forged in (
        replace(signed(), signature=stranger.sign(b"meshdl content record\0")),
        replace(signed(), originator_key=key),
        replace(signed(), originator_key=StationKey(b"\x02" + bytes(31))),  # no point
        replace(signed(), signature=signed(title="Another").signature),
    ):
        with pytest.raises(RecordInvalid, match="not signed by"):
            ContentRecord.decode(forged.encode())


def test_a_record_expires_at_its_time() -> None:
    made = signed(created_at=100, expires_at=200)
    assert [made.is_expired(now) for now in (99.0, 199.9, 200.0, 1e12)] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"content_hash": bytes(31)}, "32 octets"),
        ({"title": ""}, "title"),
        ({"title": " x"}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"title": "a\u202eb"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": "x" * 65}, "longer than 64"),
        ({"title": "é" * 33}, "longer than 64"),
        ({"octets": -1}, "size"),
        ({"octets": 2**48}, "size"),
        ({"originator": "nobody"}, "no callsign"),
        ({"originator": "ka1abc"}, "no callsign"),
        ({"originator": "\ud800"}, "no callsign"),
        ({"tags": ("a", "b", "c", "d", "e")}, "4 tags"),
        ({"tags": ("a", "a")}, "none twice"),
        ({"tags": ("",)}, "no tag"),
        ({"tags": ("Wx",)}, "no tag"),
        ({"tags": ("-a",)}, "no tag"),
        ({"tags": ("x" * 13,)}, "no tag"),
        ({"media_type": "pdf"}, "no media type"),
        ({"media_type": "text/plain; charset=utf-8"}, "no media type"),
        ({"media_type": "application/" + "x" * 21}, "no media type"),
        ({"created_at": 5, "expires_at": 5}, "expire"),
        ({"created_at": -1}, "expire"),
        ({"expires_at": 2**32}, "expire"),
    ],
)
def test_a_field_over_its_limit_is_refused_before_signing(
    change: dict[str, object], reason: str
) -> None:
    with pytest.raises(RecordInvalid, match=reason):
        signed(**change)


def test_the_longest_texts_leave_room_for_a_title() -> None:
    words = tuple(letter * record.TAG_MAX_OCTETS for letter in "abcd")
    media_type = "a/" + "b" * (record.MEDIA_TYPE_MAX_OCTETS - 2)
    room = title_room(Callsign("3D10ABC-15"), media_type, words)
    assert room >= 12
    full = signed(originator="3D10ABC-15", tags=words, media_type=media_type, title="t" * room)
    assert len(full.encode()) == record.RECORD_MAX_OCTETS
    with pytest.raises(RecordInvalid, match=f"longer than {room}"):
        signed(originator="3D10ABC-15", tags=words, media_type=media_type, title="t" * (room + 1))


@given(title=st.text(), max_octets=st.integers(12, 64))
def test_a_shortened_title_always_fits(title: str, max_octets: int) -> None:
    short = shorten_title(title, max_octets)
    assert len(short.encode()) <= max_octets
    assert signed(title=short).title == short


@pytest.mark.parametrize(
    ("title", "max_octets", "short"),
    [
        ("short", 12, "short"),
        ("exactly 12 o", 12, "exactly 12 o"),
        ("one more than", 12, "one more…"),
        ("éééééééé", 12, "éééé…"),
        ("abcdefghe\u0301 and more", 13, "abcdefgh…"),
        ("  two\n lines\t", 64, "two lines"),
        ("\x00", 64, "untitled"),
        ("", 64, "untitled"),
    ],
)
def test_a_title_is_cut_between_characters(title: str, max_octets: int, short: str) -> None:
    assert shorten_title(title, max_octets) == short


def test_no_room_for_a_title_is_our_bug() -> None:
    with pytest.raises(ValueError, match="no title has room"):
        shorten_title("x", 2)
