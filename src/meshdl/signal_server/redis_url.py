"""Where a Redis is: checked, and shown without its secrets."""

from urllib.parse import urlsplit

from meshdl.errors import ConfigError


def shown(url: str) -> str:
    """A URL for people and logs: without user, password and options."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or "localhost"
    return f"{parts.scheme}://{host}:{parts.port or 6379}{parts.path}"


def check_url(url: str) -> None:
    """Raise :exc:`ConfigError` unless this can be a Redis, and its library is here."""
    try:
        database(url)
    except ImportError as error:
        raise ConfigError(
            "--redis", "needs the redis library; install it: pip install 'meshdl[redis]'"
        ) from error
    except ValueError as error:
        raise ConfigError(
            "--redis",
            "is no URL of a Redis; expected redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], "
            "rediss://... with TLS, or unix:///PATH",
        ) from error


def database(url: str) -> int:
    """The number of the database that a URL names."""
    from redis.asyncio.connection import parse_url

    return int(parse_url(url).get("db", 0))
