"""What a signalling server does for stations in rooms: presence, announcements, relays."""

from collections.abc import Iterable
from typing import TypeAlias, assert_never

from meshdl.ids import ContentHash, StationId
from meshdl.signalling import proofs
from meshdl.signalling.directory import FOREVER, Directory, Resident
from meshdl.signalling.server_events import ServerLimits
from meshdl.signalling.speaker import Speaker
from meshdl.wire import signalling as wire

LIFETIME_S = 1800
"""How long an announcement holds; stations repeat it at half of that."""

Wish: TypeAlias = wire.Announce | wire.Withdraw | wire.Lookup | wire.Relay


class ServerRooms:
    """All rooms of one server, and what is said in them.

    Args:
        limits: of the operator.
        directory: who is where.
        speaker: takes what is said.
        unix_offset_s: what to add to the driver's clock to have the time since 1970.
    """

    def __init__(
        self,
        limits: ServerLimits,
        directory: Directory,
        speaker: Speaker,
        *,
        unix_offset_s: float,
    ) -> None:
        self._limits, self._directory, self._speaker = limits, directory, speaker
        self._unix_offset_s = unix_offset_s

    def join(self, resident: Resident, message: wire.Join, *, now: float) -> None:
        """A station wants to be in a room."""
        limits, room, directory = self._limits, message.room, self._directory
        proof = message.membership if proofs.room_key(room) else None
        unix_now_s = now + self._unix_offset_s
        if not proofs.is_member(room, resident.member.station_key, proof, unix_now_s=unix_now_s):
            self._speaker.refuse(
                resident.socket,
                "signature",
                "the membership does not hold, or has ended; ask for another one",
                about="join",
                room=room,
            )
            return
        full = room not in directory.rooms and len(directory.rooms) >= limits.rooms
        if room not in resident.rooms and (full or len(resident.rooms) >= limits.rooms_per_station):
            reason = "there are too many rooms" if full else "you are in too many rooms"
            self._speaker.refuse(resident.socket, "too-many", reason, about="join", room=room)
            return
        own = resident.member
        member = wire.Member(own.callsign, own.station_key, own.instance, proof)
        until = FOREVER if proof is None else proof.expires_at_s - self._unix_offset_s
        new = directory.join(resident, room, member, until=until)
        others = [one for one in directory.rooms[room].members if one != resident.station]
        quiet = len(others) >= limits.presence_members
        some = () if quiet else directory.some(room, others, most=wire.MEMBERS_MAX)
        self._speaker.say(resident.socket, wire.Joined(room, some, len(others), quiet))
        if new and not quiet:
            self._tell(others, wire.MemberJoined(room, member))

    def leave(self, resident: Resident, room: str) -> None:
        """A station leaves a room."""
        if room not in resident.rooms:
            return
        self._directory.leave(resident, room)
        left = self._directory.rooms.get(room)
        if left is not None and len(left.members) <= self._limits.presence_members:
            self._tell(left.members, wire.MemberLeft(room, resident.station))

    def take(self, resident: Resident, message: Wish, *, now: float) -> None:
        """A station wants something in a room."""
        if message.room not in resident.rooms:
            about = str(message.__struct_config__.tag)
            reason = "you are not in this room; join it first"
            self._speaker.refuse(
                resident.socket, "not-a-member", reason, about=about, room=message.room
            )
            return
        match message:
            case wire.Relay():
                self._relay(resident, message)
            case wire.Announce():
                self._announce(resident, message, now)
            case wire.Withdraw(room, contents):
                self._directory.withdraw(resident, room, contents)
            case wire.Lookup():
                self._lookup(resident, message, now)
            case _:
                assert_never(message)

    def _relay(self, resident: Resident, message: wire.Relay) -> None:
        room, to = message.room, StationId(message.to)
        target = self._directory.residents.get(to)
        if target is None or room not in target.rooms:
            reason = "the station is not in this room"
            self._speaker.say(resident.socket, wire.Undeliverable(room, to, reason))
            return
        self._speaker.counts["relayed"] += 1
        self._speaker.say(target.socket, wire.Relayed(room, resident.rooms[room], message.envelope))

    def _announce(self, resident: Resident, message: wire.Announce, now: float) -> None:
        room, directory = message.room, self._directory
        limit = self._limits.contents_per_room
        until = now + min(message.lifetime_s, LIFETIME_S)
        news = directory.announce(resident, room, message.content_hashes, until=until, limit=limit)
        held = resident.held[room]
        if not held.issuperset(message.content_hashes):
            reason = f"at most {limit} contents of one station are remembered in a room"
            self._speaker.refuse(resident.socket, "too-many", reason, about="announce", room=room)
        for content in news:
            seekers = directory.seekers(room, content, now=now)
            found = wire.Found(room, content, (resident.rooms[room],), 1)
            self._tell([one for one in seekers if one != resident.station], found)

    def _lookup(self, resident: Resident, message: wire.Lookup, now: float) -> None:
        room, content, directory = message.room, ContentHash(message.content_hash), self._directory
        if message.watch_s:
            until = now + min(message.watch_s, LIFETIME_S)
            limit = self._limits.watches_per_room
            if not directory.watch(resident, room, content, until=until, limit=limit):
                reason = f"at most {limit} contents may be watched for in a room"
                self._speaker.refuse(resident.socket, "too-many", reason, about="lookup", room=room)
        holders = directory.holders(room, content, now=now)
        others = [one for one in holders if one != resident.station]
        some = directory.some(room, others, most=wire.MEMBERS_MAX)
        self._speaker.say(resident.socket, wire.Found(room, content, some, len(others)))

    def _tell(self, stations: Iterable[StationId], message: wire.ServerMessage) -> None:
        residents = self._directory.residents
        self._speaker.tell((residents[station].socket for station in stations), message)
