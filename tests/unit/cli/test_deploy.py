"""What the guides and the deployment files tell people to run is understood."""

import re
from pathlib import Path

import click
import pytest

from meshdl.cli.main import meshdl

TOP = Path(__file__).parents[3]
PAGES = sorted(
    [*(TOP / "deploy").iterdir(), *(TOP / "docs" / "howto").iterdir(), TOP / "README.md"]
)


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Each call of ``meshdl`` in it: the command, and its options."""
    calls = re.sub(r'"?,\s*"', " ", text.replace("\\\n", " "))  # a shell's and a list's way
    found = []
    for line in calls.splitlines():
        call = re.search(r"(?:^|[/\s\"])meshdl (?:--home \S+ )?([a-z]+)\b(.*)", line)
        if call and (line.startswith("    ") or "Exec" in line or "ENTRYPOINT" in line):
            found.append((call[1], re.findall(r"(?<!\S)(--?[a-z][\w-]*)", call[2])))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page: Path) -> None:
    with meshdl.make_context("meshdl", [], resilient_parsing=True) as context:
        for name, options in commands(page.read_text(encoding="utf-8")):
            command = meshdl.get_command(context, name)
            assert command is not None, name
            verbs = command.commands.values() if isinstance(command, click.Group) else ()
            params = [one for each in (command, *verbs) for one in each.params]
            known = {option for parameter in params for option in parameter.opts}
            assert set(options) <= known


def test_commands_are_found_in_all_forms() -> None:
    assert commands("    meshdl signal --host A \\\n  -v\n") == [("signal", ["--host", "-v"])]
    assert commands('ENTRYPOINT ["meshdl", "signal", "--state", "/s"]') == [("signal", ["--state"])]
    assert commands("ExecStart=/usr/bin/meshdl up --home X") == [("up", ["--home"])]
