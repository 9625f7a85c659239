"""What radio equipment can be found from here: TNCs, ``rigctld``, serial ports, sound devices.

Looking opens nothing that could key a radio: TNCs are asked for by DNS-SD or found by a port
that answers, ``rigctld`` is asked for dial and mode, and devices are only listed. KISS has
no greeting, so that a port answers does not say that a TNC does; a receive test does.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from meshdl.discovery.tncs import TncFound, find_tncs
from meshdl.errors import ModemUnavailable, RigUnavailable
from meshdl.transports.modems.rigctld import PORT as RIGCTLD_PORT
from meshdl.transports.modems.rigctld import Rigctld

LOOPBACK = "127.0.0.1"
KISS_PORT = 8001
"""Dire Wolf's for KISS over TCP, and what others took over from it."""

PORT_ANSWERS_WITHIN_S = 1.0
"""On this machine; a firewall that drops costs no more."""

LISTED_WITHIN_S = 10.0
"""Drivers may take seconds to tell what they have. One that hangs shall not hang us."""

DEVICES_MAX = 64
"""Of each kind. Nobody chooses from more."""

FoundT = TypeVar("FoundT")


class FoundTnc(msgspec.Struct, frozen=True):
    """A TNC, or what may be one.

    Attributes:
        modem: for ``radio.modem``.
        name: as it announces itself; empty when only its port was found.
    """

    modem: str
    name: str = ""


class FoundRig(msgspec.Struct, frozen=True):
    """A radio behind ``rigctld``.

    Attributes:
        rigctld: for ``radio.rigctld``.
        dial_hz: where its dial is now.
        mode: what it demodulates, in Hamlib's words.
    """

    rigctld: str
    dial_hz: int
    mode: str


class FoundPort(msgspec.Struct, frozen=True):
    """A serial port; a TNC, a control line or something else is behind it."""

    device: str
    name: str = ""


class FoundSound(msgspec.Struct, frozen=True):
    """A sound device.

    Attributes:
        hears: it has an input.
        plays: it has an output.
    """

    name: str
    hears: bool
    plays: bool


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found.

    Attributes:
        unseen: what could not be looked at, and why.
    """

    tncs: tuple[FoundTnc, ...] = ()
    rigs: tuple[FoundRig, ...] = ()
    serial_ports: tuple[FoundPort, ...] = ()
    sound_devices: tuple[FoundSound, ...] = ()
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Senses:
    """How it is looked; tests put others in.

    Attributes:
        announced: TNCs that announce themselves. Raises :exc:`OSError`.
        answers: whether a port of this machine takes connections.
        rig: dial in Hz and mode of the radio behind a port of this machine.
            Raises :exc:`~meshdl.errors.RigUnavailable`.
        serial_ports: of this machine. Raises :exc:`OSError`.
        sound_devices: likewise. Raises :exc:`~meshdl.errors.ModemUnavailable`.
    """

    announced: Callable[[], Awaitable[tuple[TncFound, ...]]]
    answers: Callable[[int], Awaitable[bool]]
    rig: Callable[[int], Awaitable[tuple[int, str]]]
    serial_ports: Callable[[], list[FoundPort]]
    sound_devices: Callable[[], list[FoundSound]]


async def look(
    senses: Senses | None = None, *, kiss_port: int = KISS_PORT, rigctld_port: int = RIGCTLD_PORT
) -> Equipment:
    """Look at everything at once; takes about three seconds.

    Args:
        senses: how; the real ones by default.
        kiss_port: of this machine.
        rigctld_port: likewise.
    """
    senses = senses or real_senses()
    unseen: list[str] = []

    async def tried(what: str, looking: Coroutine[Any, Any, list[FoundT]]) -> tuple[FoundT, ...]:
        try:
            return tuple((await looking)[:DEVICES_MAX])
        except (OSError, ModemUnavailable) as error:
            unseen.append(f"{what}: {error}")
            return ()

    announced, answering, rigs, ports, sounds = await asyncio.gather(
        tried("TNCs of the network", _announced(senses)),
        tried("TNCs of this machine", _answering(senses, kiss_port)),
        tried("rigctld", _rigs(senses, rigctld_port)),
        tried("serial ports", _listed(senses.serial_ports)),
        tried("sound devices", _listed(senses.sound_devices)),
    )
    named = {one.modem for one in announced}
    return Equipment(
        tncs=(*(one for one in answering if one.modem not in named), *announced),
        rigs=rigs,
        serial_ports=ports,
        sound_devices=sounds,
        unseen=tuple(unseen),
    )


async def _announced(senses: Senses) -> list[FoundTnc]:
    return [FoundTnc(_kiss(one.address, one.port), one.name) for one in await senses.announced()]


async def _answering(senses: Senses, port: int) -> list[FoundTnc]:
    return [FoundTnc(_kiss(LOOPBACK, port))] if await senses.answers(port) else []


async def _rigs(senses: Senses, port: int) -> list[FoundRig]:
    try:
        dial_hz, mode = await senses.rig(port)
    except RigUnavailable:  # nobody at the port, or something else than rigctld
        return []
    return [FoundRig(f"{LOOPBACK}:{port}", dial_hz, mode)]


async def _listed(listing: Callable[[], list[FoundT]]) -> list[FoundT]:
    """What a listing gives, or :exc:`OSError` when a driver does not let go of it.

    In a thread of its own, which the end of the program does not wait for.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[list[FoundT]] = loop.create_future()

    def settle(found: list[FoundT], error: OSError | ModemUnavailable | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(found)
        else:
            done.set_exception(error)

    def run() -> None:
        found, problem = [], None
        try:
            found = listing()
        except (OSError, ModemUnavailable) as error:
            problem = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, found, problem)

    threading.Thread(target=run, name="devices", daemon=True).start()
    try:
        async with asyncio.timeout(LISTED_WITHIN_S):
            return await done
    except TimeoutError:
        raise OSError(f"the system has not listed them within {LISTED_WITHIN_S:g} s") from None


def _kiss(host: str, port: int) -> str:
    return f"kiss-tcp:[{host}]:{port}" if ":" in host else f"kiss-tcp:{host}:{port}"


def real_senses() -> Senses:
    """The network, the devices and the ports of this machine."""
    return Senses(
        announced=find_tncs,
        answers=port_answers,
        rig=read_rig,
        serial_ports=list_serial_ports,
        sound_devices=list_sound_devices,
    )


async def port_answers(port: int) -> bool:
    """Whether something of this machine takes connections at ``port``."""
    try:
        async with asyncio.timeout(PORT_ANSWERS_WITHIN_S):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True


async def read_rig(port: int) -> tuple[int, str]:
    """Dial and mode of the radio behind a ``rigctld`` of this machine.

    Raises:
        RigUnavailable: there is none.
    """
    rig = Rigctld(LOOPBACK, port)
    try:
        return await rig.dial_hz(), (await rig.mode()).name
    finally:
        await rig.close()


def list_serial_ports() -> list[FoundPort]:
    """Serial ports of this machine.

    Raises:
        OSError: the system does not tell.
    """
    # Stations without a serial TNC need not have what it needs.
    import serialx

    try:
        ports = serialx.list_serial_ports()
    except serialx.SerialException as error:
        raise OSError(str(error)) from None
    return [
        FoundPort(
            str(port.device),
            " ".join(word for word in (port.manufacturer, port.product) if word),
        )
        for port in ports
    ]


def list_sound_devices() -> list[FoundSound]:
    """Sound devices that PortAudio knows.

    Raises:
        ModemUnavailable: there is no PortAudio.
        OSError: it does not tell.
    """
    from meshdl.transports.modems.sound_card import load

    library = load()
    try:
        devices = library.query_devices()
    except library.PortAudioError as error:
        raise OSError(str(error)) from None
    return [
        FoundSound(str(one["name"]), one["max_input_channels"] > 0, one["max_output_channels"] > 0)
        for one in devices
    ]
