"""One burst of symbols, as the transmitter and the log see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshdl.ids import Callsign
from meshdl.radio.traffic import Purpose, Traffic
from meshdl.radio.transfer.carried import carried
from meshdl.radio.transfer.contents import AirContent, ObjectKey
from meshdl.radio.transfer.framing import Run
from meshdl.wire.onair.codes import ContentTag
from meshdl.wire.onair.pdus import ObjectKind

NAMED_RUNS_MAX = 4
"""In the log's note of one burst."""

_NAMES = {
    ObjectKind.LEAF: "leaf",
    ObjectKind.INFO: "INFO segment",
    ObjectKind.HASHES: "hashes of chunk",
}


@dataclass(frozen=True, slots=True)
class Burst:
    """What is to be sent next, and what it settles.

    Attributes:
        traffic: for the transmitter.
        takes: how many symbols of which request it carries.
    """

    traffic: Traffic
    takes: tuple[tuple[ObjectKey, int], ...]

    @property
    def content(self) -> ContentTag:
        """What it is about."""
        return self.takes[0][0].content


def withdraw_key(tag: ContentTag) -> str:
    """Of the bursts that carry a content."""
    return f"answer:{tag.hex()}"


def traffic_of(
    content: AirContent,
    askers: Mapping[Callsign | None, bool],
    runs: Sequence[Run],
    frames: Sequence[bytes],
    mode: str,
) -> Traffic:
    """What the transmitter is given.

    Args:
        content: all of it is about.
        askers: who asked, and whether they are attended; ``None`` is somebody whose name is
            not known.
        runs: the symbols.
        frames: what carries them.
        mode: that they go out in.
    """
    named = [one for one in askers if one is not None]
    # Of several the one that the rules ask for.
    asked_by = max(named, key=askers.__getitem__, default=None)
    metainfo = content.shape.metainfo if content.shape is not None else None
    what = carried(metainfo, [(run.of, len(run.symbols)) for run in runs])
    more = ", ..." if len(runs) > NAMED_RUNS_MAX else ""
    return Traffic(
        frames=tuple(frames),
        purpose=Purpose.EXCHANGE,
        precedence=content.precedence,
        asked_by=asked_by,
        asker_attended=asked_by is not None and askers[asked_by],
        declared=content.declared,
        cleartext=content.cleartext,
        content=content.content,
        chunks=what.chunks,
        octets_before=what.octets_before,
        octets_after=what.octets_after,
        note=", ".join(map(_named, runs[:NAMED_RUNS_MAX])) + more,
        withdraw_key=withdraw_key(content.tag),
        mode=mode,
    )


def _named(run: Run) -> str:
    return f"{len(run.symbols)} symbols of {_NAMES[run.of.kind]} {run.of.number}"
