"""Whole swarms on virtual time: the real core, a network that can be made to fail.

Figures here are floors for a refactoring, not measurements: those are in ``bench``.
"""

import pytest

from meshdl.content.precedence import Precedence
from meshdl.links import Message, Path
from meshdl.sim.network import Drop, Network, Replace, Verdict, Wire
from meshdl.sim.station import SimContent, SimStation
from meshdl.sim.world import World
from meshdl.swarm import effects, inputs
from meshdl.swarm.stage import Stage
from meshdl.swarm.state import SwarmSettings

KIB = 1024
MIB = 1024 * KIB
FAST_ETHERNET = 12.5e6
CONTENT = SimContent(7, 8 * MIB + 17, 256 * KIB)


class Lan:
    """Stations that all know each other."""

    def __init__(
        self,
        seed: int,
        count: int,
        *,
        rate: float = FAST_ETHERNET,
        delay_s: float = 0.0005,
        path: Path = Path.LAN,
        settings: SwarmSettings | None = None,
    ) -> None:
        self.world = World(seed)
        self.network = Network(self.world, delay_s=delay_s, path=path)
        self.stations = [
            SimStation(
                self.world,
                self.network,
                f"KA1A{chr(65 + i)}",
                settings=settings,
                up_octets_per_s=rate,
                down_octets_per_s=rate,
            )
            for i in range(count)
        ]
        for i, station in enumerate(self.stations):
            station.meet(*self.stations[i + 1 :])

    def run(self, content: SimContent, *getters: SimStation, until_s: float = 120.0) -> None:
        """Run until every one of these has it."""
        self.world.run(
            until_s, stop=lambda: all(content.hash in one.completed_at for one in getters)
        )
        for one in getters:
            assert one.has(content), f"{one.callsign} has it not at {self.world.now} s"


def duplicates(content: SimContent, *getters: SimStation) -> float:
    wasted = sum(one.core.downloads[content.hash].duplicate_octets for one in getters)
    return wasted / len(content.octets) / len(getters)


def test_one_pair_fills_its_path_without_duplicates() -> None:
    lan = Lan(1, 2)
    seed, leecher = lan.stations
    seed.seed(CONTENT)
    leecher.get(CONTENT.hash)
    lan.run(CONTENT, leecher)
    assert lan.world.now < 1.3 * len(CONTENT.octets) / FAST_ETHERNET
    assert duplicates(CONTENT, leecher) == 0


def test_a_long_path_is_filled_too() -> None:
    lan = Lan(1, 2, delay_s=0.04)
    seed, leecher = lan.stations
    content = SimContent(7, 24 * MIB, 256 * KIB)
    seed.seed(content)
    leecher.get(content.hash)
    lan.run(content, leecher)
    assert lan.world.now < 2.0 * len(content.octets) / FAST_ETHERNET


def test_twenty_seeds_share_the_work_fairly() -> None:
    lan = Lan(1, 21)
    leecher, *seeds = lan.stations
    content = SimContent(7, 16 * MIB, 64 * KIB)
    for seed in seeds:
        seed.seed(content)
    leecher.get(content.hash)
    lan.run(content, leecher)
    shares = [seed.octets_served[content.hash] / len(content.octets) for seed in seeds]
    assert max(shares) <= 2.5 / len(seeds)
    assert min(shares) >= 0.4 / len(seeds)
    assert duplicates(content, leecher) <= 0.01


def test_eight_leechers_take_hardly_more_than_one_copy_from_the_seed() -> None:
    lan = Lan(1, 9)
    seed, *leechers = lan.stations
    content = SimContent(7, 16 * MIB, 256 * KIB)
    seed.seed(content)
    for leecher in leechers:
        leecher.get(content.hash)
    lan.run(content, *leechers)
    assert seed.octets_served[content.hash] / len(content.octets) <= 1.3
    assert duplicates(content, *leechers) <= 0.01
    assert lan.world.now < 2.0 * len(content.octets) / FAST_ETHERNET


@pytest.mark.parametrize(("seed_rate", "rate"), [(1e6, 1e6), (8e6, 2e6)])
def test_a_seed_of_eight_leechers_is_spared_on_slow_links_and_if_it_is_faster_than_they_are(
    seed_rate: float, rate: float
) -> None:
    lan = Lan(1, 9, rate=rate)
    seed, *leechers = lan.stations
    seed.nic.up_octets_per_s = seed_rate
    content = SimContent(7, 12 * MIB, 256 * KIB)
    seed.seed(content)
    for leecher in leechers:
        leecher.get(content.hash)
    lan.run(content, *leechers)
    assert seed.octets_served[content.hash] / len(content.octets) <= 1.15
    assert duplicates(content, *leechers) <= 0.01
    assert lan.world.now < 1.7 * len(content.octets) / rate


def test_partial_holders_complete_among_themselves() -> None:
    lan = Lan(3, 3)
    everything = (1 << CONTENT.metainfo.chunk_count) - 1
    thirds = [sum(1 << i for i in range(k, 40, 3)) & everything for k in range(3)]
    for station, have in zip(lan.stations, thirds, strict=True):
        station.seed(CONTENT, have=have)
        station.get(CONTENT.hash)
    lan.run(CONTENT, *lan.stations)


def test_what_nobody_has_is_waited_for() -> None:
    lan = Lan(3, 2)
    everything = (1 << CONTENT.metainfo.chunk_count) - 1
    alfa, bravo = lan.stations
    for station in (alfa, bravo):
        station.seed(CONTENT, have=everything & ~0b100)
        station.get(CONTENT.hash)
    lan.world.run(30.0)
    assert alfa.core.downloads[CONTENT.hash].stage is Stage.FETCHING
    alfa.seed(SimContent(8, 10, 16 * KIB))
    assert not alfa.has(CONTENT)


def test_the_first_seed_may_die_when_one_copy_is_out() -> None:
    lan = Lan(4, 4)
    seed, *leechers = lan.stations
    seed.seed(CONTENT)
    for leecher in leechers:
        leecher.get(CONTENT.hash)
    everything = (1 << CONTENT.metainfo.chunk_count) - 1

    def one_copy_is_out() -> bool:
        held = 0
        for leecher in leechers:
            store = leecher.stores.get(CONTENT.hash)
            held |= store.have if store is not None else 0
        return held == everything

    lan.world.run(60.0, stop=one_copy_is_out)
    assert one_copy_is_out()
    seed.kill()
    lan.run(CONTENT, *leechers)


def test_a_dead_source_is_noticed_and_replaced() -> None:
    lan = Lan(4, 3)
    first, second, leecher = lan.stations
    first.seed(CONTENT)
    second.seed(CONTENT)
    leecher.get(CONTENT.hash)
    lan.world.run(0.3)
    died_at = lan.world.now
    first.kill()
    lan.run(CONTENT, leecher)
    assert lan.world.now - died_at < 4.0
    lan.world.run(died_at + 5.0)
    assert [s.peer.callsign for s in leecher.core.sessions.values() if s.peer] == [second.callsign]


def corrupting(share: float, lan: Lan, sender: SimStation) -> None:
    def rule(wire: Wire, message: Message) -> Verdict:
        if wire.sender is not sender.nic or not isinstance(message, bytes):
            return None
        if lan.world.rng.random() >= share:
            return None
        return Replace(message[:-1] + bytes([message[-1] ^ 1]))

    lan.network.rules.append(rule)


def test_a_liar_is_banned_and_the_content_comes_from_the_others() -> None:
    lan = Lan(5, 3)
    liar, honest, leecher = lan.stations
    liar.seed(CONTENT)
    honest.seed(CONTENT)
    corrupting(1.0, lan, liar)
    leecher.get(CONTENT.hash)
    lan.run(CONTENT, leecher)
    refused = [e for e in leecher.events if isinstance(e, effects.PeerRefused)]
    assert {e.callsign for e in refused} == {liar.callsign}
    linked = {s.peer.callsign for s in leecher.core.sessions.values() if s.peer}
    assert linked == {honest.callsign}


def test_a_banned_station_is_not_dialled_over_and_over() -> None:
    lan = Lan(5, 2)
    liar, leecher = lan.stations
    liar.seed(CONTENT)
    corrupting(1.0, lan, liar)
    leecher.get(CONTENT.hash)
    lan.world.run(120.0)
    ups = sum(isinstance(event, effects.PeerUp) for event in leecher.events)
    refusals = sum(isinstance(event, effects.PeerRefused) for event in leecher.events)
    assert ups == 1
    assert refusals <= 8


def test_the_last_source_is_worth_its_rare_errors() -> None:
    lan = Lan(6, 2)
    seed, leecher = lan.stations
    seed.seed(CONTENT)
    corrupting(0.01, lan, seed)
    leecher.get(CONTENT.hash)
    lan.run(CONTENT, leecher)


def test_a_lossy_path_delivers() -> None:
    lan = Lan(7, 2)
    seed, leecher = lan.stations
    seed.seed(CONTENT)
    leecher.get(CONTENT.hash)

    def rule(wire: Wire, message: Message) -> Verdict:
        lost = isinstance(message, bytes) and lan.world.rng.random() < 0.05
        return Drop() if lost else None

    lan.network.rules.append(rule)
    lan.run(CONTENT, leecher)
    assert duplicates(CONTENT, leecher) <= 0.02


def test_messages_of_control_may_be_lost_when_a_station_freezes() -> None:
    lan = Lan(8, 3)
    first, second, leecher = lan.stations
    first.seed(CONTENT)
    second.seed(CONTENT)
    leecher.get(CONTENT.hash)
    frozen = [False]

    def rule(wire: Wire, message: Message) -> Verdict:
        return Drop() if frozen[0] and wire.sender is first.nic else None

    lan.network.rules.append(rule)
    lan.world.run(0.3)
    frozen[0] = True
    lan.world.run(2.0)
    frozen[0] = False
    lan.run(CONTENT, leecher)


def test_a_cut_cable_heals() -> None:
    lan = Lan(9, 2)
    seed, leecher = lan.stations
    seed.seed(CONTENT)
    leecher.get(CONTENT.hash)
    lan.world.run(0.3)
    leecher.nic.connected = False
    lan.world.run(30.0)
    assert not leecher.core.sessions
    leecher.nic.connected = True
    lan.run(CONTENT, leecher)


def test_a_station_that_was_killed_goes_on_where_it_was() -> None:
    lan = Lan(10, 2)
    seed, leecher = lan.stations
    seed.seed(CONTENT)
    leecher.get(CONTENT.hash)
    lan.world.run(0.4)
    kept = leecher.stores[CONTENT.hash].have.bit_count()
    assert kept > 3
    leecher.kill()
    lan.world.run(1.0)
    served = seed.octets_served[CONTENT.hash]
    leecher.restart()
    lan.run(CONTENT, leecher)
    again = seed.octets_served[CONTENT.hash] - served
    assert again <= len(CONTENT.octets) - kept * CONTENT.metainfo.chunk_octets


def test_an_emergency_is_through_while_a_routine_transfer_waits() -> None:
    lan = Lan(11, 3)
    seed, routine, urgent = lan.stations
    big, small = SimContent(1, 32 * MIB, 256 * KIB), SimContent(2, 2 * MIB, 64 * KIB)
    seed.seed(big)
    seed.seed(small, precedence=Precedence.EMERGENCY)
    routine.get(big.hash)
    lan.world.run(0.5)
    urgent.get(small.hash, precedence=Precedence.EMERGENCY)
    lan.run(small, urgent)
    alone_s = len(small.octets) / FAST_ETHERNET
    assert lan.world.now - 0.5 < 2.5 * alone_s
    assert not routine.has(big)


def test_a_full_disk_fails_one_download_and_no_other() -> None:
    lan = Lan(12, 2)
    seed, leecher = lan.stations
    other = SimContent(9, MIB, 64 * KIB)
    for content in (CONTENT, other):
        seed.seed(content)
        leecher.get(content.hash)
    leecher.disk_fails = lambda write: "disk full" if write.content == CONTENT.hash else None
    lan.run(other, leecher)
    lan.world.run(5.0)
    download = leecher.core.downloads[CONTENT.hash]
    assert (download.stage, download.problem) == (Stage.FAILED, "disk full")


def test_a_changed_file_is_fetched_from_others() -> None:
    lan = Lan(13, 3)
    changed, honest, leecher = lan.stations
    changed.seed(CONTENT)
    honest.seed(CONTENT)
    changed.read_fails = lambda _: "the file changed"
    leecher.get(CONTENT.hash)
    lan.run(CONTENT, leecher)


def test_a_machine_that_slept_a_day_goes_on() -> None:
    lan = Lan(14, 2)
    seed, leecher = lan.stations
    seed.seed(CONTENT)
    leecher.get(CONTENT.hash)
    lan.world.run(0.3)
    lan.world.now += 86_400.0
    lan.run(CONTENT, leecher, until_s=lan.world.now + 60.0)
    assert not [e for e in leecher.events if isinstance(e, effects.PeerRefused)]


def test_limits_hold_over_the_internet() -> None:
    limit = 500_000.0
    lan = Lan(15, 2, path=Path.DIRECT, settings=SwarmSettings(download_octets_per_s=limit))
    seed, leecher = lan.stations
    content = SimContent(3, 4 * MIB, 64 * KIB)
    seed.seed(content)
    leecher.get(content.hash)
    lan.run(content, leecher)
    assert lan.world.now == pytest.approx(len(content.octets) / limit, rel=0.15)


def test_pause_and_resume_lose_nothing() -> None:
    lan = Lan(16, 2)
    seed, leecher = lan.stations
    seed.seed(CONTENT)
    leecher.get(CONTENT.hash)
    for at in (0.2, 0.3, 0.4, 0.5):
        lan.world.run(at)
        leecher.host.post(inputs.PauseDownload(CONTENT.hash))
        lan.world.run(at + 0.05)
        leecher.get(CONTENT.hash)
    lan.run(CONTENT, leecher)
    assert leecher.stores[CONTENT.hash].have == (1 << CONTENT.metainfo.chunk_count) - 1
    assert seed.octets_served[CONTENT.hash] <= 1.4 * len(CONTENT.octets)
