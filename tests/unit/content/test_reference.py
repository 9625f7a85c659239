"""``docs/reference/contents.md`` tells the limits that hold."""

import re
from pathlib import Path

import pytest

from meshdl.content import file_tree, layout, metainfo, paths
from meshdl.errors import UnsafePath
from meshdl.station import pin_table, record_table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "contents.md"
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("row", "limit"),
    [
        ("files", file_tree.MAX_FILES),
        ("folders", file_tree.MAX_FOLDERS),
        ("info dictionary (names, lengths, roots of all files)", metainfo.MAX_INFO_OCTETS),
        ("a name", paths.MAX_NAME_OCTETS),
        ("a path below the content's folder", paths.MAX_PATH_OCTETS),
        ("a BitTorrent v2 file", metainfo.MAX_TORRENT_OCTETS),
        ("records of others (titles, sizes, who made them)", record_table.RECORDS_MAX),
        ("callsigns with their keys", pin_table.PINS_MAX),
    ],
)
def test_a_limit_is_the_program_s(row: str, limit: int) -> None:
    assert re.search(rf"^\| {re.escape(row)} \| {limit:,}\b", page(), re.MULTILINE)


def test_the_other_limits_of_size_are_the_program_s() -> None:
    assert file_tree.MAX_FILE_OCTETS == 2**50
    assert layout.MAX_CHUNKS * layout.MAX_CHUNK_OCTETS == 2**46
    for told in (
        "| one file | 2^50 octets |",
        f"| all files | 2^46 octets: {layout.MAX_CHUNKS:,} chunks of 64 MiB |",
        f"800 octets, {paths.MAX_COMPONENTS} names",
        f"of one originator {record_table.RECORDS_PER_KEY_MAX:,}:",
    ):
        assert told in page()


def test_the_table_of_chunks_is_the_program_s() -> None:
    rows = re.findall(r"^\| (\d+) (MiB|GiB) \| (\d+) (KiB|MiB) \|$", page(), re.MULTILINE)
    assert len(rows) == 12
    for size, size_unit, chunk, chunk_unit in rows:
        octets, told = int(size) * UNITS[size_unit], int(chunk) * UNITS[chunk_unit]
        assert layout.chunk_octets_for(octets) == told
        assert layout.chunk_octets_for(octets + 1) == 2 * told
    assert layout.chunk_octets_for(2**46) == layout.MAX_CHUNK_OCTETS == 64 * UNITS["MiB"]


def test_the_names_that_it_calls_refused_are() -> None:
    section = page().split("## Names that are refused")[1].split("\n## ")[0]
    told = [word for quoted in re.findall("`([^`]+)`", section) for word in quoted.split(" ")]
    assert len(told) == 9 + 2 + 4
    for name in told:
        with pytest.raises(UnsafePath):
            paths.RelativePath.parse([name])
