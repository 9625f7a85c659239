"""A station's side of a signalling server, driven by the messages that a server may send."""

from random import Random
from typing import TypeVar

from tests.unit.signalling.keys import CLOSED, Key

from meshdl.ids import Callsign
from meshdl.signalling import client_events as events
from meshdl.signalling.client import SignallingClient
from meshdl.signalling.identity import ClientIdentity
from meshdl.wire import signalling as wire
from meshdl.wire.membership import Membership

EffectT = TypeVar("EffectT")
SERVER = "signal.example:7374"
LIFETIME_S = 600


class Party:
    """A client and everything it wants done."""

    def __init__(self, call: str, *rooms: str, now: float = 100.0) -> None:
        self.own = Key(call)
        self.key, self.id = self.own.octets, self.own.id
        self.now = now
        self.done: list[events.ClientEffect] = []
        self.member = wire.Member(call, self.key, b"i" * 8, self.leave_to_be_in(CLOSED))
        identity = ClientIdentity(
            server_name=SERVER,
            callsign=Callsign(call),
            key=self.key,
            instance=b"i" * 8,
            sign=self.own.secret.sign,
            rooms={room: self.leave_to_be_in(room) for room in rooms or ("cq",)},
        )
        self.client = SignallingClient(identity, rng=Random(1), now=now)
        self.wait(0)

    def leave_to_be_in(self, room: str) -> Membership | None:
        if "#" not in room:
            return None
        return self.own.member(room, until_s=2_000)

    def tell(self, event: events.ClientInput) -> None:
        self.client.receive(event, now=self.now)
        self.done += self.client.effects()

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.client.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            self.client.expire(now=self.now)
            self.done += self.client.effects()
        self.now = end

    def of(self, kind: type[EffectT]) -> list[EffectT]:
        return [effect for effect in self.done if isinstance(effect, kind)]

    def said(self, *kinds: type) -> list[wire.StationMessage]:
        texts = [effect.text for effect in self.of(events.SendText)]
        messages = [wire.decode_station_message(text) for text in texts]
        return [message for message in messages if message and isinstance(message, kinds)]

    @property
    def socket(self) -> int:
        return self.of(events.OpenSocket)[-1].socket

    def hears(self, *messages: wire.ServerMessage) -> None:
        for message in messages:
            self.tell(events.TextReceived(self.socket, wire.encode(message)))

    def go_online(self, *, joined: bool = True, quiet: bool = False, ice_s: int = 0) -> "Party":
        self.tell(events.SocketOpened(self.socket))
        self.hears(wire.Challenge(wire.PROTOCOL_VERSION, b"n" * 32))
        self.hears(wire.Welcome(self.id, int(self.now * 1000), LIFETIME_S, (), ice_s))
        for message in self.said(wire.Join) if joined else ():
            assert isinstance(message, wire.Join)
            self.hears(wire.Joined(message.room, (), 0, quiet))
        return self

    def meets(self, other: "Party", room: str = "cq") -> None:
        self.hears(wire.MemberJoined(room, other.member))


def carried(sender: Party) -> wire.Relayed:
    relay = sender.said(wire.Relay)[-1]
    assert isinstance(relay, wire.Relay)
    return wire.Relayed(relay.room, sender.member, relay.envelope)


def two_who_met() -> tuple[Party, Party]:
    alice, bob = Party("KA1AAA").go_online(), Party("KA1BBB").go_online()
    alice.meets(bob)
    return alice, bob
