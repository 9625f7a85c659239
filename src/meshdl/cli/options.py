"""Options that every subcommand has, and how results are written."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from meshdl.station.home import Home, locate

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

pass_home = click.make_pass_decorator(Home)


class Seconds(click.FloatRange):
    """More than nothing; for ever is to leave the option out."""

    def __init__(self) -> None:
        super().__init__(min=0.0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it; "nan" is no number that anything could be compared with."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number of seconds.", param, ctx)
        return number


def _remember(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.obj = locate(value, os.environ)


def home_option(function: FunctionT) -> FunctionT:
    """``--home``, behind the subcommand as well as before it."""
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        is_eager=True,
        callback=_remember,
        help="Home directory of the station.",
    )(function)


def json_option(function: FunctionT) -> FunctionT:
    """``--json``: one object, or one a line for long work."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, for scripts; see the reference."
    )(function)


def emit(value: Any) -> None:
    """Print a value as one line of JSON; in UTF-8 (RFC 8259), whatever the terminal's encoding."""
    click.echo(msgspec.json.encode(value))
