"""One WebRTC connection with its two data channels, from its first description to its end.

A channel's ``close`` event tells that the other end has closed the link, within
milliseconds; the state of the connection lags for seconds. A peer that dies silently is
not noticed here for 17 s: the core above pings.

Back-pressure: a chunks message is refused while a megabyte waits in the channel, and
:class:`~meshdl.links.LinkWritable` follows when a quarter of it is left.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import webrtc

from meshdl.errors import LinkClosed, LinkRefused
from meshdl.ids import LinkId, StationId
from meshdl.links import (
    LinkBinding,
    LinkDown,
    LinkEvent,
    LinkTraits,
    LinkUp,
    LinkWritable,
    Message,
    MessageReceived,
    Path,
    PathChanged,
    Way,
)
from meshdl.transports.placing import placed
from meshdl.transports.sdp import fingerprint, has_candidate, message_octets_max

CONTROL_STREAM, CHUNKS_STREAM = 0, 1
CHUNKS_LIFETIME_MS = 3000
"""A range that took longer has been asked of another station by now."""

HIGH_WATER_OCTETS = 1024 * 1024
LOW_WATER_OCTETS = 256 * 1024
CONTROL_BACKLOG_OCTETS_MAX = 4 * 1024 * 1024
"""Control messages are always taken; a peer that lets so much pile up loses the link."""

MTU_OCTETS_MAX = 262_144
"""What Chromium takes, and the engine's own default."""

GATHER_WITHIN_S = 1.0
"""Host candidates are there in milliseconds; an interface that is stuck is not waited for."""

CLOSE_WITHIN_S = 1.0
"""How long what is queued on control may still take to go out."""

EARLY_MESSAGES_MAX = 64
"""Held until both channels are open; a handshake has two."""

Report = Callable[[LinkEvent], None]


class Link:
    """One connection from its first description to its end.

    Args:
        link: its name.
        dialled: whom we dialled, if we did.
        report: takes its events.
        gone: told when it has ended.
        way: by which it was made.
        recovers_within_s: how long a link that was up may be cut before it ends; 0: it
            ends at once.
        configuration: STUN and TURN servers; none by default.

    Attributes:
        connection: for whoever negotiates.
        troubled: called when the connection is cut, or fails while it may yet recover.
        well: called when it has recovered.
        up: between LinkUp and the end.
        settled: set when the link came up or will never do so.
        problem: why it did not come up.
    """

    def __init__(
        self,
        link: LinkId,
        dialled: StationId | None,
        report: Report,
        gone: Callable[["Link"], None],
        *,
        way: Way = Way.LAN,
        recovers_within_s: float = 0.0,
        configuration: webrtc.RTCConfiguration | None = None,
    ) -> None:
        self.id, self.dialled, self._way = link, dialled, way
        self._report, self._gone = report, gone
        self._recovers_within_s = recovers_within_s
        self.troubled: Callable[[], None] = _nobody_helps
        self.well: Callable[[], None] = _nobody_helps
        self.up = False
        self.settled = asyncio.Event()
        self.problem = "the connection failed"
        self._ended = False
        self._blocked = False
        self._early: list[Message] = []
        self._binding: LinkBinding | None = None
        self._mtu = 0
        self._reason: str | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._shown: tuple[Path, str] | None = None
        self._connection = self.connection = webrtc.RTCPeerConnection(configuration)
        self._control = self._connection.create_data_channel(
            "control", webrtc.RTCDataChannelInit(negotiated=True, id=CONTROL_STREAM)
        )
        self._chunks = self._connection.create_data_channel(
            "chunks",
            webrtc.RTCDataChannelInit(
                negotiated=True, id=CHUNKS_STREAM, max_packet_life_time=CHUNKS_LIFETIME_MS
            ),
        )
        self._chunks.buffered_amount_low_threshold = LOW_WATER_OCTETS
        self._control.on("message", self._on_control)
        self._chunks.on("message", self._on_chunks)
        self._chunks.on("bufferedamountlow", self._on_low)
        for channel in (self._control, self._chunks):
            channel.on("open", self._on_open)
            channel.on("close", self._on_close)
        self._connection.on("connectionstatechange", self._on_state)

    # Coming up.

    async def describe(self, offer: str | None) -> str:
        """Our description, with candidates: an offer, or the answer to one."""
        connection = self._connection
        gathered = asyncio.Event()

        def candidate_found(event: webrtc.RTCPeerConnectionIceEvent) -> None:
            if event.candidate is None:
                gathered.set()

        connection.on("icecandidate", candidate_found)
        if offer is None:
            description = await connection.create_offer()
        else:
            await connection.set_remote_description(
                webrtc.RTCSessionDescriptionInit(type="offer", sdp=offer)
            )
            description = await connection.create_answer()
        await connection.set_local_description(description)
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_WITHIN_S):
                await gathered.wait()
        assert connection.local_description is not None
        sdp = str(connection.local_description.sdp)
        if not has_candidate(sdp):
            raise LinkRefused(
                "this machine has no address that WebRTC can use (a link-local one of IPv6 "
                "does not do); give it one of IPv4, or a routable or unique local one of IPv6"
            )
        return sdp

    def check_certificate(self, theirs: bytes) -> None:
        """Compare the fingerprint of a new description with the one there was.

        Raises:
            LinkRefused: it is another station's.
        """
        if self._binding is not None and theirs != self._binding.remote:
            raise LinkRefused("a new description with another certificate is refused")

    def bind(self, theirs: bytes, remote_sdp: str) -> None:
        """Note the fingerprints of both ends; they stay what they are."""
        if self._binding is not None:
            return
        local = self._connection.local_description
        assert local is not None
        self._binding = LinkBinding(fingerprint(str(local.sdp)), theirs)
        self._mtu = min(MTU_OCTETS_MAX, message_octets_max(remote_sdp))
        self._rise()

    async def take_answer(self, sdp: str) -> None:
        """The other end's answer to our offer."""
        await self._connection.set_remote_description(
            webrtc.RTCSessionDescriptionInit(type="answer", sdp=sdp)
        )

    def _on_open(self, _event: webrtc.Event) -> None:
        self._rise()

    def _rise(self) -> None:
        is_open = webrtc.RTCDataChannelState.open
        ready = self._control.ready_state == self._chunks.ready_state == is_open
        if self.up or self._ended or self._binding is None or not ready:
            return
        self.up = True
        self._shown = path, address = placed(self._connection, self._way)
        if self._connection.sctp is not None:
            ice = self._connection.sctp.transport.ice_transport
            ice.on("selectedcandidatepairchange", self.look_again)
        traits = LinkTraits(
            mtu_octets=self._mtu,
            path=path,
            reliable=False,
            ordered=True,
            recovers_within_s=self._recovers_within_s,
        )
        self._report(
            LinkUp(
                link=self.id,
                traits=traits,
                binding=self._binding,
                dialled=self.dialled,
                way=self._way,
                remote_address=address,
            )
        )
        self.settled.set()
        early, self._early = self._early, []
        for message in early:
            if self.up:
                self._report(MessageReceived(self.id, message))

    def look_again(self, _event: webrtc.Event | None = None) -> None:
        """Tell it if the packets take another path, or it can be told better by now."""
        found = placed(self._connection, self._way)
        if self.up and found != self._shown:
            self._shown = found
            self._report(PathChanged(self.id, *found))

    # While it is up.

    def send(self, message: Message) -> bool:
        """See :meth:`WebRtcTransport.send`."""
        try:
            if isinstance(message, str):
                return self._send_control(message)
            if len(message) > self._mtu:
                raise ValueError(f"{len(message)} octets are more than {self._mtu}, the link's mtu")
            if self._chunks.buffered_amount >= HIGH_WATER_OCTETS:
                self._blocked = True
                return False
            self._chunks.send(message)
        except webrtc.RTCException as error:
            raise LinkClosed(f"{self.id} takes no more messages: {error}") from error
        return True

    def _send_control(self, message: str) -> bool:
        if len(message) > self._mtu or len(message.encode()) > self._mtu:
            raise ValueError(f"{len(message)} characters are more than the link's mtu")
        self._control.send(message)
        if self._control.buffered_amount > CONTROL_BACKLOG_OCTETS_MAX:
            self.close("the other station does not read its control messages")
        return True

    def _on_control(self, event: webrtc.MessageEvent) -> None:
        self._on_message(event.data, str)

    def _on_chunks(self, event: webrtc.MessageEvent) -> None:
        if self.up and isinstance(event.data, bytes):  # the path of every octet: nothing else
            self._report(MessageReceived(self.id, event.data))
        else:
            self._on_message(event.data, bytes)

    def _on_message(self, message: object, kind: type[str | bytes]) -> None:
        if self._ended:
            return
        if not isinstance(message, kind):
            self.close("a message of the wrong kind for its channel")
        elif self.up:
            self._report(MessageReceived(self.id, message))
        elif len(self._early) < EARLY_MESSAGES_MAX:
            self._early.append(message)
        else:
            self._end("too many messages before the link was up")

    def _on_low(self, _event: webrtc.Event) -> None:
        if self._blocked and self.up:
            self._blocked = False
            self._report(LinkWritable(self.id))

    # Going down.

    def close(self, reason: str) -> None:
        """Let queued control messages out, then end."""
        if self._ended or self._reason is not None:
            return
        self._reason = reason
        if not self.up:
            self._end(reason)
            return
        # A channel that closes first sends what it has.
        self._control.close()
        loop = asyncio.get_running_loop()
        self._closing = loop.call_later(CLOSE_WITHIN_S, self._end, reason)

    def discard(self, reason: str = "discarded") -> None:
        """End without telling anybody."""
        self.up = False
        self._end(reason)

    def _on_close(self, _event: webrtc.Event) -> None:
        self._end(self._reason or "the other station closed the link")

    def _on_state(self, _event: webrtc.Event) -> None:
        state = self._connection.connection_state
        failed = state == webrtc.RTCPeerConnectionState.failed
        if self.up and self._recovers_within_s:
            # The core above judges by silence whether it has taken too long.
            if failed or state == webrtc.RTCPeerConnectionState.disconnected:
                self.troubled()
            elif state == webrtc.RTCPeerConnectionState.connected:
                self.well()
        elif failed:
            self._end("the connection failed")

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = True
        was_up, self.up = self.up, False
        self.problem = reason
        if self._closing is not None:
            self._closing.cancel()
        self._early.clear()
        self._connection.close()
        self._gone(self)
        self.settled.set()
        if was_up:
            self._report(LinkDown(self.id, reason))


def _nobody_helps() -> None:
    """Nothing negotiates anew: the connection may come back by itself."""
