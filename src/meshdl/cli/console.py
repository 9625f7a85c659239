"""Tables on stdout, a live line on stderr. The only room that imports rich."""

import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

PIPED_WIDTH = 200
"""Columns when stdout is no terminal: nothing worth reading is cut off."""

NARROW_COLUMNS = 60
"""On a terminal that has fewer, a table's rows are lists: every column would be cut off."""

PLAIN_EVERY_S = 10.0
"""Between two lines of progress when stderr is no terminal."""


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """Print a table, or the sentence ``empty`` when there are no rows.

    Headings that begin with ``>`` are of numbers, and set flush right.
    """
    if sys.stdout.isatty() and Console().width < NARROW_COLUMNS:
        _print_lists([heading.removeprefix(">") for heading in headings], rows, empty=empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        justify = "right" if heading.startswith(">") else "left"
        table.add_column(heading.removeprefix(">"), justify=justify, overflow="ellipsis")  # type: ignore[arg-type]
    for row in rows:
        # Text, not str: a title that looks like markup must stay what it is.
        table.add_row(*(Text(printable(cell)) for cell in row))
    if table.row_count == 0:
        click.echo(empty)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPED_WIDTH)
    console.print(table)


def _print_lists(headings: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
    """A row as a list of its cells, a line each; the terminal wraps what is longer."""
    width = max(map(len, headings)) + 1
    lists = [
        "\n".join(
            f"{heading:<{width}}{printable(cell)}"
            for heading, cell in zip(headings, row, strict=True)
            if cell
        )
        for row in rows
    ]
    click.echo("\n\n".join(lists) or empty)


class LiveLine:
    """One line that is always up to date on a terminal, and a few lines in a file."""

    def __init__(self) -> None:
        self._live: Live | None = None
        if sys.stderr.isatty():
            self._live = Live(
                console=Console(stderr=True, highlight=False),
                transient=True,
                # Left on, results meant for a file would appear on the terminal instead.
                redirect_stdout=False,
                redirect_stderr=False,
            )
        self._state = ""
        self._printed_at = float("-inf")

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, text: str, *, state: str) -> None:
        """Show ``text``; when ``state`` is another than before, in a file as well."""
        if self._live is not None:
            self._live.update(Text(printable(text), no_wrap=True, overflow="ellipsis"))
            return
        now = time.monotonic()
        if state != self._state or now - self._printed_at >= PLAIN_EVERY_S:
            self._state, self._printed_at = state, now
            click.echo(printable(text), err=True)


def printable(text: str) -> str:
    """Without what could command the terminal: titles come from strangers."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
