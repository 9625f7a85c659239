"""How the store of a content comes to be: for a new download, for what is shared, after a restart.

All take the disk, the home directory of the station, the metainfo of the content, and one
proved hash for each of its chunks. See :mod:`meshdl.station.store` for the modes.
"""

from collections.abc import Sequence
from pathlib import Path

from meshdl.content.bitfield import Bitfield
from meshdl.content.metainfo import Metainfo
from meshdl.disk import Disk, FileStat
from meshdl.errors import StorageError, TargetExists
from meshdl.station import journal
from meshdl.station.content_home import ContentHome
from meshdl.station.examination import Progress, untold
from meshdl.station.home import Home
from meshdl.station.in_place import InPlace
from meshdl.station.journal import Claims, Loaded
from meshdl.station.place import Place
from meshdl.station.store import ContentStore
from meshdl.station.unfinished import Unfinished


def create_download(
    disk: Disk, home: Home, metainfo: Metainfo, chunk_hashes: Sequence[bytes], directory: Path
) -> ContentStore:
    """Make room for a download; its metainfo has been saved before.

    The file or folder will lie in ``directory``. What a crashed try has left there is
    gone on with.

    Raises:
        TargetExists: it, or a ``.part`` of somebody else, is there already.
        DiskFull: the disk has clearly too little room.
        StorageError: the disk refused otherwise.
    """
    place = Place.lay_out(disk, home, metainfo, chunk_hashes, directory / metainfo.name)
    files = place.files
    files.check_location()
    place.state.create()
    if disk.stat(files.part) is not None:
        if disk.stat(place.state.journal) is None:
            raise TargetExists(
                f"{files.part} is there already, and no download of ours; move it "
                "away, or choose another directory with -o"
            )
        # The journal may be of a download to some other directory: trust nothing.
        return ContentStore(place, _resumed(place, Loaded(readable=False), untold))
    files.make_directory()
    files.check_room()
    try:
        # The journal comes first: it tells a .part of ours from one of somebody else.
        unfinished = Unfinished(place, Claims())
        files.make_room()
        place.leaves.make_room()
    except StorageError:
        files.remove()
        disk.remove(place.state.journal)
        raise
    return ContentStore(place, unfinished)


def open_content(
    disk: Disk,
    home: Home,
    metainfo: Metainfo,
    chunk_hashes: Sequence[bytes],
    location: Path,
    *,
    keeps_files: bool = False,
    progress: Progress = untold,
) -> ContentStore:
    """Go on with a content after a restart, whatever happened in between.

    ``location`` is where the complete file or folder is or will be; ``keeps_files`` as in
    :class:`ContentStore`; ``progress`` is told while octets are hashed.

    Raises:
        TargetExists: something else has the place of the unfinished download.
        StorageError: the disk refused.
    """
    place = Place.lay_out(disk, home, metainfo, chunk_hashes, location)
    loaded = journal.load(disk, place.state.journal, metainfo)
    held: Unfinished | InPlace
    if loaded is None:
        held = InPlace.as_hashed(place)
    elif disk.stat(place.files.part) is None and disk.stat(location) is not None:
        held = _finished(place, loaded, progress)
    else:
        held = _resumed(place, loaded, progress)
    return ContentStore(place, held, keeps_files=keeps_files)


def continue_download(
    disk: Disk,
    home: Home,
    metainfo: Metainfo,
    chunk_hashes: Sequence[bytes],
    directory: Path,
    *,
    progress: Progress = untold,
) -> ContentStore:
    """Go on with a download whatever came of it, even when nothing did so far.

    As :func:`open_content`, or :func:`create_download` when there is nothing to open.
    """
    state = ContentHome(disk, home, metainfo.content_hash)
    if disk.stat(state.journal) is None and disk.stat(state.stats) is None:
        return create_download(disk, home, metainfo, chunk_hashes, directory)
    location = directory / metainfo.name
    store = open_content(disk, home, metainfo, chunk_hashes, location, progress=progress)
    if store.changed:
        store.verify_all(progress)
    if store.finished and not store.have.full:
        raise TargetExists(
            f"{location} was downloaded and is not what it was; move it away to get the "
            "content anew"
        )
    return store


def share_in_place(
    disk: Disk,
    home: Home,
    metainfo: Metainfo,
    chunk_hashes: Sequence[bytes],
    root: Path,
    *,
    leaf_hashes: Path,
    stats: Sequence[FileStat],
) -> ContentStore:
    """Share the file or folder ``root`` where it is; its metainfo has been saved before.

    The rest comes from :func:`meshdl.station.hashing.hash_path`: ``leaf_hashes`` is a file
    with all of them, on the disk of the home directory, and is moved there; ``stats``
    tell what each file looked like when it was hashed.

    Raises:
        StorageError: the disk refused.
    """
    place = Place.lay_out(disk, home, metainfo, chunk_hashes, root)
    place.state.create()
    disk.remove(place.state.journal)
    place.leaves.adopt(leaf_hashes)
    place.state.write_stats(stats)
    return ContentStore(place, InPlace.as_hashed(place), keeps_files=True)


def _resumed(place: Place, loaded: Loaded, progress: Progress) -> Unfinished:
    place.state.create()
    place.leaves.make_room()
    return Unfinished.resume(place, loaded, progress)


def _finished(place: Place, loaded: Loaded, progress: Progress) -> InPlace:
    """Go on behind the step that gave the files their own names."""
    files, count = place.files, place.metainfo.chunk_count
    files.stand_in_place()
    stats = files.stats()
    right = loaded.trusted.chunks
    if stats != place.state.read_stats():
        right = place.examiner.claims(range(count), progress).chunks
    if not Bitfield(count, right).full:
        raise TargetExists(
            f"{files.location} is there and {files.part} is gone, and it is not the whole "
            "content; move it away to get the content anew"
        )
    place.disk.sync_directory(files.location.parent)
    place.state.write_stats(stats)
    return InPlace.after_download(place, stats)
