"""Contents by radio on a simulated channel: airtime, all frames of all stations counted.

Virtual time, real cores (transfer, channel access, transmitter): the same seed gives the
same figures on every machine.
"""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

from bench.report import Figure, Report
from meshdl.air import ModemTraits
from meshdl.content.precedence import Precedence
from meshdl.ids import Callsign
from meshdl.radio import profiles
from meshdl.radio.declaration import Control, Declaration, Sideband
from meshdl.radio.transfer.pace import BURST_S
from meshdl.sim.air import SimAir
from meshdl.sim.radio import SimRadio
from meshdl.sim.radio_memory import RadioContent, content_of, is_whole
from meshdl.sim.world import World
from meshdl.wire.onair.pdus import SYMBOL_OCTETS

AFSK = ModemTraits(
    name="AFSK 1200", payload_octets_max=256, payload_bps=1200.0, audio_low_hz=900.0,
    audio_high_hz=2500.0, baud=1200.0, frame_overhead_s=0.15, burst_overhead_s=0.4,
    turnaround_s=0.1, measures_busy=True, carries_sender=True,
)  # fmt: skip
FEW_SYMBOLS = replace(AFSK, name="AFSK 1200, 2 symbols a frame", payload_octets_max=112)
DECLARATION = Declaration(
    callsign=Callsign("N0CALL"), profile=profiles.load("us-part97"),
    licence_class="technician", control=Control.LOCAL, dial_hz=145_010_000,
    sideband=Sideband.FM,
)  # fmt: skip

HOUR_S = 3600.0
SEEDS = range(1, 7)
RECEIVERS = 20
LOSS = 0.2
LEAVES = 8
OF_LEAST = 1.12
SIGNED_OFF_S = 40.0
"""So long after the end of the transfer everybody has signed off."""


class Channel:
    """Stations on one channel."""

    def __init__(self, traits: ModemTraits, *, loss: float, seed: int) -> None:
        self.world = World(seed)
        self.air, self.traits = SimAir(self.world, loss=loss), traits
        self.stations: list[SimRadio] = []

    def station(self, name: str, *, calls: bool = False) -> SimRadio:
        """One more."""
        declaration = replace(DECLARATION, callsign=Callsign(name))
        made = SimRadio(self.air, name, declaration, self.traits, calls=calls)
        self.stations.append(made)
        return made

    def receivers(self, count: int, content: RadioContent) -> list[SimRadio]:
        """So many that want a content."""
        made = [self.station(f"N0B{chr(65 + number)}A") for number in range(count)]
        for one in made:
            one.fetch(content.content)
        return made

    def run(self, content: RadioContent, receivers: Iterable[SimRadio]) -> float:
        """Until all have it and have signed off; when the last one had it."""
        waiting = list(receivers)
        self.world.run(
            self.world.now + 4 * HOUR_S,
            stop=lambda: all(is_whole(one, content) for one in waiting),
        )
        if not all(is_whole(one, content) for one in waiting):
            raise RuntimeError("a simulated transfer did not end within four hours")
        whole_at = self.world.now
        self.world.run(whole_at + SIGNED_OFF_S)
        return whole_at

    @property
    def airtime_s(self) -> float:
        """Of all bursts of all stations."""
        return sum(one.airtime_s for one in self.stations)

    def once_s(self, content: RadioContent) -> float:
        """Airtime of the content's symbols, sent once, key-ups included."""
        per_frame = (min(self.traits.payload_octets_max, 256) - 16) // SYMBOL_OCTETS
        symbols = sum(-(-min(16_384, left) // SYMBOL_OCTETS) for left in _leaves(content))
        frames_s = symbols / per_frame * self.traits.frame_s(13 + per_frame * SYMBOL_OCTETS)
        key_up_s = self.traits.burst_overhead_s
        return frames_s * BURST_S / (BURST_S - key_up_s)


async def measure(report: Report) -> None:
    """Many receivers, two senders, calls, an emergency."""
    for traits in (FEW_SYMBOLS, AFSK):
        many_receivers(report, traits)
    two_senders(report)
    hidden_senders(report)
    calls(report)
    emergency(report)


def many_receivers(report: Report, traits: ModemTraits) -> None:
    content = _content(LEAVES * 16_384)
    ratios = []
    for seed in (1, 2, 3):
        channel = Channel(traits, loss=LOSS, seed=seed)
        channel.station("N0AAA").hold(content)
        channel.run(content, channel.receivers(RECEIVERS, content))
        ratios.append(channel.airtime_s / channel.once_s(content) * (1 - LOSS))
    name = f"{RECEIVERS} receivers, {LOSS:.0%} loss, {traits.name}: airtime x (1 - loss)"
    few = traits is FEW_SYMBOLS
    report.add(
        Figure(
            name,
            round(sorted(ratios)[1], 3),
            "files",
            at_most=OF_LEAST if few else None,
            note=f"{min(ratios):.3f}-{max(ratios):.3f}; INFO, WANTs, identifications counted",
        )
    )


def two_senders(report: Report) -> None:
    content = _content(2 * 16_384)
    airtimes = []
    for senders in (("N0AAA",), ("N0AAA", "N0CCC")):
        channel = Channel(AFSK, loss=0.0, seed=1)
        for name in senders:
            channel.station(name).hold(content)
        channel.run(content, channel.receivers(1, content))
        airtimes.append(channel.airtime_s)
    report.add(
        Figure("two senders / one", round(airtimes[1] / airtimes[0], 3), "ratio", at_most=1.1)
    )


def hidden_senders(report: Report) -> None:
    """Two that do not hear each other, beside the same two that do."""
    one, other = _content(30_000), _content(30_001, name="other.bin")
    for name, contents in (("a content each", (one, other)), ("the same content", (one, one))):
        airtimes = {}
        for hidden in (False, True):
            airtimes[hidden] = [_between(contents, hidden=hidden, seed=seed) for seed in SEEDS]
        ratio = sum(airtimes[True]) / sum(airtimes[False])
        longest = max(airtimes[True])
        report.add(
            Figure(
                f"two senders hidden from each other, {name} / not hidden",
                round(ratio, 2), "airtime",
                note=f"{longest:.0f} s at the most, not hidden {airtimes[False][0]:.0f} s",
            )
        )  # fmt: skip


def _between(contents: tuple[RadioContent, RadioContent], *, hidden: bool, seed: int) -> float:
    channel = Channel(AFSK, loss=0.0, seed=seed)
    asker = channel.station("N0BBB")
    if hidden:
        channel.air.hide("N0AAA", "N0CCC")
    for name, content in zip(("N0AAA", "N0CCC"), contents, strict=True):
        channel.station(name).hold(content)
        asker.fetch(content.content)
    for content in contents:
        channel.run(content, [asker])
    return channel.airtime_s


def calls(report: Report) -> None:
    channel = Channel(AFSK, loss=0.0, seed=1)
    for number in range(RECEIVERS):
        one = channel.station(f"N0B{chr(65 + number)}A", calls=True)
        one.hold(_content(5_000 + number, name=f"bulletin-{number}.txt"))
    channel.world.run(HOUR_S)
    share = channel.airtime_s / HOUR_S
    report.add(
        Figure(
            f"calls of {RECEIVERS} stations", round(100 * share, 2), "% of the channel", at_most=5.0
        )
    )


def emergency(report: Report) -> None:
    """From the WANT for a form to the first burst of it, while a large content is sent."""
    waits = []
    for seed in range(5):
        channel = Channel(AFSK, loss=0.0, seed=seed)
        sender, asker = channel.station("N0AAA"), channel.station("N0CCC")
        large, form = _content(200_000), _content(1_000, name="form.txt")
        sender.hold(large)
        channel.receivers(1, large)
        channel.world.run(60.0 + 3 * seed)
        sender.hold(form, precedence=Precedence.EMERGENCY)
        asker.fetch(form.content, Precedence.EMERGENCY)
        channel.run(form, [asker])
        asked_at = max(at for at, _ in asker.modem.keyed[:1])
        first = next(at for at, one in sender.records if one.content == form.content)
        waits.append(first - asked_at)
    report.add(
        Figure(
            "a form at EMERGENCY waits, longest of 5", round(max(waits), 1), "s", at_most=BURST_S
        )
    )


def _content(octets: int, *, name: str = "map.bin") -> RadioContent:
    return content_of(name, Random(1).randbytes(octets))


def _leaves(content: RadioContent) -> list[int]:
    octets = len(content.octets)
    return [octets - at for at in range(0, octets, 16_384)]
