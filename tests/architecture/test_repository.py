"""The repository stands on its own: it names no machine that it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# In pieces, because this file is read too.
REGISTRY_HOSTS = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "pypi" + ".org", "python" + "hosted.org", "npmjs" + ".org", "npmjs" + ".com",
            "jsr" + ".io", "deb.debian" + ".org", "crates" + ".io", "proxy.golang" + ".org",
        )
    )
    + r"|https?://[^\s\"]+/simple\b|--(?:extra-)?index-url"
)  # fmt: skip
WORKPLACES = re.compile(r"(?<![\w.~/-])/(?:wo" + r"rk|ro" + r"ot|tmp/p" + r"|opt/pypi)(?:/|\b)")


def tracked_text() -> dict[str, str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file():
            found[name] = path.read_text(encoding="utf-8", errors="replace")
    return found


@pytest.mark.parametrize("forbidden", [REGISTRY_HOSTS, WORKPLACES], ids=["registry", "path"])
def test_no_file_names(forbidden: re.Pattern[str]) -> None:
    named = [
        f"{name}: {found.group()}"
        for name, text in tracked_text().items()
        for found in forbidden.finditer(text)
    ]
    assert named == []


@pytest.mark.parametrize(
    "text",
    [
        "https://pypi" + ".org/x", "--index" + "-url x", "--extra-index" + "-url x",
        "https://mirror/sim" + "ple/",
    ],
)  # fmt: skip
def test_a_registry_would_be_found(text: str) -> None:
    assert REGISTRY_HOSTS.search(text)


@pytest.mark.parametrize("text", ["cd /wo" + "rk/main", '"/ro' + 'ot/x"', "(/tm" + "p/p/x)"])
def test_a_path_would_be_found(text: str) -> None:
    assert WORKPLACES.search(text)
