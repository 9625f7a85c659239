"""Two links to one station: both ends keep the same one."""

from tests.unit.swarm.rig import Rig, identity

from meshdl.ids import station_id
from meshdl.swarm import effects
from meshdl.wire import control as wire


def glare(order: tuple[int, int]) -> list[bool]:
    """Two links to one station, one dialled by each side; which of them lives."""
    rig = Rig()
    theirs = station_id(identity("KA1AAA").key)
    links = [rig.bare_link("KA1AAA", dialled=theirs), rig.bare_link("KA1AAA")]
    for position in order:
        if links[position].link in rig.swarm.sessions:
            links[position].shake_hands()
    return [peer.linked() for peer in links]


def test_of_two_links_that_both_sides_dialled_the_lower_ids_is_kept_in_any_order() -> None:
    ours = station_id(identity("KA1MMM").key)
    lower_is_ours = ours < station_id(identity("KA1AAA").key)
    assert glare((0, 1)) == glare((1, 0)) == [lower_is_ours, not lower_is_ours]


def test_of_two_links_of_one_dialler_both_ends_keep_the_same_in_any_order() -> None:
    kept = []
    for order in ((0, 1), (1, 0)):
        rig = Rig()
        links = [rig.bare_link("KA1AAA"), rig.bare_link("KA1AAA")]
        for position in order:
            links[position].shake_hands()
        kept.append([peer.linked() for peer in links])
    assert kept[0] == kept[1]
    assert sum(kept[0]) == 1


def test_a_later_dial_of_the_same_side_replaces_the_link_that_it_lost() -> None:
    rig = Rig()
    old = rig.peer("KA1AAA")
    rig.wait(1.0)
    old.say(wire.Ping(1))
    rig.wait(1.2)
    new = rig.peer("KA1AAA")
    assert (old.linked(), new.linked()) == (False, True)
    assert len(rig.of(effects.PeerUp)) == 2
    assert len(rig.of(effects.PeerDown)) == 1


def test_a_restarted_station_replaces_its_old_run_at_once() -> None:
    rig = Rig()
    theirs = station_id(identity("KA1AAA").key)
    old = rig.bare_link("KA1AAA", dialled=theirs)
    old.shake_hands()
    new = rig.bare_link("KA1AAA", instance=b"next run")
    new.shake_hands()
    assert (old.linked(), new.linked()) == (False, True)
