"""Stores of contents: made, opened, continued. For threads, since it may take minutes."""

import os
from pathlib import Path
from typing import TypeAlias

from meshdl.content.metainfo import Metainfo, chunk_hashes
from meshdl.disk import Disk
from meshdl.errors import UnsafePath
from meshdl.station import store_making
from meshdl.station.catalogue_entry import CatalogueEntry, StoredState
from meshdl.station.content_home import load_metainfo, save_metainfo
from meshdl.station.examination import Progress
from meshdl.station.hashing import Hashed
from meshdl.station.home import Home
from meshdl.station.store import ContentStore

Opened: TypeAlias = tuple[ContentStore, tuple[bytes, ...]]
"""A store and the hashes of its chunks."""


def serve(disk: Disk, home: Home, hashed: Hashed) -> ContentStore:
    """The store of what was just hashed, where it is.

    Raises:
        StorageError: the home directory takes no more. So with all of these.
    """
    save_metainfo(disk, home, hashed.metainfo, hashed.layers)
    return store_making.share_in_place(
        disk,
        home,
        hashed.metainfo,
        hashed.chunk_hashes,
        hashed.root,
        leaf_hashes=hashed.leaf_hashes,
        stats=hashed.stats,
    )


def create(
    disk: Disk,
    home: Home,
    metainfo: Metainfo,
    layers: dict[bytes, bytes],
    directory: Path,
    *,
    progress: Progress,
) -> Opened:
    """The store of a download that lands in ``directory``."""
    refuse_setting(directory, metainfo.name)
    hashes = tuple(chunk_hashes(metainfo, layers))
    save_metainfo(disk, home, metainfo, layers)
    store = store_making.continue_download(
        disk, home, metainfo, hashes, directory, progress=progress
    )
    return store, hashes


def open_again(disk: Disk, home: Home, entry: CatalogueEntry, *, progress: Progress) -> Opened:
    """The store of a content whose metainfo is kept."""
    metainfo, layers = load_metainfo(disk, home, entry.content_hash)
    hashes = tuple(chunk_hashes(metainfo, layers))
    if entry.in_place or entry.state is StoredState.COMPLETE:
        store = store_making.open_content(
            disk,
            home,
            metainfo,
            hashes,
            entry.path,
            keeps_files=entry.in_place,
            progress=progress,
        )
    else:
        store = store_making.continue_download(
            disk, home, metainfo, hashes, entry.path.parent, progress=progress
        )
    if store.changed:
        store.verify_all(progress)
    return store, hashes


def refuse_setting(directory: Path, name: str) -> None:
    """What begins with a dot in the operator's home directory is a program's, which obeys it.

    Whoever shares a content names it, and the name is known only when the download is under way:
    ``.bash_profile`` would be run at the next login.

    Raises:
        UnsafePath: the content would land there.
    """
    own = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises without one
    if name.startswith(".") and os.path.realpath(directory) == own:
        raise UnsafePath(
            f"{name!r} begins with a dot and would be a setting of a program in {directory}; "
            "choose another directory with -o"
        )
