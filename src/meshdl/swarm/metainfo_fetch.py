"""From a bare content hash to proved metainfo: info dictionary, then piece layers.

The info dictionary is proved by the content hash itself; each stretch of a piece layer
is proved on its own by its uncle hashes against the file's root. An info dictionary comes
whole from one station, or begins anew with another; so the station that lied is known.
One station is asked at a time; after ``ANSWER_WITHIN_S`` another.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from meshdl.content import merkle
from meshdl.content.metainfo import MAX_INFO_OCTETS, Metainfo, chunk_hashes
from meshdl.errors import RemoteProtocolError
from meshdl.ids import ContentHash, LinkId
from meshdl.policy.penalty import CORRUPT_POINTS
from meshdl.wire.control import INFO_OCTETS_MAX, Hashes, HashesRequest, Info, InfoRequest

ANSWER_WITHIN_S = 3.0
LAYER_HASHES_PER_REQUEST = 512
"""16 KiB of hashes an answer."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Part of one file's piece layer; indexes and lengths count hashes of that layer."""

    root: bytes
    layer: int
    index: int
    length: int
    count: int
    width: int


class MetainfoFetch:
    """Collects what a download needs before its first chunk."""

    def __init__(self, content: ContentHash) -> None:
        self._content = content
        self._info = bytearray()
        self._info_octets: int | None = None
        self._todo: list[_Stretch] = []
        self._layers: dict[bytes, bytearray] = {}
        self.asked: LinkId | None = None
        self.asked_at = 0.0
        self.source: LinkId | None = None
        self._refused_at: dict[LinkId, float] = {}
        self._checking = False
        self.metainfo: Metainfo | None = None

    @property
    def done(self) -> bool:
        """Whether everything is here and proved."""
        return self.metainfo is not None and not self._todo

    @property
    def layers(self) -> dict[bytes, bytes]:
        """Root of each file longer than a chunk to its piece layer."""
        return {root: bytes(layer) for root, layer in self._layers.items()}

    def chunk_hashes(self) -> tuple[bytes, ...]:
        """One per chunk, once :attr:`done`."""
        assert self.metainfo is not None
        return tuple(chunk_hashes(self.metainfo, self.layers))

    def question(self, link: LinkId, *, now: float) -> InfoRequest | HashesRequest:
        """What to ask ``link`` next."""
        self.asked, self.asked_at = link, now
        if self.metainfo is None:
            if link != self.source:
                # From one source alone, so that a liar can be told from the others.
                self._start_over()
                self.source = link
            return InfoRequest(self._content, len(self._info))
        stretch = self._todo[0]
        return HashesRequest(
            self._content,
            stretch.root,
            stretch.layer,
            stretch.index,
            stretch.length,
            _layers_between(stretch.length, stretch.width),
        )

    def due(self, *, now: float) -> bool:
        """Whether somebody should be asked (again)."""
        if self.done or self._checking:
            return False
        return self.asked is None or now - self.asked_at >= ANSWER_WITHIN_S

    def give_up_on(self, link: LinkId) -> None:
        """This station is gone."""
        self._refused_at.pop(link, None)
        if self.asked == link:
            self.asked = None

    def refused(self, link: LinkId, *, now: float) -> None:
        """This station cannot answer, for now."""
        self.give_up_on(link)
        self._refused_at[link] = now

    def may_ask(self, link: LinkId, *, now: float) -> bool:
        """Whether it is worth while to ask this station."""
        return now - self._refused_at.get(link, -ANSWER_WITHIN_S) >= ANSWER_WITHIN_S

    def receive_info(self, link: LinkId, info: Info) -> bytes | None:
        """Take a stretch of the info dictionary.

        Returns:
            The whole of it, once it has the content's hash; :meth:`take` is then to follow.

        Raises:
            RemoteProtocolError: a liar; what was collected is thrown away.
        """
        if link != self.asked or self.metainfo is not None or info.offset != len(self._info):
            return None
        self.asked = None
        total = self._info_octets or info.total_octets
        # Who gave an octet at a time would keep everybody else waiting for as long as he likes.
        whole = len(info.octets) == min(INFO_OCTETS_MAX, total - len(self._info))
        if total != info.total_octets or not 0 < total <= MAX_INFO_OCTETS or not whole:
            self._start_over()
            raise RemoteProtocolError("info with impossible sizes", penalty=CORRUPT_POINTS)
        self._info_octets = total
        self._info += info.octets
        return self._proved_info() if len(self._info) == total else None

    def take(self, metainfo: Metainfo) -> None:
        """What the info dictionary says; its piece layers are asked for from now on."""
        self.metainfo, self._checking, self.asked = metainfo, False, None
        self._todo = list(_stretches(metainfo))
        self._layers = {stretch.root: bytearray() for stretch in self._todo}

    def receive_hashes(self, link: LinkId, answer: Hashes) -> None:
        """Take a stretch of a piece layer.

        Raises:
            RemoteProtocolError: it does not prove against the file's root.
        """
        stretch = self._todo[0] if self._todo else None
        asked_for = (
            stretch is not None
            and link == self.asked
            and (answer.root, answer.base_layer, answer.index, answer.length)
            == (stretch.root, stretch.layer, stretch.index, stretch.length)
        )
        if stretch is None or not asked_for:
            return
        self.asked = None
        hashes = split_hashes(answer.hashes)
        try:
            root = merkle.root_from_proof(
                hashes[: stretch.count],
                layer=stretch.layer,
                index=stretch.index,
                length=stretch.length,
                width=stretch.width,
                uncles=hashes[stretch.count :],
            )
        except ValueError as error:
            raise RemoteProtocolError(
                f"malformed proof: {error}", penalty=CORRUPT_POINTS
            ) from error
        if root != stretch.root:
            raise RemoteProtocolError(
                "piece layer that does not hash to its root", penalty=CORRUPT_POINTS
            )
        self._layers[stretch.root] += b"".join(hashes[: stretch.count])
        del self._todo[0]

    def _proved_info(self) -> bytes:
        info = bytes(self._info)
        if hashlib.sha256(info).digest() != self._content:
            self._start_over()
            raise RemoteProtocolError(
                "info dictionary that does not hash to its content", penalty=CORRUPT_POINTS
            )
        self._checking = True
        return info

    def _start_over(self) -> None:
        self.source = None
        self._info.clear()
        self._info_octets = None


def split_hashes(joined: bytes) -> list[bytes]:
    """Cut joined hashes apart.

    Raises:
        RemoteProtocolError: not a whole number of hashes.
    """
    if len(joined) % 32:
        raise RemoteProtocolError("hashes that are not 32 octets each", penalty=CORRUPT_POINTS)
    return [joined[i : i + 32] for i in range(0, len(joined), 32)]


def _stretches(metainfo: Metainfo) -> Iterator[_Stretch]:
    layer = metainfo.leaves_per_chunk.bit_length() - 1
    roots = set()
    for file in metainfo.files:
        if file.root is None or file.chunk_count < 2 or file.root in roots:
            continue
        roots.add(file.root)  # equal files share one layer
        width = merkle.width_for(file.chunk_count)
        length = min(width, LAYER_HASHES_PER_REQUEST)
        for index in range(0, file.chunk_count, length):
            count = min(length, file.chunk_count - index)
            yield _Stretch(file.root, layer, index, length, count, width)


def _layers_between(length: int, width: int) -> int:
    return width.bit_length() - length.bit_length()
