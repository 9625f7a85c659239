"""An invitation lets its guest in until it ends, and nobody else."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from tests.support.weak_keys import station_keys

from meshdl.errors import InvitationInvalid
from meshdl.ids import StationKey
from meshdl.signalling import proofs
from meshdl.signalling.invitation import LINK_MAX, Invitation
from meshdl.wire.membership import Membership, RoomInvitation

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))
ROOM = proofs.closed_room("county-net", SECRET)
GUEST, OTHER = StationKey(b"g" * 32), StationKey(b"o" * 32)
SEED = b"s" * 32
BOUND = Invitation.for_station(ROOM, GUEST, secret=SECRET, expires_at_s=1000)
OPEN = Invitation.for_anybody(ROOM, seed=SEED, secret=SECRET, expires_at_s=1000)


def invited_by(secret: Ed25519PrivateKey, *, until: int = 1000) -> RoomInvitation:
    key = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    signed = proofs.invitation(room=ROOM, invite_key=key, expires_at_s=until)
    return RoomInvitation(key, until, secret.sign(signed))


def membership_by(secret: Ed25519PrivateKey, *, until: int = 1000) -> bytes:
    signed = proofs.membership(room=ROOM, station_key=GUEST, expires_at_s=until)
    return secret.sign(signed)


@pytest.mark.parametrize("invitation", [BOUND, OPEN], ids=["bound", "open"])
def test_a_guest_is_a_member_until_the_invitation_ends(invitation: Invitation) -> None:
    leave = Invitation.parse(invitation.to_text()).membership(GUEST)
    assert proofs.is_member(ROOM, GUEST, leave, unix_now_s=999)
    assert not proofs.is_member(ROOM, GUEST, leave, unix_now_s=1000)
    assert not proofs.is_member(ROOM, OTHER, leave, unix_now_s=0)
    assert not proofs.is_member("other" + ROOM[10:], GUEST, leave, unix_now_s=0)


def test_one_for_a_station_is_of_no_use_to_another() -> None:
    with pytest.raises(InvitationInvalid, match="for station"):
        BOUND.membership(OTHER)
    assert proofs.is_member(ROOM, OTHER, OPEN.membership(OTHER), unix_now_s=0)


def test_a_guest_cannot_stay_longer_than_the_invitation() -> None:
    invite_key = Ed25519PrivateKey.from_private_bytes(SEED)
    longer = Membership(2000, membership_by(invite_key, until=2000), invited_by(SECRET))
    assert not proofs.is_member(ROOM, GUEST, longer, unix_now_s=0)


def test_an_invite_key_that_the_room_did_not_sign_lets_nobody_in() -> None:
    invite_key = Ed25519PrivateKey.from_private_bytes(SEED)
    forged = Membership(1000, membership_by(invite_key), invited_by(STRANGER))
    assert not proofs.is_member(ROOM, GUEST, forged, unix_now_s=0)
    by_another = Membership(1000, membership_by(STRANGER), invited_by(SECRET))
    assert not proofs.is_member(ROOM, GUEST, by_another, unix_now_s=0)
    good = Membership(1000, membership_by(invite_key), invited_by(SECRET))
    assert proofs.is_member(ROOM, GUEST, good, unix_now_s=0)


def test_a_guest_cannot_invite_others() -> None:
    second = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
    invite_key = Ed25519PrivateKey.from_private_bytes(SEED)
    key = second.public_key().public_bytes_raw()
    signed = proofs.invitation(room=ROOM, invite_key=key, expires_at_s=1000)
    chained = RoomInvitation(key, 1000, invite_key.sign(signed))
    leave = Membership(1000, membership_by(second), chained)
    assert not proofs.is_member(ROOM, GUEST, leave, unix_now_s=0)


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link[:-1],
        lambda link: link.replace("county", "other-"),
        lambda link: link.replace("expires=1000", "expires=9999"),
        lambda link: link.replace("station=67", "station=68").replace("seed=73", "seed=74"),
        lambda link: link.replace("station=", "seed=") if "station=" in link else "",
        lambda link: link + "&more=1",
        lambda link: "http" + link,
    ],
)
@pytest.mark.parametrize("invitation", [BOUND, OPEN], ids=["bound", "open"])
def test_a_damaged_or_forged_invitation_is_refused(invitation: Invitation, change: object) -> None:
    with pytest.raises(InvitationInvalid, match="ask for it again"):
        Invitation.parse(change(invitation.to_text()))  # type: ignore[operator]


def test_neither_its_text_nor_an_error_shows_the_secret() -> None:
    assert SEED.hex() not in repr(OPEN)
    with pytest.raises(InvitationInvalid) as caught:
        Invitation.parse(OPEN.to_text()[:-2])
    assert SEED.hex() not in str(caught.value)


@given(
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,31}", fullmatch=True),
    station_keys,
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_a_link_says_all_of_an_invitation(
    name: str, octets: bytes, until: int, bound: bool
) -> None:
    room = proofs.closed_room(name, SECRET)
    if bound:
        one = Invitation.for_station(room, StationKey(octets), secret=SECRET, expires_at_s=until)
    else:
        one = Invitation.for_anybody(room, seed=octets, secret=SECRET, expires_at_s=until)
    assert Invitation.parse(f"  {one.to_text()}\n") == one
    assert len(one.to_text()) <= LINK_MAX


@given(st.text() | st.text().map(lambda text: f"meshdl-room:{text}"))
def test_strangers_text_raises_nothing_else(text: str) -> None:
    with pytest.raises(InvitationInvalid):
        Invitation.parse(text)
