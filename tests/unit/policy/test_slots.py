"""Who is served next: precedence first, then fair shares."""

from hypothesis import given
from hypothesis import strategies as st

from meshdl.content.precedence import Precedence
from meshdl.ids import LinkId
from meshdl.policy.slots import SLOT_TURN_S, Waiting, next_upload, slot_to_yield

waiting = st.builds(
    Waiting,
    st.sampled_from([LinkId(name) for name in "abcdef"]),
    st.sampled_from(Precedence),
    st.floats(0, 1e9),
)


@given(links=st.lists(waiting, min_size=1))
def test_nobody_more_urgent_waits_behind_somebody_less_urgent(links: list[Waiting]) -> None:
    chosen = next_upload(links)
    assert chosen is not None
    assert chosen.precedence == min(link.precedence for link in links)


def test_nobody_waits_nobody_is_served() -> None:
    assert next_upload([]) is None
    assert slot_to_yield([], Precedence.EMERGENCY) is None


@given(sizes=st.lists(st.integers(1, 65_536), min_size=2, max_size=5))
def test_equals_get_equal_octets_whatever_the_sizes_of_their_requests(sizes: list[int]) -> None:
    virtual = {LinkId(str(i)): 0.0 for i in range(len(sizes))}
    for _ in range(200):
        links = [Waiting(link, Precedence.ROUTINE, at) for link, at in virtual.items()]
        chosen = next_upload(links)
        assert chosen is not None
        octets = sizes[int(chosen.link)]
        virtual[chosen.link] += octets
        assert max(virtual.values()) - min(virtual.values()) <= max(sizes)


@given(holders=st.lists(waiting), newcomer=st.sampled_from(Precedence))
def test_who_is_less_urgent_yields_its_slot_but_for_the_last_of_them(
    holders: list[Waiting], newcomer: Precedence
) -> None:
    loser = slot_to_yield(holders, newcomer)
    ranks = sorted((holder.precedence for holder in holders), reverse=True)
    if len(ranks) > 1 and ranks[0] > ranks[1]:
        del ranks[0]
    if ranks and ranks[0] > newcomer:
        assert loser is not None
        assert loser.precedence == ranks[0]
    else:
        assert loser is None, "nobody has had a turn"


@given(
    held=st.lists(st.floats(0, 3 * SLOT_TURN_S), min_size=1, max_size=5),
    precedence=st.sampled_from(Precedence),
    newcomer=st.sampled_from(Precedence),
)
def test_who_had_a_slot_for_longest_yields_it_to_an_equal_after_a_turn(
    held: list[float], precedence: Precedence, newcomer: Precedence
) -> None:
    holders = [
        Waiting(LinkId(str(i)), precedence, 0.0, held_s=held_s) for i, held_s in enumerate(held)
    ]
    loser = slot_to_yield(holders, newcomer)
    if precedence < newcomer and len(held) == 1:
        assert loser is None, "who is more urgent keeps the only one"
    elif precedence <= newcomer:
        assert (loser is not None) is (max(held) >= SLOT_TURN_S)
        assert loser is None or loser.held_s == max(held)


def test_who_is_less_urgent_than_everybody_gets_a_slot_after_a_turn() -> None:
    def holder(serial: int, precedence: Precedence, held_s: float) -> Waiting:
        return Waiting(LinkId(str(serial)), precedence, 0.0, held_s=held_s)

    urgent = [holder(serial, Precedence.EMERGENCY, serial) for serial in range(3)]
    assert slot_to_yield(urgent, Precedence.ROUTINE) is None
    longest = holder(3, Precedence.EMERGENCY, SLOT_TURN_S)
    assert slot_to_yield([*urgent, longest], Precedence.ROUTINE) is longest
    routine = holder(4, Precedence.ROUTINE, 0.0)
    assert slot_to_yield([*urgent, routine], Precedence.EMERGENCY) is None
    assert slot_to_yield([*urgent, longest, routine], Precedence.EMERGENCY) is longest
    assert slot_to_yield([*urgent, routine], Precedence.WELFARE) is None
    after = holder(5, Precedence.ROUTINE, SLOT_TURN_S)
    assert slot_to_yield([*urgent, after], Precedence.WELFARE) is after
