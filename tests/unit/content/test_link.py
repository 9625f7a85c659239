"""Links: what we write we read, and what others write is read or explained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content.link import MAX_TITLE_CHARACTERS, ContentLink
from meshdl.errors import ContentLinkInvalid
from meshdl.ids import Callsign, ContentHash, callsign

HASH = ContentHash(bytes(range(32)))
HEX = HASH.hex()
CALL = Callsign("KA1ABC-7")


def allowed(title: str) -> bool:
    try:
        ContentLink(HASH, title)
    except ContentLinkInvalid:
        return False
    return True


titles = st.text(min_size=1, max_size=MAX_TITLE_CHARACTERS).filter(allowed)
links = st.builds(
    ContentLink,
    st.binary(min_size=32, max_size=32).map(ContentHash),
    st.none() | titles,
    st.none() | st.sampled_from(["KA1ABC", "9A1A", "N0CALL-15"]).map(callsign),
)


@given(links)
def test_a_link_survives_the_round_trip(link: ContentLink) -> None:
    text = link.to_text()
    assert ContentLink.parse(text) == link
    assert text.isascii()
    assert " " not in text


@given(links)
def test_a_magnet_link_keeps_hash_and_title(link: ContentLink) -> None:
    assert ContentLink.parse(link.to_magnet()) == ContentLink(link.content_hash, link.title)


def test_the_form_is_that_of_the_standard() -> None:
    link = ContentLink(HASH, "Map & legend +1", CALL)
    topic = f"xt=urn:btmh:1220{HEX}"
    assert link.to_text() == f"meshdl:?{topic}&dn=Map%20%26%20legend%20%2B1&from=KA1ABC-7"
    assert link.to_magnet() == f"magnet:?{topic}&dn=Map%20%26%20legend%20%2B1"
    assert ContentLink(HASH).to_text() == f"meshdl:?{topic}"


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        HEX.upper(),
        f"  {HEX}\n",
        f"magnet:?xt=urn:btmh:1220{HEX}",
        f"MAGNET:?XT=URN:BTMH:1220{HEX.upper()}",
        f"meshdl://?xt=urn:btmh:1220{HEX}",
        f"meshdl:///?xt=urn:btmh:1220{HEX}",
        f"magnet:?xt=urn%3Abtmh%3A1220{HEX}",
        f"magnet:?xt=urn:btih:{'a' * 40}&xt=urn:btmh:1220{HEX}",
        f"magnet:?xt.1=urn:btih:{'a' * 40}&xt.2=urn:btmh:1220{HEX}",
        f"magnet:?tr=http%3A%2F%2Fx&xt=urn:btmh:1220{HEX}&ws=x&=&&x.pe",
        f"meshdl:?xt=urn:btmh:1220{HEX}&dn=&from=",
        f"meshdl:?xt=urn:btmh:1220{HEX}&dn=%00%0a&from=nobody",
    ],
)
def test_every_form_of_the_same_hash_is_read(text: str) -> None:
    assert ContentLink.parse(text) == ContentLink(HASH)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("dn=Map+of+town", "Map of town"),
        ("dn=a%2Bb", "a+b"),
        ("dn=caf%C3%A9", "café"),
        ("dn=%ff", "\ufffd"),
        ("dn=a%1b%5B2Jb%E2%80%AE", "a[2Jb"),
        ("dn=" + "x" * 300, "x" * 255),
        ("dn=one&dn=two", "one"),
        ("dn=100%", "100%"),
    ],
)
def test_a_strangers_title_is_made_presentable(query: str, title: str) -> None:
    assert ContentLink.parse(f"magnet:?xt=urn:btmh:1220{HEX}&{query}").title == title


def test_a_callsign_is_read_as_operators_type_it() -> None:
    assert ContentLink.parse(f"meshdl:?xt=urn:btmh:1220{HEX}&from=ka1abc-7").originator == CALL


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected"),
        ("map.pdf", "expected"),
        (HEX[:-1], "expected"),
        (HEX + "0", "expected"),
        ("g" * 64, "expected"),
        ("https://example.org/?xt=urn:btmh:1220" + HEX, "no link"),
        ("magnet:?", "no content hash"),
        ("magnet:?dn=x", "no content hash"),
        (f"magnet:?xt=urn:btmh:1114{HEX}", "no content hash"),
        (f"magnet:?xt=urn:btmh:1220{HEX}00", "no content hash"),
        (f"magnet:?xt=urn:btih:{'a' * 40}&dn=x", "v1"),
        (f"magnet:?xt=urn:btmh:1220{HEX}&tr=" + "x" * 9000, "no link"),
    ],
)
def test_what_is_no_link_is_explained(text: str, reason: str) -> None:
    with pytest.raises(ContentLinkInvalid, match=reason) as caught:
        ContentLink.parse(text)
    assert len(str(caught.value)) < 400


@given(st.text(max_size=100) | st.text(max_size=50).map(lambda text: f"magnet:?{text}"))
def test_any_text_is_a_link_or_refused(text: str) -> None:
    try:
        link = ContentLink.parse(text)
    except ContentLinkInvalid:
        return
    assert ContentLink.parse(link.to_text()) == link


@given(st.text(max_size=60))
def test_any_title_in_a_link_leaves_the_link_readable(title: str) -> None:
    link = ContentLink.parse(f"meshdl:?xt=urn:btmh:1220{HEX}&dn={title.replace('&', '')}")
    assert link.content_hash == HASH
    assert ContentLink.parse(link.to_text()) == link


@pytest.mark.parametrize("title", ["", " x", "x\n", "a\x00b", "x" * 256])
def test_a_title_that_cannot_stand_in_a_link_is_refused(title: str) -> None:
    with pytest.raises(ContentLinkInvalid, match="choose another title"):
        ContentLink(HASH, title)


def test_a_hash_of_another_length_is_refused() -> None:
    with pytest.raises(ContentLinkInvalid, match="32 octets, not 20"):
        ContentLink(ContentHash(bytes(20)))
