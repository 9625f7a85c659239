"""Makes and mends one connection by messages that somebody carries both ways.

Theory of operation
===================

Descriptions are sent as soon as they exist and candidates as they are found (trickle ICE,
RFC 8838): gathering may take half a minute where a network drops what it does not like.

Both ends may want to describe the connection anew at the same moment, say because both
networks have changed. *Perfect negotiation* (W3C, "WebRTC", 10.7) settles it: the impolite
end ignores an offer that crosses its own, the polite one takes its own back. The end with
the higher station id is polite.

A connection that is cut is mended by restarting ICE: new candidates for the same
certificates and the same channels, nothing above notices. A new description with another
certificate is another station, and is refused.

What comes is dealt with in the order in which it came, by one task for each connection.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

import webrtc

from meshdl.errors import LinkRefused
from meshdl.signalling.client_events import (
    Description,
    MoreCandidates,
    Refusal,
    SignalBody,
)
from meshdl.transports.sdp import admitted, is_candidate
from meshdl.transports.webrtc_link import Link
from meshdl.wire.signals import CANDIDATE_MAX, CANDIDATES_MAX, Candidate

GATHER_TOGETHER_S = 0.01
"""Candidates found within that time travel together: those of one machine come at once."""

BODIES_MAX = 128
"""What waits to be dealt with; an honest end sends a dozen."""

_log = logging.getLogger(__name__)


class Negotiation:
    """The descriptions and candidates of one connection.

    Args:
        link: what is negotiated.
        polite: whether this end gives way.
        send: carries a body to the other end.
    """

    def __init__(self, link: Link, *, polite: bool, send: Callable[[SignalBody], None]) -> None:
        self.link = link
        self._polite, self._send = polite, send
        self._making_offer = False
        self._ignoring = False
        self._described = False
        self._found: list[Candidate] = []
        self._early: list[Candidate] = []
        self._flushing: asyncio.TimerHandle | None = None
        self._bodies: deque[SignalBody] = deque()
        self._news = asyncio.Event()
        self._restart = self._patient = False
        self._configuration: webrtc.RTCConfiguration | None = None
        link.connection.on("icecandidate", self._on_candidate)

    def receive(self, body: SignalBody) -> None:
        """Something came from the other end."""
        if len(self._bodies) >= BODIES_MAX:
            self.link.close("too many signals")
            return
        self._bodies.append(body)
        self._news.set()

    def restart(
        self, configuration: webrtc.RTCConfiguration | None, *, patient: bool = False
    ) -> None:
        """Look for a way to the other end anew.

        Args:
            configuration: STUN and TURN servers, if there are any. Those that the link was made
                with may be gone, and their credentials have run out.
            patient: once the other end has answered what it was asked, for it surely will.
        """
        self._patient = patient and (self._patient or not self._restart)
        self._configuration, self._restart = configuration, True
        self._news.set()

    async def run(self, *, offering: bool) -> None:
        """Negotiate until cancelled.

        Raises:
            LinkRefused: one end does not want, or did not describe, such a connection.
            webrtc.RTCException, ValueError, TypeError: what came cannot be used.
        """
        try:
            if offering:
                await self._offer()
            while True:
                await self._news.wait()
                self._news.clear()
                while self._bodies:
                    await self._take(self._bodies.popleft())
                if self._restart and self._described and (self._stable or not self._patient):
                    self._restart = self._patient = False
                    if self._configuration is not None:
                        self.link.connection.set_configuration(self._configuration)
                    self.link.connection.restart_ice()
                    await self._offer()
        finally:
            if self._flushing is not None:
                self._flushing.cancel()

    @property
    def _stable(self) -> bool:
        return self.link.connection.signaling_state == webrtc.RTCSignalingState.stable

    async def _offer(self) -> None:
        connection = self.link.connection
        self._making_offer = True
        try:
            offer = await connection.create_offer()
            await connection.set_local_description(offer)
        finally:
            self._making_offer = False
        self._say_description(is_answer=False)

    def _say_description(self, *, is_answer: bool) -> None:
        local = self.link.connection.local_description
        assert local is not None
        self._send(Description(str(local.sdp), is_answer))
        self._described = True
        self._flush()

    async def _take(self, body: SignalBody) -> None:
        match body:
            case Description(described, is_answer):
                theirs, sdp = admitted(described)
                self.link.check_certificate(theirs)
                if is_answer:
                    await self._take_answer(theirs, sdp)
                else:
                    await self._take_offer(theirs, sdp)
            case MoreCandidates(candidates):
                await self._add([one for one in candidates if is_candidate(one.candidate)])
            case Refusal(reason):
                if not self.link.up:
                    raise LinkRefused(reason)

    async def _take_answer(self, theirs: bytes, sdp: str) -> None:
        connection = self.link.connection
        if connection.signaling_state != webrtc.RTCSignalingState.have_local_offer:
            return  # to an offer that was taken back
        self.link.bind(theirs, sdp)
        await self.link.take_answer(sdp)
        await self._add_early()

    async def _take_offer(self, theirs: bytes, sdp: str) -> None:
        connection = self.link.connection
        self._ignoring = not self._polite and (self._making_offer or not self._stable)
        if self._ignoring:
            return
        await connection.set_remote_description(
            webrtc.RTCSessionDescriptionInit(type="offer", sdp=sdp)
        )
        await connection.set_local_description(await connection.create_answer())
        self.link.bind(theirs, sdp)
        self._say_description(is_answer=True)
        await self._add_early()

    async def _add_early(self) -> None:
        early, self._early = self._early, []
        await self._add(early)

    async def _add(self, candidates: list[Candidate]) -> None:
        connection = self.link.connection
        if connection.remote_description is None:
            self._early = (self._early + candidates)[:CANDIDATES_MAX]
            return
        for one in candidates:
            try:
                await connection.add_ice_candidate(
                    webrtc.RTCIceCandidateInit(candidate=one.candidate, sdp_mid=one.sdp_mid)
                )
            except (webrtc.RTCException, ValueError, TypeError) as error:
                # Of a kind that we do not know, or of an offer that was ignored.
                _log.debug("%s: a candidate is of no use: %s", self.link.id, error)
        # Packets may have come from an address before it was told, and be known by it only now.
        self.link.look_again()

    def _on_candidate(self, event: webrtc.RTCPeerConnectionIceEvent) -> None:
        found = event.candidate
        if found is None or not found.candidate or len(found.candidate) > CANDIDATE_MAX:
            return
        self._found.append(Candidate(str(found.candidate), str(found.sdp_mid or "0")))
        if self._described and self._flushing is None:
            loop = asyncio.get_running_loop()
            self._flushing = loop.call_later(GATHER_TOGETHER_S, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        while self._found:
            batch, self._found = self._found[:CANDIDATES_MAX], self._found[CANDIDATES_MAX:]
            self._send(MoreCandidates(tuple(batch)))
