"""A real nginx before a signalling server, as the guide sets it up."""

import re
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import Certificate
from tests.support.nat import need_program
from tests.support.processes import until

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "run-a-signalling-server.md"
SHOWN_SERVER = "http://127.0.0.1:7374"


def shown(first_words: str) -> str:
    """The block of the guide that begins with these words."""
    block = rf"(?m)^    {re.escape(first_words)}.*\n(?:     .*\n)*    }}$"
    found = re.search(block, GUIDE.read_text(encoding="utf-8"))
    assert found is not None, f"the guide shows no {first_words}"
    return textwrap.dedent(found[0])


def before_one(port: int) -> str:
    """What the guide shows for a single process, which listens there."""
    location = shown("location /")
    assert SHOWN_SERVER in location
    return f"server {{ LISTEN {location.replace(SHOWN_SERVER, f'http://127.0.0.1:{port}')} }}"


def before_two(*ports: int) -> str:
    """What the guide shows for two of them."""
    upstream = shown("upstream meshdl_signal")
    for named, port in zip((7374, 7375), ports, strict=True):
        assert f"server 127.0.0.1:{named};" in upstream
        upstream = upstream.replace(f":{named};", f":{port};")
    location = shown("location /").replace(SHOWN_SERVER, "http://meshdl_signal")
    return f"{upstream} server {{ LISTEN {location} }}"


@contextmanager
def nginx(directory: Path, port: int, servers: str, certificate: Certificate) -> Iterator[Path]:
    """Run one that listens there with TLS; its log."""
    need_program("nginx", "nginx-light")
    crt, key = certificate.write(directory, "proxy")
    listen = f"listen 127.0.0.1:{port} ssl; ssl_certificate {crt}; ssl_certificate_key {key};"
    log = directory / "nginx.log"
    places = " ".join(
        f"{kind}_temp_path {directory / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = directory / "nginx.conf"
    path.write_text(
        f"daemon off; user root; worker_processes 1;\n"
        f"pid {directory / 'nginx.pid'}; error_log {log} info;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\n"
        f"{servers.replace('LISTEN', listen)}\n}}\n"
    )
    process = subprocess.Popen(["nginx", "-e", str(log), "-c", str(path)])
    try:
        until(lambda: "start worker process " in _said(log, process), "the proxy runs")
        yield log
    finally:
        process.terminate()
        process.wait()


def _said(log: Path, process: "subprocess.Popen[bytes]") -> str:
    said = log.read_text(encoding="utf-8") if log.exists() else ""
    assert process.poll() is None, said
    return said
