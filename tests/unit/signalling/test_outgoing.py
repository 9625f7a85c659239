"""What a station says to a server comes in time, in order, and never too fast."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.signalling import outgoing
from meshdl.signalling.client_events import ClientEffect, SendText
from meshdl.signalling.outgoing import Outgoing
from meshdl.signalling.server_events import ServerLimits
from meshdl.wire import signalling as wire
from meshdl.wire.signals import Envelope

LIMITS = ServerLimits()
ROOMS, CONTENTS = ("cq", "net"), [bytes([number]) * 32 for number in range(4)]
SHORT, LONG = (wire.Relay("cq", "0" * 16, Envelope("x" * n, bytes(64))) for n in (100, 40_000))


class Said:
    """Everything that was said, and when."""

    def __init__(self) -> None:
        self.effects: list[ClientEffect] = []
        self.outgoing = Outgoing(self.effects, now=0.0)
        self.outgoing.lifetime_s = 600
        self.said: list[tuple[float, int, wire.StationMessage]] = []
        self.now = 0.0

    def send(self) -> None:
        self.outgoing.send(now=self.now)
        for effect in self.effects:
            assert isinstance(effect, SendText)
            message = wire.decode_station_message(effect.text)
            assert message is not None
            self.said.append((self.now, len(effect.text), message))
        self.effects.clear()

    def finish(self) -> None:
        while self.outgoing.due is not None:
            assert self.outgoing.due >= self.now
            self.now = self.outgoing.due + 1e-6
            self.send()


changes = st.tuples(st.sampled_from(ROOMS), st.sampled_from(CONTENTS), st.booleans(), st.booleans())


@given(st.lists(changes, max_size=40), st.integers(0, outgoing.WISHES_AT_ONCE))
def test_the_last_word_on_a_content_is_the_last_that_a_server_hears(
    wishes: list[tuple[str, bytes, bool, bool]], before: int
) -> None:
    """However much stands in front of it, and whatever became one message."""
    said = Said()
    for number in range(before):
        said.outgoing.wish(wire.Lookup, "before", (number.to_bytes(32, "big"),))
    wanted: dict[tuple[str, bytes, bool], bool] = {}
    for room, content, holding, yes in wishes:
        kinds = (wire.Withdraw, wire.Announce) if holding else (wire.Unwatch, wire.Lookup)
        said.outgoing.wish(kinds[yes], room, (content,))
        wanted[room, content, holding] = yes
        said.send()
    said.finish()
    heard: dict[tuple[str, bytes, bool], bool] = {}
    for _, _, message in said.said:
        match message:
            case wire.Announce(room, contents) | wire.Withdraw(room, contents):
                yes = isinstance(message, wire.Announce)
                heard |= {(room, content, True): yes for content in contents}
            case wire.Unwatch(room, contents):
                heard |= {(room, content, False): False for content in contents}
            case wire.Lookup(room, content) if room != "before":
                heard[room, content, False] = True
    assert heard == wanted


def test_nothing_is_said_faster_than_a_server_takes_it() -> None:
    said = Said()
    for number in range(3000):
        said.outgoing.wish(wire.Lookup, "cq", (number.to_bytes(32, "big"),))
    said.outgoing.wish(wire.Announce, "net", (n.to_bytes(32, "big") for n in range(40_000)))
    said.send()
    for number in range(300):
        assert said.outgoing.signal(SHORT if number < 250 else LONG)
        said.send()
    for _ in range(150):
        assert said.outgoing.signal(LONG)
        said.send()
        said.now += 0.02
    said.finish()
    assert len(said.said) == 3000 + -(-40_000 // wire.CONTENTS_MAX) + 450
    for first in range(0, len(said.said), 10):
        began_at, messages, characters = said.said[first][0], 0, 0
        for at, size, _ in said.said[first : first + 1000]:
            messages, characters = messages + 1, characters + size
            past_s = at - began_at
            assert messages <= LIMITS.messages_burst + past_s * LIMITS.messages_per_s
            assert characters <= (4 + past_s) * LIMITS.octets_per_s


def test_too_many_signals_are_not_kept() -> None:
    said = Said()
    taken = [said.outgoing.signal(LONG) for _ in range(outgoing.SIGNALS_MAX + 1)]
    assert taken == [True] * outgoing.SIGNALS_MAX + [False]


def test_on_a_new_socket_nothing_is_left_of_the_old_one() -> None:
    said = Said()
    said.outgoing.wish(wire.Announce, "cq", CONTENTS)
    said.outgoing.signal(LONG)
    said.outgoing.say(wire.Join("cq"))
    said.outgoing.begin(now=0.0)
    said.send()
    assert (said.said, said.outgoing.due) == ([], None)


def test_what_waits_of_a_room_that_was_left_is_not_said() -> None:
    said = Said()
    for room in ROOMS:
        said.outgoing.wish(wire.Announce, room, CONTENTS)
    said.outgoing.forget(lambda room, _: room == "cq")
    said.outgoing.wish(wire.Announce, "cq", CONTENTS[:1])
    said.finish()
    said.send()
    assert [message for _, _, message in said.said] == [
        wire.Announce("net", tuple(CONTENTS), 600),
        wire.Announce("cq", tuple(CONTENTS[:1]), 600),
    ]
