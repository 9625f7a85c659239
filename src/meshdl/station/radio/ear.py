"""What is heard on the air, ours and others': explained, shown, written into the log.

Theory of operation
===================

Every frame goes through the monitor and to whoever watches. What a station sends without a
pause is one *reception* in the log: its frames come together until :data:`PAUSE_S` of silence
or another station end it. Nobody can fill the disk by sending: at most
:data:`RECORDS_PER_MINUTE_MAX` receptions are written a minute, and the next one that is
says how many frames were not.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from meshdl.air import FrameHeard, ModemTraits, ModemUp
from meshdl.content.metainfo import Metainfo
from meshdl.control.feed import Feed
from meshdl.control.radio_view import HeardFrame
from meshdl.ids import Callsign, ContentHash, callsign
from meshdl.policy.bucket import TokenBucket
from meshdl.radio.declaration import Declaration
from meshdl.radio.keying import Key
from meshdl.radio.log_records import RadioRecord
from meshdl.radio.monitor import Heard, Monitor
from meshdl.radio.transfer.carried import Carried, carried
from meshdl.station.radio.heard_frame import heard_frame
from meshdl.station.radio.log import reception
from meshdl.wire.capture import Captured, Framing
from meshdl.wire.onair.codes import ContentTag, content_tag
from meshdl.wire.onair.frames import Frame
from meshdl.wire.onair.pdus import AirObject, Enough, Pdu, Symbols, Want

PAUSE_S = 3.0
"""Between two frames of one reception: longer than any gap within a burst."""

RECORDS_PER_MINUTE_MAX = 60
"""A busy channel of voice width has some ten bursts a minute."""

FRAME_OCTETS_KEPT = 1024
"""Of one reception: a call, a request, the beginning of an answer. The rest is in the content."""

CONTENTS_MAX = 4_096
"""Known by their tags; a station with more does not send them all."""

FRAMES_MAX = 256
"""Of one reception; then it is written and another begins."""


@dataclass(slots=True)
class _Reception:
    """What came together so far, from when on (Unix time)."""

    record: RadioRecord
    source: str
    frames: int
    at: float


@dataclass(frozen=True, slots=True)
class _Known:
    """A content whose tag is known."""

    content: ContentHash
    metainfo: Metainfo | None


class Ear:
    """Everything that hears for one radio.

    Args:
        own: our callsign.
        declaration: where the rig is tuned, now.
        write: takes records for the log, and the Unix time of each.
        unix_time: the wall clock.

    Attributes:
        feed: every frame, for whoever watches.
        modem: as it reported when it came up; ``None`` before.
    """

    def __init__(
        self,
        own: Callsign,
        declaration: Callable[[], Declaration],
        write: Callable[[RadioRecord, float], None],
        unix_time: Callable[[], float],
    ) -> None:
        self._own, self._declaration = own, declaration
        self._write, self._unix_time = write, unix_time
        self._loop = asyncio.get_running_loop()
        self._monitor = Monitor()
        self._open: _Reception | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unwritten = 0
        # A record counts like an octet there.
        self._bucket = TokenBucket(
            RECORDS_PER_MINUTE_MAX / 60,
            burst_octets=RECORDS_PER_MINUTE_MAX,
            now=self._loop.time(),
        )
        self._contents: OrderedDict[ContentTag, _Known] = OrderedDict()
        self.modem: ModemUp | None = None
        self.feed: Feed[HeardFrame] = Feed()

    def captured(self, captured: Captured) -> None:
        """A frame of a TNC, with its addresses."""
        self._take(self._monitor.hear(captured))

    def heard(self, frame: FrameHeard) -> None:
        """A frame of a modem without addresses."""
        bare = Captured(at=self._unix_time(), framing=Framing.BARE, octets=frame.octets)
        self._take(self._monitor.hear(bare, snr_db=frame.snr_db), frame.mode)

    def keyed(self, burst: Key) -> None:
        """We send; the log has it already."""
        if not self.feed.watched:
            return
        for frame in burst.frames:
            bare = Captured(at=self._unix_time(), framing=Framing.BARE, octets=frame)
            heard = replace(self._monitor.hear(bare), source=self._own)
            self.feed.publish(heard_frame(heard, ours=True))

    def know(self, content: ContentHash, metainfo: Metainfo | None = None) -> None:
        """Frames name a content by a tag only: whose tag it is from now on, and what it is."""
        tag = content_tag(content)
        before = self._contents.get(tag)
        if metainfo is not None or before is None or before.content != content:
            self._contents[tag] = _Known(content, metainfo)
        self._contents.move_to_end(tag)
        if len(self._contents) > CONTENTS_MAX:
            self._contents.popitem(last=False)
        if metainfo is not None:
            self._monitor.tell_title(tag, metainfo.name)

    def close(self) -> None:
        """Write what is open; nobody is shown anything any more."""
        self._flush()
        self.feed.close()

    def _take(self, heard: Heard, mode: str = "") -> None:
        if self.feed.watched:
            self.feed.publish(heard_frame(heard, ours=False))
        if self.modem is not None:
            # One that it hears and does not send in is written down as its own.
            self._collect(heard, self.modem.mode(mode) or self.modem.traits)

    # The log.

    def _collect(self, heard: Heard, traits: ModemTraits) -> None:
        octets = heard.octets[: traits.payload_octets_max] or b"\0"
        frame = FrameHeard(octets=octets, at=heard.at, snr_db=heard.snr_db)
        known = self._known(heard)
        one = reception(
            frame,
            self._declaration(),
            traits,
            sender=_call(heard.source),
            content=known.content if known is not None else None,
            what=_carried(heard, known),
            text=heard.summary,
        )
        one = replace(one, frames=(heard.octets,))
        open_ = self._open
        goes_on = open_ is not None and open_.source == heard.source and open_.frames < FRAMES_MAX
        if open_ is None or not goes_on:
            self._flush()
            self._open = _Reception(one, heard.source, 1, heard.at)
        else:
            open_.record = _merged(open_.record, one)
            open_.frames += 1
        self._arm()

    def _known(self, heard: Heard) -> _Known | None:
        """The first content that a frame is about and that is known here."""
        tags = map(_tag_of, _pdus(heard))
        known = (self._contents.get(tag) for tag in tags if tag is not None)
        return next((one for one in known if one is not None), None)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(PAUSE_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        open_, self._open = self._open, None
        if open_ is None:
            return
        if not self._bucket.take_if_available(1, now=self._loop.time()):
            self._unwritten += open_.frames
            return
        others = open_.frames - 1
        more = f" (and {others} more frame{'s' if others > 1 else ''})" if others else ""
        lost = f"; {self._unwritten} frames before it were not logged" if self._unwritten else ""
        self._unwritten = 0
        record = replace(open_.record, text=open_.record.text + more + lost)
        self._write(record, open_.at)


def _merged(record: RadioRecord, more: RadioRecord) -> RadioRecord:
    kept = record.frames + more.frames
    fits = sum(map(len, kept)) <= FRAME_OCTETS_KEPT
    what = _what(record)
    if record.content is None or more.content in {None, record.content}:  # a record is of one
        what = what.and_more(_what(more))
    snr = [one for one in (record.snr_db, more.snr_db) if one is not None]
    return replace(
        record,
        duration_s=(record.duration_s or 0.0) + (more.duration_s or 0.0),
        frames=kept if fits else record.frames,
        content=record.content or more.content,
        chunks=what.chunks,
        octets_before=what.octets_before,
        octets_after=what.octets_after,
        snr_db=min(snr, default=None),
    )


def _what(record: RadioRecord) -> Carried:
    return Carried(record.chunks, record.octets_before, record.octets_after)


def _carried(heard: Heard, known: _Known | None) -> Carried:
    """Symbols of the known content, or all there are of unknown ones."""
    symbols = [pdu for pdu in _pdus(heard) if isinstance(pdu, Symbols)]
    if known is None:
        return carried(None, [(one.of, one.count) for one in symbols])
    tag = content_tag(known.content)
    ours = [(one.of, one.count) for one in symbols if one.of.content == tag]
    return carried(known.metainfo, ours)


def _pdus(heard: Heard) -> Sequence[Pdu]:
    return heard.details.pdus if isinstance(heard.details, Frame) else ()


def _tag_of(pdu: Pdu) -> ContentTag | None:
    if isinstance(pdu, Symbols):
        return pdu.of.content
    return pdu.content if isinstance(pdu, Want | Enough | AirObject) else None


def _call(source: str) -> Callsign | None:
    try:
        return callsign(source)
    except ValueError:  # nobody, or an address that is no callsign
        return None
