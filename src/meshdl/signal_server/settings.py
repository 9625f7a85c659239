"""What the operator of a signalling server decides."""

import ipaddress
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from meshdl.errors import ConfigError, FileUnreadable
from meshdl.ids import callsign
from meshdl.signal_server.redis_url import check_url
from meshdl.signalling.server_events import ServerLimits

PORT_DEFAULT = 7374
"""Unassigned at IANA, and next to the station's own."""

TURN_LIFETIME_S = 12 * 3600
"""How long TURN credentials hold: longer than a transfer, shorter than a lease on a relay."""

_STATION_ID = re.compile(r"[0-9A-Fa-f]{16}")

SECRET_OCTETS_MAX = 4096
DENY_LIST_OCTETS_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """All options of ``meshdl signal``; see ``docs/reference/signalling-server.md``.

    Attributes:
        host: address to listen on; loopback unless a proxy is elsewhere.
        port: TCP; 0 for any free one.
        public_name: host, and port unless the scheme's own, as stations dial it; empty:
            what each says in its ``Host`` header.
        certificate, key: PEM files for TLS; neither behind a proxy that has its own.
        state: directory of what must survive a restart; ``None``: nothing does.
        stun_urls, turn_urls: told to stations.
        turn_secret: coturn's ``static-auth-secret``; empty: no credentials.
        deny_file: one entry a line; read again on SIGHUP.
        trusted_proxies: addresses whose ``X-Forwarded-For`` is believed.
        log_addresses: write whole addresses into the log.
        redis_url: where several processes of one server meet; empty: there is only this one.
    """

    host: str = "127.0.0.1"
    port: int = PORT_DEFAULT
    public_name: str = ""
    certificate: Path | None = None
    key: Path | None = None
    state: Path | None = None
    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: str = field(default="", repr=False)
    deny_file: Path | None = None
    trusted_proxies: tuple[str, ...] = ()
    log_addresses: bool = False
    redis_url: str = field(default="", repr=False)
    limits: ServerLimits = field(default_factory=ServerLimits)

    def __post_init__(self) -> None:
        if bool(self.turn_secret) != bool(self.turn_urls):
            raise ConfigError("--turn-url", "goes with --turn-secret-file, and it with that")
        if (self.certificate is None) != (self.key is None):
            raise ConfigError("--certificate", "goes with --key, and it with that")
        if self.redis_url:
            check_url(self.redis_url)

    def tls(self) -> ssl.SSLContext | None:
        """The context of our own certificate, if there is one.

        Raises:
            FileUnreadable: a file is missing, or holds no such thing.
        """
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.load_certificate(context)
        return context

    def load_certificate(self, context: ssl.SSLContext) -> None:
        """Have a context show our own certificate, as its files are now.

        Raises:
            FileUnreadable: a file is missing, or holds no such thing.
        """
        assert self.certificate is not None, "there is none to load"
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise FileUnreadable(
                f"cannot use the certificate {self.certificate} with the key {self.key}: {error}; "
                "both must be PEM and belong together"
            ) from error


def read_secret(path: Path) -> str:
    """A secret from a file of its own.

    Raises:
        FileUnreadable: there is none.
    """
    text = _read(path, SECRET_OCTETS_MAX).strip()
    if not text:
        raise FileUnreadable(f"{path} is empty; write the secret into it")
    return text


def read_deny_list(path: Path) -> frozenset[str]:
    """Entries, one a line; what follows a ``;`` is a comment.

    Raises:
        FileUnreadable: it cannot be read, or has an entry that is none.
    """
    entries = set()
    for number, line in enumerate(_read(path, DENY_LIST_OCTETS_MAX).split("\n"), 1):
        entry = line.partition(";")[0].strip()
        if entry and not _can_be_denied(entry):
            raise FileUnreadable(
                f"{path}, line {number}: {entry[:50]!r} is no callsign, station id, address or "
                "network; mend it, or put a ; before it"
            )
        entries.add(entry)
    return frozenset(entries - {""})


def _can_be_denied(entry: str) -> bool:
    if _STATION_ID.fullmatch(entry):
        return True
    for kind in (callsign, partial(ipaddress.ip_network, strict=False)):
        with suppress(ValueError):
            kind(entry)
            return True
    return False


def _read(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(most + 1)
            text = octets[:most].decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileUnreadable(f"cannot read {path}: {error}") from error
    if len(octets) > most:
        raise FileUnreadable(f"{path} has more than {most} octets; make it shorter")
    return text
