"""A folder such as an emergency centre shares: a map, pictures, forms, bulletins."""

import hashlib
import os
from pathlib import Path

BLOCK_OCTETS = 1 << 20

FORMS = 40
PICTURES = 12


def make_folder(root: Path, octets: int) -> None:
    """Fill ``root`` with files of many sizes, about ``octets`` in all.

    One large file has most of it; the others are there because folders are like that:
    an empty file, names that are not ASCII, a file of exactly one leaf.
    """
    (root / "pictures").mkdir(parents=True)
    (root / "forms" / "ICS-213").mkdir(parents=True)
    for number in range(FORMS):
        text = f"GENERAL MESSAGE {number}\nTO: ...\nFROM: ...\n" * (number + 1)
        (root / "forms" / "ICS-213" / f"message {number:02}.txt").write_text(text)
    for number in range(PICTURES):
        _fill(root / "pictures" / f"bridge {number + 1}.jpg", octets // 40 + number * 4097)
    (root / "Lagebericht für Süd-Bezirk.txt").write_text("Alles ruhig.\n", encoding="utf-8")
    (root / "empty.log").touch()
    _fill(root / "one leaf.bin", 16_384)
    used = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    _fill(root / "county map.pmtiles", max(octets - used, 0))


def digests(root: Path) -> dict[str, str]:
    """SHA-256 of every file below ``root``, by its path."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(root).as_posix()] = digest
    return found


def _fill(path: Path, octets: int) -> None:
    with path.open("wb") as file:
        for begin in range(0, octets, BLOCK_OCTETS):
            file.write(os.urandom(min(BLOCK_OCTETS, octets - begin)))
