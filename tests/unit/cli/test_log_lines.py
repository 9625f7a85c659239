"""Log lines have no host in them, whoever writes them; unless the operator wants it."""

import logging
import subprocess
import sys

import pytest

from meshdl.cli.log_lines import FORMAT, MaskingFormatter


def fail() -> None:
    raise ConnectionError("no answer of 192.168.1.17:7373")


def test_a_line_is_masked_with_its_exception() -> None:
    log = logging.getLogger("meshdl")
    try:
        fail()
    except ConnectionError:
        what = ("meshdl", logging.INFO, __file__, 1, "%s is up, %s", ("KA1ABC", "fd73::9"))
        record = log.makeRecord(*what, sys.exc_info())
    line = MaskingFormatter(FORMAT).format(record)
    assert "KA1ABC is up, fd73:0:*" in line
    assert "no answer of 192.168.*:7373" in line
    assert "raise ConnectionError" in line
    assert "192.168.1.17" not in line


def test_strangers_who_send_what_is_no_http_write_nothing_in_the_log() -> None:
    program = """
import asyncio
from meshdl.cli.log_lines import log_to_stderr
from meshdl.discovery.messages import Card
from meshdl.discovery.server import LanServer

async def answer(offer):
    raise RuntimeError("a bug of ours")

async def main():
    async with LanServer(Card("", "", "", ""), answer, port=None) as server:
        for octets in NONSENSE, NONSENSE, OFFER:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(octets)
            print((await reader.readline()).split()[1].decode())
            writer.close()

log_to_stderr(verbose=False, addresses=False)
body = b'{"station": "a", "sdp": ""}'
NONSENSE = b"GET / HTTP/1.1\\r\\nHost: \\0\\r\\n\\r\\n"
OFFER = (
    b"POST /rtc/offer HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nContent-Type: application/json\\r\\n"
    b"Content-Length: %d\\r\\n\\r\\n" % len(body) + body
)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["400", "400", "500"]
    assert done.stderr.count("ERROR") == 1
    assert "a bug of ours" in done.stderr


@pytest.mark.parametrize(("addresses", "shown"), [(False, "192.168.*"), (True, "192.168.1.17")])
def test_whole_addresses_are_written_only_when_asked_for(addresses: bool, shown: str) -> None:
    program = (
        "import logging\n"
        "from meshdl.cli.log_lines import log_to_stderr\n"
        f"log_to_stderr(verbose=True, addresses={addresses})\n"
        "logging.getLogger('zeroconf').debug('heard of 192.168.1.17')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.endswith(f"DEBUG zeroconf: heard of {shown}\n")
