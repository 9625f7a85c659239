"""BitTorrent v2 between two processes by libtorrent, over TCP on loopback, disk to disk.

The sender makes the file and its ``.torrent`` in ``directory``; the receiver writes its
copy there. Both hash, as stations do. Nobody else is looked for.
"""

import asyncio
import time
from pathlib import Path
from typing import Any

import libtorrent

from bench.pairs import hear, play, tell
from bench.report import make_content
from meshdl.content.layout import chunk_octets_for

lt: Any = libtorrent  # its own type stubs do not fit what it returns

CONTENT, TORRENT = "content.bin", "content.torrent"
LOOK_EVERY_S = 0.005


async def send(octets: int, directory: Path) -> None:
    """Seed."""
    seeding = directory / "seed"
    seeding.mkdir()
    make_content(seeding / CONTENT, octets)
    made = lt.create_torrent(
        lt.list_files(str(seeding / CONTENT)),
        chunk_octets_for(octets),
        lt.create_torrent.v2_only,
    )
    lt.set_piece_hashes(made, str(seeding))
    (directory / TORRENT).write_bytes(lt.bencode(made.generate()))
    session = _session()
    # As our own one-pair transfer: the seed has hashed its content before.
    handle = _add(session, directory / TORRENT, seeding, seed=True)
    while not handle.status().is_seeding:
        await asyncio.sleep(LOOK_EVERY_S)
    tell(session.listen_port())
    await hear()
    await hear()


async def receive(_octets: int, directory: Path) -> None:
    """Leech."""
    port = await hear()
    session = _session()
    began = time.perf_counter()
    handle = _add(session, directory / TORRENT, directory / "leech", seed=False)
    handle.connect_peer(("127.0.0.1", port))
    tell(None)
    while not handle.status().is_seeding:
        await asyncio.sleep(LOOK_EVERY_S)
    tell(time.perf_counter() - began)
    await hear()


def _session() -> Any:
    return lt.session(
        {
            "listen_interfaces": "127.0.0.1:0",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_outgoing_utp": False,
            "enable_incoming_utp": False,
            "allow_multiple_connections_per_ip": True,
            "alert_mask": 0,
        }
    )


def _add(session: Any, torrent: Path, directory: Path, *, seed: bool) -> Any:
    wanted = lt.load_torrent_file(str(torrent))
    wanted.save_path = str(directory)
    wanted.flags &= ~lt.torrent_flags.auto_managed & ~lt.torrent_flags.paused
    if seed:
        wanted.flags |= lt.torrent_flags.seed_mode
    return session.add_torrent(wanted)


if __name__ == "__main__":
    play(send, receive)
