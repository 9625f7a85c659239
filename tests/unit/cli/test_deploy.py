"""What the guides and the deployment files tell people to run is understood."""

import re
from pathlib import Path

import click
import pytest

from meshdl.cli.main import meshdl

TOP = Path(__file__).parents[3]
PAGES = sorted([*(TOP / "deploy").iterdir(), *(TOP / "docs").glob("[hr]*/*.md"), TOP / "README.md"])
OPTION = re.compile(r"--?[a-z][\w-]*")


def commands(text: str) -> list[tuple[list[str], list[str]]]:
    """Each call of ``meshdl`` in it: the words up to its first value, and its options."""
    calls = re.sub(r'"?,\s*"', " ", text.replace("\\\n", " "))  # a shell's and a list's way
    found = []
    for line in calls.splitlines():
        call = re.search(r"(?:^|[/\s\"])meshdl (?:--home \S+ )?([a-z]+\b.*)", line)
        if call and (line.startswith("    ") or "Exec" in line or "ENTRYPOINT" in line):
            found.append(call[1])
        else:
            found += re.findall(r"`meshdl (?:--home \S+ )?([a-z]+\b[^`]*)`", line)
    return [parts(re.split(r"\s+#|\s*&|\s*\|\s", call)[0]) for call in found]


def parts(call: str) -> tuple[list[str], list[str]]:
    """Words before the first option or value, and all options."""
    words = []
    for word in call.split():
        if not re.fullmatch(r"[a-z]+", word):
            break
        words.append(word)
    return words, re.findall(rf"(?<!\S){OPTION.pattern}", call)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_option_exists(page: Path) -> None:
    for words, options in commands(page.read_text(encoding="utf-8")):
        command: click.Command = meshdl
        with meshdl.make_context("meshdl", [], resilient_parsing=True) as context:
            for word in words:
                if not isinstance(command, click.Group):
                    break  # from here on it is what the command is told
                named = command.get_command(context, word)
                assert named is not None, f"there is no {word!r} in {' '.join(words)!r}"
                command = named
            known = {option for one in command.get_params(context) for option in one.opts}
        assert set(options) <= known, f"{' '.join(words)}: {set(options) - known}"


def test_the_guide_to_the_radio_names_what_an_operator_needs() -> None:
    guide = commands((TOP / "docs/howto/radio.md").read_text(encoding="utf-8"))
    told = [" ".join(words[:2]) for words, _ in guide]
    needed = ("radio setup", "up", "radio status", "share", "get", "radio monitor", "radio off")
    # In that order, and the log of it all.
    places = [told.index(one) for one in needed]
    assert places == sorted(places)
    assert {"log", "radio on", "radio reload"} <= set(told)


def test_commands_are_found_in_all_forms() -> None:
    assert commands("    meshdl signal --host A \\\n  -v\n") == [(["signal"], ["--host", "-v"])]
    assert commands('ENTRYPOINT ["meshdl", "signal", "--state", "/s"]') == [
        (["signal"], ["--state"])
    ]
    assert commands("ExecStart=/usr/bin/meshdl up --home X") == [(["up"], ["--home"])]
    assert commands("    $ meshdl radio off --reason 'TV'  # not --on") == [
        (["radio", "off"], ["--reason"])
    ]
    assert commands("say `meshdl radio on`, or `meshdl log --adif`.") == [
        (["radio", "on"], []), (["log"], ["--adif"]),
    ]  # fmt: skip
