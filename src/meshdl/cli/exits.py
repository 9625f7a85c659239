"""Exit codes, from <sysexits.h>, so that scripts can tell the remedies apart."""

import click

from meshdl.errors import (
    ConfigError,
    ContentError,
    ContentUnknown,
    FilePrivate,
    FileUnreadable,
    HomeInUse,
    LinkError,
    LocalProtocolError,
    LogDamaged,
    MeshdlError,
    ModemError,
    ProtocolError,
    SourceNotFound,
    StorageError,
    TargetExists,
)

USAGE = 64
TEMPORARY = 75
NOT_ALLOWED = 77
"""EX_NOPERM."""
INTERRUPTED = 130

EXIT_CODES: dict[type[MeshdlError], int] = {
    ContentError: 65,  # EX_DATAERR
    LogDamaged: 65,
    ContentUnknown: 66,  # EX_NOINPUT
    FileUnreadable: 66,
    LinkError: 69,  # EX_UNAVAILABLE
    ModemError: 69,
    SourceNotFound: 69,
    LocalProtocolError: 70,  # EX_SOFTWARE
    FilePrivate: NOT_ALLOWED,
    TargetExists: 73,  # EX_CANTCREAT
    StorageError: 74,  # EX_IOERR
    HomeInUse: TEMPORARY,  # EX_TEMPFAIL
    ProtocolError: 76,  # EX_PROTOCOL
    ConfigError: 78,  # EX_CONFIG
    MeshdlError: 1,
}
"""A class that is not here has its parent's code. Usage errors are 64 (EX_USAGE)."""


class Unfinished(click.ClickException):
    """Not done, and nothing is wrong: it can be gone on with."""

    exit_code = TEMPORARY


class NotAllowed(click.ClickException):
    """The operator has not agreed to it."""

    exit_code = NOT_ALLOWED


class WrongUsage(click.UsageError):
    """The command line is not understood."""

    exit_code = USAGE


def exit_code_of(error: MeshdlError) -> int:
    """The exit code for an error, by the nearest class in :data:`EXIT_CODES`."""
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)
