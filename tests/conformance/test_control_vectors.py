"""``docs/protocol/control.md`` and the code say the same: both are held to the vectors."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.support.weak_keys import SMALL_ORDER_KEYS

from meshdl.content.metainfo import MAX_INFO_OCTETS
from meshdl.content.record import RECORD_MAX_OCTETS
from meshdl.errors import RemoteProtocolError
from meshdl.ids import StationKey, callsign
from meshdl.links import LinkBinding
from meshdl.policy.lanes import LANES_MAX
from meshdl.policy.penalty import BAN_POINTS, BAN_S, CORRUPT_POINTS, FORGIVEN_PER_S
from meshdl.signalling import introductions
from meshdl.swarm import exchange, vigil
from meshdl.swarm.announcements import CONTENTS_PER_PEER_MAX
from meshdl.swarm.fetcher import UNASKED_POINTS
from meshdl.swarm.handshake import Handshake, HandshakeState, Identity
from meshdl.swarm.neighbours import REFUSED_S
from meshdl.swarm.rivals import TWINS_WITHIN_S
from meshdl.swarm.session import DEAD_AFTER_S, HANDSHAKE_WITHIN_S, PING_AFTER_S
from meshdl.transports import webrtc_link
from meshdl.wire import control, json_messages, signals
from meshdl.wire.rotation import ROTATIONS_MAX, KeyRotation, follows, statement

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol"
PAGE = (PROTOCOL / "control.md").read_text(encoding="utf-8")
VECTORS: dict[str, Any] = json.loads(
    (PROTOCOL / "vectors" / "control.json").read_text(encoding="utf-8")
)
KINDS: dict[str, type[Any]] = {
    kind.__struct_config__.tag: kind for kind in get_args(control.ControlMessage)
}


def by_name(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in VECTORS[kind]]


def text_of(vector: dict[str, Any]) -> str:
    return str(vector["text"]).ljust(vector.get("pad_to", 0))


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if isinstance(value, msgspec.Struct):
        return fields_of(value)
    return value


def fields_of(message: msgspec.Struct) -> dict[str, Any]:
    return {name: plain(getattr(message, name)) for name in message.__struct_fields__}


def made_of(text: str, fields: dict[str, Any]) -> control.ControlMessage:
    """The message of the kind that ``text`` names, from the vector's fields alone."""
    message: control.ControlMessage = struct_of(KINDS[json.loads(text)["type"]], fields)
    return message


def struct_of(kind: type[Any], fields: dict[str, Any]) -> Any:
    octets = {one.name for one in msgspec.structs.fields(kind) if "bytes" in str(one.type)}

    def value(name: str, plain_value: Any) -> Any:
        if name in octets and isinstance(plain_value, str):
            return bytes.fromhex(plain_value)
        if isinstance(plain_value, list):
            return tuple(item(name, one) for one in plain_value)
        return plain_value

    def item(name: str, one: Any) -> Any:
        if isinstance(one, dict):
            return struct_of(KeyRotation if name == "rotations" else control.PeerHint, one)
        if name in octets:
            return bytes.fromhex(one)
        return tuple(one) if isinstance(one, list) else one

    return kind(**{name: value(name, fields[name]) for name in fields})


# The messages.


@pytest.mark.parametrize("vector", by_name("valid"))
def test_a_valid_message_is_read(vector: dict[str, Any]) -> None:
    message = control.decode(vector["text"])
    assert message is not None
    assert fields_of(message) == vector["fields"]


@pytest.mark.parametrize("vector", by_name("valid"))
def test_a_valid_message_is_made_character_for_character(vector: dict[str, Any]) -> None:
    assert control.encode(made_of(vector["text"], vector["fields"])) == vector["text"]


@pytest.mark.parametrize("vector", by_name("also_valid"))
def test_what_says_the_same_means_the_same(vector: dict[str, Any]) -> None:
    message = control.decode(text_of(vector))
    assert message is not None
    assert message == control.decode(vector["same_as"])


@pytest.mark.parametrize("vector", by_name("ignored"))
def test_what_later_versions_say_is_ignored(vector: dict[str, Any]) -> None:
    assert control.decode(text_of(vector)) is None


@pytest.mark.parametrize("vector", by_name("invalid"))
def test_an_invalid_message_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        control.decode(text_of(vector))


def test_every_kind_of_message_has_a_vector() -> None:
    assert {json.loads(vector["text"])["type"] for vector in VECTORS["valid"]} == set(KINDS)


# The handshake.


def side(own: dict[str, Any], other: dict[str, Any]) -> Handshake:
    """This end of the handshake, as its vector says."""
    hello = control.decode(own["hello"])
    assert isinstance(hello, control.Hello)
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(own["private_key"]))
    key = StationKey(private.public_key().public_bytes_raw())
    return Handshake(
        Identity(callsign(hello.callsign), key, hello.instance, private.sign),
        LinkBinding(bytes.fromhex(own["fingerprint"]), bytes.fromhex(other["fingerprint"])),
        nonce=hello.nonce,
        agent=hello.agent,
    )


def hello_of(vector: dict[str, Any]) -> control.Hello:
    hello = control.decode(vector["hello"])
    assert isinstance(hello, control.Hello)
    return hello


ENDS = [(0, 1), (1, 0)]


@pytest.mark.parametrize(("own", "other"), ENDS)
def test_both_ends_say_and_prove_what_the_vectors_say(own: int, other: int) -> None:
    ours, theirs = VECTORS["handshake"][own], VECTORS["handshake"][other]
    handshake = side(ours, theirs)
    assert control.encode(handshake.hello()) == ours["hello"]
    assert control.encode(handshake.receive_hello(hello_of(theirs))) == ours["hello_proof"]
    proof = control.decode(theirs["hello_proof"])
    assert isinstance(proof, control.HelloProof)
    peer = handshake.receive_proof(proof)
    assert peer.key == hello_of(theirs).station_key
    assert handshake.state is HandshakeState.PROVED


@pytest.mark.parametrize(("own", "other"), ENDS)
def test_the_signed_octets_are_those_that_the_page_describes(own: int, other: int) -> None:
    ours, theirs = VECTORS["handshake"][own], VECTORS["handshake"][other]
    we, they = hello_of(ours), hello_of(theirs)
    parts = [
        we.station_key,
        we.nonce,
        we.instance,
        we.callsign.encode(),
        they.station_key,
        they.nonce,
        bytes.fromhex(ours["fingerprint"]),
        bytes.fromhex(theirs["fingerprint"]),
    ]
    signed = b"meshdl hello proof 1\0" + b"".join(
        len(part).to_bytes(2, "big") + part for part in parts
    )
    assert signed.hex() == ours["signed"]
    proof = control.decode(ours["hello_proof"])
    assert isinstance(proof, control.HelloProof)
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(ours["private_key"]))
    private.public_key().verify(proof.signature, signed)


def test_a_rotation_is_signed_as_told() -> None:
    told = VECTORS["rotation"]
    old, new = bytes.fromhex(told["old_key"]), bytes.fromhex(told["new_key"])
    signed = statement(callsign=told["callsign"], old_key=old, new_key=new)
    assert signed.hex() == told["signed"]
    signature = bytes.fromhex(told["signature"])
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(told["old_private_key"]))
    assert private.sign(signed) == signature
    chain = (KeyRotation(old, signature),)
    assert follows(chain, callsign=told["callsign"], pinned=old, shown=new)


# The page.


def section(kind: str) -> str:
    found = re.search(rf"^### `{re.escape(kind)}`\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/protocol/control.md has no section on {kind}"
    return found.group(1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_has_every_kind_with_every_member(kind: str) -> None:
    table = section(kind).split("| Member |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE)
    told = {name: "optional" in form for name, form in rows}
    fields = msgspec.structs.fields(KINDS[kind])
    assert told == {field.encode_name: not field.required for field in fields}


def test_the_page_has_no_kind_that_there_is_not() -> None:
    assert set(re.findall(r"^### `([\w-]+)`$", PAGE, re.MULTILINE)) == set(KINDS)


LIMITS = {
    "characters in a message": control.CONTROL_MESSAGE_MAX,
    "characters in a text": json_messages.TEXT_MAX,
    "characters in a callsign": 16,
    "links with one station that `lanes` may tell of": control.LANES_TOLD_MAX,
    "records in a message": control.RECORDS_MAX,
    "octets in a record": RECORD_MAX_OCTETS,
    "chunk numbers in a `have`": control.HAVE_CHUNKS_MAX,
    "octets of an info dictionary in an `info`": control.INFO_OCTETS_MAX,
    "hashes in a `hashes`, without the proof": control.HASHES_MAX,
    "ranges in a message": control.RANGES_MAX,
    "octets in a range": control.RANGE_OCTETS_MAX,
    "rotations in a `hello`": ROTATIONS_MAX,
    "stations in a `peers`": control.PEERS_MAX,
    "characters in a sealed signal": signals.SIGNAL_MAX,
}


def test_the_page_tells_the_limits_of_the_code() -> None:
    table = PAGE.split("| Limit | Value |")[1].split("\n\n")[0]
    assert dict(re.findall(r"^\| (.+?) \| (\d+) \|$", table, re.MULTILINE)) == {
        name: str(limit) for name, limit in LIMITS.items()
    }


@pytest.mark.parametrize(
    "sentence",
    [
        f"at {BAN_POINTS} points it closes",
        f"fade by\none in {1 / FORGIVEN_PER_S:.0f} seconds",
        f"for {BAN_S / 60:.0f} minutes neither",
        f"do not hash to what they must | {CORRUPT_POINTS} |",
        f"not asked for | {UNASKED_POINTS} |",
        f"more than {CONTENTS_PER_PEER_MAX} contents wanted",
        f"at least {REFUSED_S:.0f} seconds after a refusal",
        f"keeps at most {LANES_MAX} links",
        f"opened less than {TWINS_WITHIN_S:.0f} seconds apart",
        f"not up {HANDSHAKE_WITHIN_S:.0f} seconds after",
        f"after {PING_AFTER_S} seconds of silence",
        f"within {DEAD_AFTER_S} seconds more",
        f"not been answered for {vigil.SUSPECT_AFTER_S} seconds",
        f"within the last {vigil.HEARD_LATELY_S} seconds",
        f"after {DEAD_AFTER_S - vigil.SUSPECT_AFTER_S} seconds.",
        f"after {vigil.SELDOM_S:.0f} seconds of silence; as long",
        f"the whole; {MAX_INFO_OCTETS} at most",
        f"not its own, to be passed on | {exchange.FOREIGN_POINTS} |",
        f"oftener than every {exchange.TELL_EVERY_S:g} seconds",
        f"one peer is {exchange.RELAYED_OCTETS_PER_S} characters a second",
        f"a second, {exchange.RELAYED_BURST_OCTETS} at once",
        f"for all peers together {exchange.ALL_RELAYED_OCTETS_PER_S}",
        f" and {exchange.ALL_RELAYED_BURST_OCTETS}. A signal",
        f"counts at least {exchange.RELAYED_OCTETS_MIN}",
        f"more than {exchange.CARRIED_OCTETS_PER_S} characters a second in the long run",
        f"at most {introductions.HINTS_MAX} stations by hearsay",
        f"{introductions.HINTS_PER_CARRIER_MAX} of one peer's",
        f"after {introductions.DIALS_MAX} attempts that failed",
        f"failed, for {introductions.USELESS_S / 60:g} minutes",
        f"{introductions.CALLS_AT_ONCE} offers at once",
        f"at most {control.HASHES_MAX + 40} hashes",
        f"array of at most {control.HAVE_CHUNKS_MAX} numbers",
        f"array of 1 to {control.RANGES_MAX} ranges",
        f"1 to {control.HASHES_MAX} | nodes",
        f"1 to {control.INFO_OCTETS_MAX} octets",
        f"negotiated: true, id: {webrtc_link.CONTROL_STREAM}",
        f"`protocol` | number | {control.PROTOCOL_VERSION},",
    ],
)
def test_the_page_tells_what_the_code_does(sentence: str) -> None:
    assert sentence in PAGE


def test_identification_comes_sooner_than_the_page_asks_for() -> None:
    assert "at least every 10 minutes" in PAGE
    assert vigil.IDENTIFY_EVERY_S < 600


def test_the_page_names_all_keys_of_small_order() -> None:
    for key in SMALL_ORDER_KEYS:
        assert key.hex() in PAGE
