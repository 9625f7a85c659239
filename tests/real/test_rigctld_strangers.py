"""Whatever answers in the place of rigctld: a value, or one error with what to look at."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.loops import run

from meshdl.errors import RigUnavailable
from meshdl.transports.modems.rigctld import Rigctld, RigMode

pytestmark = pytest.mark.real

REPLIES = st.lists(
    st.binary(max_size=40)
    | st.sampled_from(
        [b"145000000", b"0", b"1", b"-1", b"PKTUSB", b"3000", b"RPRT 0", b"RPRT -1", b"RPRT -11",
         b"9" * 30, "\u0661\u0662".encode(), b"\xb2"]
    ),
    max_size=3,
)  # fmt: skip


class Stranger:
    """A port at which somebody says these octets and hangs up."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(self._octets)
        writer.close()


@given(REPLIES, st.sampled_from(["dial_hz", "mode", "ptt", "set_ptt"]))
def test_any_reply_is_a_value_or_one_error(replies: list[bytes], asked: str) -> None:
    async def scene() -> object:
        octets = b"".join(line + b"\n" for line in replies)
        server = await asyncio.start_server(Stranger(octets), "127.0.0.1", 0)
        rig = Rigctld(port=server.sockets[0].getsockname()[1])
        questions: dict[str, Callable[[], Awaitable[object]]] = {
            "dial_hz": rig.dial_hz,
            "mode": rig.mode,
            "ptt": rig.ptt,
            "set_ptt": lambda: rig.set_ptt(on=False),
        }
        try:
            return await questions[asked]()
        except RigUnavailable as error:
            return error
        finally:
            await rig.close()
            server.close()

    told = run(scene())
    match asked, told:
        case _, RigUnavailable():
            assert "rigctld at 127.0.0.1" in str(told)
        case "dial_hz", int():
            assert told > 0
        case "mode", RigMode():
            assert told.name.isascii()
        case "ptt", bool():
            pass
        case "set_ptt", None:
            assert b"RPRT 0" in replies[0]
        case _:
            pytest.fail(f"{asked}: {told!r}")
