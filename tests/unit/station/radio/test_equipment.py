"""Radio equipment that is found, through senses that are not the real ones."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from meshdl.discovery.tncs import TncFound
from meshdl.errors import ModemUnavailable, RigUnavailable
from meshdl.station.modem_address import KissTcp, parse_modem
from meshdl.station.radio import equipment as radio_equipment
from meshdl.station.radio.equipment import (
    DEVICES_MAX,
    Equipment,
    FoundPort,
    FoundRig,
    FoundSound,
    FoundTnc,
    Senses,
    look,
)


def senses(
    *,
    announced: Callable[[], tuple[TncFound, ...]] = tuple,
    answering: int = 0,
    rig: tuple[int, str] | None = None,
    serial_ports: Callable[[], list[FoundPort]] = list,
    sound_devices: Callable[[], list[FoundSound]] = list,
) -> Senses:
    async def tncs() -> tuple[TncFound, ...]:
        return announced()

    async def answers(port: int) -> bool:
        return port == answering

    async def read_rig(port: int) -> tuple[int, str]:
        if rig is None:
            raise RigUnavailable(f"nobody at {port}")
        return rig

    return Senses(
        announced=tncs,
        answers=answers,
        rig=read_rig,
        serial_ports=serial_ports,
        sound_devices=sound_devices,
    )


def found(using: Senses) -> Equipment:
    return asyncio.run(look(using))


def test_everything_that_is_there_is_found() -> None:
    ports, sounds = [FoundPort("/dev/ttyUSB0", "ACME TNC")], [FoundSound("USB Audio", True, True)]
    all_of_it = senses(
        announced=lambda: (TncFound("Dire Wolf on hill", "192.0.2.7", 8001),),
        answering=8001,
        rig=(14_103_000, "PKTUSB"),
        serial_ports=lambda: ports,
        sound_devices=lambda: sounds,
    )
    assert found(all_of_it) == Equipment(
        tncs=(
            FoundTnc("kiss-tcp:127.0.0.1:8001"),
            FoundTnc("kiss-tcp:192.0.2.7:8001", "Dire Wolf on hill"),
        ),
        rigs=(FoundRig("127.0.0.1:4532", 14_103_000, "PKTUSB"),),
        serial_ports=tuple(ports),
        sound_devices=tuple(sounds),
    )


def test_nothing_is_found_where_nothing_is() -> None:
    assert found(senses()) == Equipment()


def test_a_tnc_that_announces_itself_and_answers_is_one_tnc_with_its_name() -> None:
    both = senses(announced=lambda: (TncFound("TNC", "127.0.0.1", 8001),), answering=8001)
    assert found(both).tncs == (FoundTnc("kiss-tcp:127.0.0.1:8001", "TNC"),)


def test_an_ipv6_tnc_is_named_as_the_settings_take_it() -> None:
    six = senses(announced=lambda: (TncFound("TNC", "2001:db8::7", 8001),))
    (tnc,) = found(six).tncs
    assert parse_modem(tnc.modem) == KissTcp("2001:db8::7", 8001)


def test_what_cannot_be_looked_at_is_told_and_the_rest_is_found() -> None:
    def no_network() -> tuple[TncFound, ...]:
        raise OSError("no network interface")

    def no_library() -> list[FoundSound]:
        raise ModemUnavailable("sound is not available: install it")

    half = found(senses(announced=no_network, sound_devices=no_library, answering=8001))
    assert half.tncs == (FoundTnc("kiss-tcp:127.0.0.1:8001"),)
    assert set(half.unseen) == {
        "TNCs of the network: no network interface",
        "sound devices: sound is not available: install it",
    }


def test_a_driver_that_hangs_is_told_and_the_rest_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(radio_equipment, "LISTED_WITHIN_S", 0.05)
    let_go = threading.Event()

    def hangs() -> list[FoundSound]:
        let_go.wait()
        return [FoundSound("too late", True, True)]

    half = found(senses(sound_devices=hangs, answering=8001))
    let_go.set()
    assert half.tncs == (FoundTnc("kiss-tcp:127.0.0.1:8001"),)
    assert half.sound_devices == ()
    assert half.unseen == ("sound devices: the system has not listed them within 0.05 s",)


def test_thousands_of_devices_are_cut_off() -> None:
    many = senses(serial_ports=lambda: [FoundPort(f"/dev/tty{n}") for n in range(5000)])
    assert len(found(many).serial_ports) == DEVICES_MAX


def test_what_was_found_is_json_for_scripts() -> None:
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found(senses(answering=8001))))
    assert told["tncs"] == [{"modem": "kiss-tcp:127.0.0.1:8001", "name": ""}]
    assert set(told) == {"tncs", "rigs", "serial_ports", "sound_devices", "unseen"}
