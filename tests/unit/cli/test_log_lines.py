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
