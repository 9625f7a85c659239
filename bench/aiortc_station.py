"""``python -m bench.aiortc_station …``: meshdl, but for its WebRTC library, which is aiortc.

The same transfer over aiortc: the same program, requests, hashes and disk. Only what a
benchmark needs of a transport is here; links are not told apart by why they ended.
"""

import asyncio
import itertools
from collections.abc import Callable

import aiortc

import meshdl.station.lan
from meshdl.cli.main import main
from meshdl.errors import LinkClosed, LinkError
from meshdl.ids import LinkId, StationId
from meshdl.links import (
    DialFailed,
    LinkBinding,
    LinkDown,
    LinkEvent,
    LinkTraits,
    LinkUp,
    LinkWritable,
    Message,
    MessageReceived,
    Path,
)
from meshdl.transports import webrtc_link
from meshdl.transports.exchange import Answer, Offer, OfferExchange
from meshdl.transports.sdp import fingerprint

_serials = itertools.count(1)

Report = Callable[[LinkEvent], None]


class _Link:
    """One connection with the two channels of every link."""

    def __init__(self, dialled: StationId | None, report: Report) -> None:
        self.id = LinkId(f"aiortc:{next(_serials)}")
        self._dialled, self._report = dialled, report
        self.up = self._blocked = False
        self.connection = aiortc.RTCPeerConnection()
        self._control = self.connection.createDataChannel(
            "control", negotiated=True, id=webrtc_link.CONTROL_STREAM
        )
        self._chunks = self.connection.createDataChannel(
            "chunks",
            negotiated=True,
            id=webrtc_link.CHUNKS_STREAM,
            maxPacketLifeTime=webrtc_link.CHUNKS_LIFETIME_MS,
        )
        self._chunks.bufferedAmountLowThreshold = webrtc_link.LOW_WATER_OCTETS
        self._chunks.on("bufferedamountlow", self._on_low)
        for channel in (self._control, self._chunks):
            channel.on("open", self._on_open)
            channel.on("message", self._on_message)
            channel.on("close", self._on_close)

    def _on_open(self) -> None:
        if self.up or not self._control.readyState == self._chunks.readyState == "open":
            return
        self.up = True
        local = fingerprint(self.connection.localDescription.sdp)
        remote = fingerprint(self.connection.remoteDescription.sdp)
        traits = LinkTraits(
            mtu_octets=webrtc_link.MTU_OCTETS_MAX, path=Path.LAN, reliable=False, ordered=True
        )
        self._report(
            LinkUp(
                link=self.id,
                traits=traits,
                binding=LinkBinding(local, remote),
                dialled=self._dialled,
            )
        )

    def _on_message(self, message: Message) -> None:
        if self.up:
            self._report(MessageReceived(self.id, message))

    def _on_low(self) -> None:
        if self._blocked:
            self._blocked = False
            self._report(LinkWritable(self.id))

    def _on_close(self) -> None:
        if self.up:
            self.up = False
            self._report(LinkDown(self.id, "closed"))

    def send(self, message: Message) -> bool:
        if isinstance(message, str):
            self._control.send(message)
            return True
        if self._chunks.bufferedAmount >= webrtc_link.HIGH_WATER_OCTETS:
            self._blocked = True
            return False
        self._chunks.send(message)
        return True


class AiortcTransport:
    """In the place of :class:`meshdl.transports.webrtc.WebRtcTransport`."""

    def __init__(
        self, own: StationId, exchange: OfferExchange, *, links_max: int, loopback: bool
    ) -> None:
        del links_max, loopback
        self._own, self._exchange = own, exchange
        self._links: dict[LinkId, _Link] = {}
        self._report: Report
        self._tasks: asyncio.TaskGroup

    async def run(self, report: Report) -> None:
        """Serve until cancelled."""
        self._report = report
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.get_running_loop().create_future()

    def dial(self, station: StationId) -> None:
        """Try to reach a station."""
        self._tasks.create_task(self._dial(station))

    def send(self, link: LinkId, message: Message) -> bool:
        """Queue a message; ``False`` when the channel is full."""
        found = self._links[link]
        if not found.up:
            raise LinkClosed(f"{link} is down")
        return found.send(message)

    def close(self, link: LinkId, reason: str) -> None:
        """End a link."""
        del reason
        self._tasks.create_task(self._links[link].connection.close())

    async def answer(self, offer: Offer) -> Answer:
        """Answer an offer."""
        link = self._new_link(None)
        await link.connection.setRemoteDescription(aiortc.RTCSessionDescription(offer.sdp, "offer"))
        await link.connection.setLocalDescription(await link.connection.createAnswer())
        return Answer(self._own, link.connection.localDescription.sdp)

    async def _dial(self, station: StationId) -> None:
        link = self._new_link(station)
        try:
            await link.connection.setLocalDescription(await link.connection.createOffer())
            sdp = link.connection.localDescription.sdp
            answer = await self._exchange.exchange(station, Offer(self._own, sdp))
            await link.connection.setRemoteDescription(
                aiortc.RTCSessionDescription(answer.sdp, "answer")
            )
        except LinkError as error:
            self._report(DialFailed(station, str(error)))

    def _new_link(self, dialled: StationId | None) -> _Link:
        link = _Link(dialled, self._report)
        self._links[link.id] = link
        return link


if __name__ == "__main__":
    meshdl.station.lan.WebRtcTransport = AiortcTransport  # type: ignore[attr-defined, assignment]
    main()
