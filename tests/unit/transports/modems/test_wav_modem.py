"""What the conformance suite does not ask of the modem of recordings."""

from pathlib import Path

from tests.support.loops import run
from tests.support.modems import TestBurst, running

from meshdl.air import FrameHeard
from meshdl.transports.modems.freedv_modes import FreedvMode
from meshdl.transports.modems.wav_files import write_wav
from meshdl.transports.modems.wav_modem import WavModem, decode_wav


def test_a_burst_becomes_one_recording_that_others_can_decode(tmp_path: Path) -> None:
    async def body() -> None:
        modem = WavModem(None, tmp_path, modes=[FreedvMode.DATAC3])
        async with running(modem) as ear:
            modem.key(TestBurst(12, (b"a" * 126, b"b" * 126)))
            await ear.ended(12)

    run(body())
    [recording] = tmp_path.iterdir()
    assert recording.name == "00000012.wav"
    heard = [found.heard for found in decode_wav(recording, [FreedvMode.DATAC3])]
    assert [one.octets for one in heard] == [b"a" * 126, b"b" * 126]


def test_a_recording_is_decoded_once_and_one_that_is_replaced_again(tmp_path: Path) -> None:
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    outbox.mkdir()

    async def body() -> None:
        writer = WavModem(None, inbox, modes=[FreedvMode.DATAC0])
        reader = WavModem(
            inbox, outbox, modes=[FreedvMode.DATAC1], listens=[FreedvMode.DATAC0], look_every_s=0.01
        )
        async with running(writer) as wrote, running(reader) as read:
            writer.key(TestBurst(1, (b"first",)))
            await read.frames(1)
            writer.key(TestBurst(1, (b"the second", b"third")))
            await read.frames(3)
            await wrote.ended(1)
            writer.key(TestBurst(2, (b"fourth",)))
            await read.frames(4)
            [first, second, third, _] = [one for one in read.reports if isinstance(one, FrameHeard)]
            assert [one.octets.rstrip(b"\0") for one in (first, second, third)] == [
                b"first", b"the second", b"third"
            ]  # fmt: skip
            assert first.mode == "DATAC0"  # not the one that it would send in
            assert first.snr_db is not None

    run(body())


def test_a_file_that_is_no_recording_does_not_stop_it(tmp_path: Path) -> None:
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    outbox.mkdir()
    (inbox / "a.wav").write_bytes(b"RIFF, but not really")
    write_wav(inbox / "b.wav", [])

    async def body() -> None:
        writer = WavModem(None, inbox, modes=[FreedvMode.DATAC0])
        modes = [FreedvMode.DATAC0]
        reader = WavModem(inbox, outbox, modes=modes, listens=modes, look_every_s=0.01)
        async with running(reader) as read, running(writer):
            writer.key(TestBurst(3, (b"fine",)))
            [octets] = await read.frames(1)
            assert octets.rstrip(b"\0") == b"fine"

    run(body())
