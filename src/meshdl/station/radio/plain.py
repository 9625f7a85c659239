"""Looks at the beginnings of a content's files before the first of it goes on the air.

What is encrypted stays here: the law wants the meaning of what amateurs send plain (47 CFR
97.113(a)(4)), and the transmitter refuses it with the section.
"""

import logging
from collections.abc import Callable
from functools import partial

from meshdl.content.ciphers import HEAD_OCTETS, encrypted_as
from meshdl.content.metainfo import FileEntry, Metainfo
from meshdl.ids import ChunkIndex, ContentHash
from meshdl.station.library import Library

FILES_MAX = 256
"""Of one content; a folder of more is hours of airtime, whatever is in it."""

_log = logging.getLogger(__name__)


class Plain:
    """Remembers what was looked at: a content is what its hash says, for ever.

    Args:
        library: whose stores are read.

    Attributes:
        encrypted: contents with a file that says so of itself.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._looked_at: set[ContentHash] = set()
        self.encrypted: set[ContentHash] = set()

    def look(self, metainfo: Metainfo | None, told: Callable[[bool], None]) -> None:
        """Look, unless that was done; ``told`` hears whether it was found to be encrypted now.

        A beginning that is not here yet is looked for again the next time. ``None``, a content
        that is gone, is not looked at.
        """
        if metainfo is None or metainfo.content_hash in self._looked_at:
            told(False)
            return
        content = metainfo.content_hash
        files = [one for one in metainfo.files if one.octets][:FILES_MAX]
        heads: dict[FileEntry, bytes | None] = {}

        def was_read(file: FileEntry, head: bytes | None) -> None:
            heads[file] = head
            if len(heads) == len(files):
                told(self._judge(content, heads))

        for file in files:
            octets = min(HEAD_OCTETS, file.octets)
            self._library.stores.read_leaf(
                content, ChunkIndex(file.first_chunk), 0, octets, partial(was_read, file)
            )

    def _judge(self, content: ContentHash, heads: dict[FileEntry, bytes | None]) -> bool:
        if None not in heads.values():
            self._looked_at.add(content)
        for file, head in heads.items():
            if head is not None and (kind := encrypted_as(head)):
                _log.warning("%s is %s, and stays off the air", file.path, kind)
                self._looked_at.add(content)
                self.encrypted.add(content)
                return True
        return False
