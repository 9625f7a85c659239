"""Whatever happens to the transmitter, in any order, its promises hold."""

from dataclasses import replace

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.unit.radio.rig import Rig
from tests.unit.radio.stations import AFSK, VHF, routine, traffic

from meshdl.air import CarrierChanged, ModemDown, ModemUp
from meshdl.content.precedence import Precedence
from meshdl.radio import transmitter_events as events
from meshdl.radio.budget import AirtimeLimits
from meshdl.radio.keying import Key
from meshdl.radio.log_records import RadioEvent

NAMED = b"DE KA1ABC"


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: the invariants of the door."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(settings={"limits": AirtimeLimits(duty_cycle_max=1.0)})
        self.keyed = 0
        self.off = False
        self.serials: list[int] = []

    @rule(
        precedence=st.sampled_from(Precedence), octets=st.integers(1, 256),
        frames=st.integers(1, 20), clear=st.booleans(), third=st.booleans(),
    )  # fmt: skip
    def submit(
        self, precedence: Precedence, octets: int, frames: int, clear: bool, third: bool
    ) -> None:
        self.rig.submit(
            traffic(
                *[b"x" * octets] * frames, precedence=precedence, cleartext=clear,
                third_party=third, withdraw_key=precedence.name,
            )
        )  # fmt: skip

    @rule(for_s=st.floats(0.0, 700.0))
    def time_passes(self, for_s: float) -> None:
        self.rig.run(for_s)

    @rule(back_s=st.floats(0.0, 700.0))
    def clock_jumps_back(self, back_s: float) -> None:
        self.rig.now = max(0.0, self.rig.now - back_s)

    @rule(works=st.booleans())
    def log(self, works: bool) -> None:
        self.rig.log_works = works

    @rule(clear=st.booleans())
    def channel(self, clear: bool) -> None:
        self.rig.clear = clear
        self.rig.give(CarrierChanged(busy=not clear))
        if clear:
            self.rig.give(events.ChannelGranted())

    @rule(which=st.sampled_from(Precedence))
    def withdraw(self, which: Precedence) -> None:
        self.rig.give(events.Withdraw(which.name, "nobody wants it"))

    @rule()
    def hear_an_emergency(self) -> None:
        self.rig.give(events.EmergencyHeard())

    @rule(dial=st.sampled_from([144_050_000, 145_010_000, 146_010_000]))
    def tune(self, dial: int) -> None:
        self.rig.give(events.Reconfigure(replace(VHF, dial_hz=dial)))

    @rule(follow=st.booleans(), exchange=st.booleans())
    def reconfigure(self, follow: bool, exchange: bool) -> None:
        terms = replace(VHF, rig=follow)
        self.rig.give(events.Reconfigure(terms, modem_changes=exchange))

    @rule(dial=st.sampled_from([None, 145_010_000, 146_010_000, 150_000_000]), told=st.booleans())
    def turn_the_knob(self, dial: int | None, told: bool) -> None:
        self.rig.dial_hz = dial
        if told:
            self.rig.give(events.RigSilent("no reply") if dial is None else events.RigRead(dial))

    @rule()
    def declare(self) -> None:
        self.rig.give(events.DeclareEmergency("KA1ABC", "flood", 300.0))

    @rule()
    def switch_off(self) -> None:
        self.rig.give(events.SwitchOff("KA1ABC", "now"))
        self.off, self.keyed = True, len(self.rig.on_air)

    @rule()
    def switch_on(self) -> None:
        self.off = False
        self.rig.give(events.SwitchOn("KA1ABC"))

    @rule()
    def modem_fails(self) -> None:
        self.rig.key, self.rig.ends_at = None, None
        self.rig.give(ModemDown("unplugged"))
        self.rig.give(ModemUp(AFSK))

    @rule(works=st.booleans())
    def modem_hangs_or_goes_on(self, works: bool) -> None:
        self.rig.modem_works = works
        if self.rig.key is not None:
            self.rig.ends_at = self.rig.now if works else None

    @invariant()
    def nothing_is_keyed_while_off(self) -> None:
        assert not self.off or len(self.rig.on_air) == self.keyed

    @invariant()
    def a_burst_is_keyed_once(self) -> None:
        serials = [key.serial for _, key in self.rig.on_air]
        assert len(serials) == len(set(serials))

    @invariant()
    def every_burst_is_below_the_cap(self) -> None:
        assert all(key.burst_s <= 30.0 for _, key in self.rig.on_air)

    @invariant()
    def nothing_obscured_is_in_a_transmission(self) -> None:
        logged = {one.burst: one for one in self.rig.logged(RadioEvent.TRANSMISSION)}
        for _, key in self.rig.on_air:
            record = logged[key.serial]
            assert (record.frames, record.verdict in {"LEGAL", "WARNING"}) == (key.frames, True)

    @invariant()
    def every_burst_was_where_the_rig_was(self) -> None:
        logged = {one.burst: one for one in self.rig.logged(RadioEvent.TRANSMISSION)}
        assert all(logged[serial].dial_hz == dial for serial, dial in self.rig.keyed_at.items())

    @invariant()
    def the_deadline_lies_ahead(self) -> None:
        deadline = self.rig.core.deadline()
        assert deadline is None or deadline > self.rig.core._now


AnyOrder.TestCase.settings = hypothesis_settings(stateful_step_count=40)
TestAnyOrder = AnyOrder.TestCase


def test_a_key_cannot_be_mistaken_for_octets() -> None:
    rig = Rig()
    rig.submit(routine())
    assert isinstance(rig.on_air[0][1], Key)
