"""Our errors as HTTP answers, and back into the same class on the other side."""

from meshdl import errors
from meshdl.control.messages import ErrorBody, ErrorFacts
from meshdl.errors import (
    ConfigError,
    ContentError,
    ContentUnknown,
    DiskFull,
    HomeInUse,
    LinkError,
    LinkRefused,
    LocalProtocolError,
    MeshdlError,
    RemoteProtocolError,
    SourceNotFound,
    StorageError,
    TargetExists,
)

STATUS: dict[type[MeshdlError], int] = {
    RemoteProtocolError: 400,  # the request is not one of ours
    LinkRefused: 403,
    ContentUnknown: 404,
    SourceNotFound: 404,
    TargetExists: 409,
    HomeInUse: 409,
    ContentError: 422,
    StorageError: 422,
    ConfigError: 422,
    LocalProtocolError: 500,
    LinkError: 503,
    DiskFull: 507,
    MeshdlError: 500,
}
"""RFC 9110 and RFC 4918 (507). A class that is not here has its parent's status."""

_CLASSES: dict[str, type[MeshdlError]] = {
    name: member
    for name, member in vars(errors).items()
    if isinstance(member, type) and issubclass(member, MeshdlError)
}


def status_of(error: MeshdlError) -> int:
    """The HTTP status for an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def facts_of(error: MeshdlError) -> ErrorFacts:
    """An error as a value for JSON."""
    setting = error.setting if isinstance(error, ConfigError) else None
    return ErrorFacts(kind=type(error).__name__, message=str(error), setting=setting)


def body_of(error: MeshdlError) -> ErrorBody:
    """An error as the body of an answer."""
    return ErrorBody(facts_of(error))


def error_from(facts: ErrorFacts) -> MeshdlError:
    """The error that :func:`facts_of` was given.

    A kind that is not known here comes from a station of another version; it is a
    :exc:`RemoteProtocolError` with the same message.
    """
    kind = _CLASSES.get(facts.kind)
    if kind is ConfigError and facts.setting is not None:
        return ConfigError(facts.setting, facts.message.removeprefix(f"{facts.setting}: "))
    if kind is None or kind in {ConfigError, errors.ProtocolError}:
        return RemoteProtocolError(facts.message)
    return kind(facts.message)
