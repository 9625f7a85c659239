"""What a signalling server does for stations in rooms: presence, announcements, relays."""

from collections.abc import Collection, Iterable
from typing import TypeAlias, assert_never

from meshdl.ids import ContentHash, StationId
from meshdl.signalling import proofs
from meshdl.signalling.directory import FOREVER, Directory, Remote, Resident, Standing
from meshdl.signalling.publisher import Publisher
from meshdl.signalling.server_events import ServerLimits
from meshdl.signalling.speaker import Speaker
from meshdl.wire import siblings
from meshdl.wire import signalling as wire
from meshdl.wire.membership import Membership

LIFETIME_S = 1800
"""How long an announcement holds; stations repeat it at half of that."""

MEMBERS_A_MESSAGE = 10
"""Members in an answer that cost a server about what a message to somebody else does."""

CHOICE_COSTS = 30
"""Messages that cost a server about what it does to choose whom to tell, of more than it tells."""

Wish: TypeAlias = wire.Announce | wire.Withdraw | wire.Lookup | wire.Unwatch | wire.Relay


class ServerRooms:
    """All rooms of one server, and what is said in them.

    Args:
        limits: of the operator.
        directory: who is where.
        speaker: takes what is said.
        publisher: tells the other processes of this server what stations here do.
        unix_offset_s: what to add to the driver's clock to have the time since 1970.
    """

    def __init__(
        self,
        limits: ServerLimits,
        directory: Directory,
        speaker: Speaker,
        publisher: Publisher,
        *,
        unix_offset_s: float,
    ) -> None:
        self._limits, self._directory, self._speaker = limits, directory, speaker
        self._publisher = publisher
        self._unix_offset_s = unix_offset_s

    def join(self, resident: Resident, message: wire.Join, *, now: float) -> None:
        """A station wants to be in a room."""
        room, directory = message.room, self._directory
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
        if full := self.full_for(resident, room):
            self._speaker.refuse(resident.socket, "too-many", full, about="join", room=room)
            return
        others, quiet = self.enter(resident, room, proof)
        some = directory.some(room, others, most=wire.MEMBERS_MAX)
        count = len(directory.rooms[room].members) - 1
        self._chose(some, of=len(others))
        self._speaker.say(resident.socket, wire.Joined(room, some, count, quiet))
        self._publisher.news(siblings.Entered(resident.station, room, proof))

    def full_for(self, standing: Standing, room: str) -> str:
        """Why a station cannot be in one more room; empty when it can, or is."""
        limits, rooms = self._limits, self._directory.rooms
        if room in standing.rooms:
            return ""
        if room not in rooms and len(rooms) >= limits.rooms:
            return "there are too many rooms; join one that there is, or ask the operator"
        return (
            "you are in too many rooms; leave one first"
            if len(standing.rooms) >= limits.rooms_per_station
            else ""
        )

    def enter(
        self, standing: Standing, room: str, proof: Membership | None
    ) -> tuple[list[StationId], bool]:
        """Put a station into a room; who is told of it, and whether too many are there for that."""
        directory, known = self._directory, standing.member
        member = wire.Member(known.callsign, known.station_key, known.instance, proof)
        until = FOREVER if proof is None else proof.expires_at_s - self._unix_offset_s
        new = directory.join(standing, room, member, until=until)
        members = directory.rooms[room].members
        if len(members) > self._limits.presence_members:
            return [], True
        others = [one for one in members if one != standing.station]
        if new:
            self._tell(others, wire.MemberJoined(room, member))
        return others, False

    def leave(self, standing: Standing, room: str) -> None:
        """A station leaves a room."""
        if room not in standing.rooms:
            return
        self._directory.leave(standing, room)
        left = self._directory.rooms.get(room)
        if left is not None and len(left.members) <= self._limits.presence_members:
            self._tell(left.members, wire.MemberLeft(room, standing.station))

    def leave_all(self, standing: Standing) -> None:
        """A station leaves all its rooms."""
        for room in list(standing.rooms):
            self.leave(standing, room)

    def forget(self, remote: Remote) -> None:
        """A station is no longer at another process."""
        self.leave_all(remote)
        self._directory.remove_remote(remote)

    def leave_asked(self, resident: Resident, room: str) -> None:
        """A station here wants to leave a room, or must."""
        if room in resident.rooms:
            self.leave(resident, room)
            self._publisher.news(siblings.Exited(resident.station, room))

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
                self._publisher.news(siblings.Withdrawn(resident.station, room, contents))
            case wire.Lookup():
                self._lookup(resident, message, now)
            case wire.Unwatch(room, contents):
                self._directory.unwatch(resident, room, contents)
            case _:
                assert_never(message)

    def _relay(self, resident: Resident, message: wire.Relay) -> None:
        room, to, envelope = message.room, StationId(message.to), message.envelope
        target = self._directory.residents.get(to)
        if target is None:
            self._carry(resident, message)
        elif room not in target.rooms:
            self._undeliverable(resident, room, to)
        else:
            self._speaker.counts["relayed"] += 1
            self._speaker.say(target.socket, wire.Relayed(room, resident.rooms[room], envelope))

    # Signals from and to other processes.

    def _carry(self, resident: Resident, message: wire.Relay) -> None:
        room, to, own = message.room, StationId(message.to), self._publisher.own
        target = self._directory.remote.get(to)
        if own is None or target is None or room not in target.rooms:
            self._undeliverable(resident, room, to)
        elif not self._publisher.up:
            self._undeliverable(resident, room, to)
            self._publisher.unreachable.add(target.process)
        else:
            self._speaker.counts["carried"] += 1
            sender, envelope = resident.station, message.envelope
            carried = siblings.Carried(own, room, sender, to, envelope)
            self._publisher.say(target.process, carried)

    def deliver(self, carried: siblings.Carried) -> bool:
        """Another process carries a signal here; whether there was whom it is for."""
        directory, room = self._directory, carried.room
        remote = directory.remote.get(StationId(carried.sender))
        if remote is None or remote.process != carried.process:
            return False
        member = remote.rooms.get(room)
        target = directory.residents.get(StationId(carried.to))
        if member is None or target is None or room not in target.rooms:
            return False
        self._speaker.counts["relayed"] += 1
        self._speaker.say(target.socket, wire.Relayed(room, member, carried.envelope))
        return True

    def returned(self, room: str, sender: StationId, to: StationId) -> None:
        """What a station here sent was not delivered elsewhere."""
        resident = self._directory.residents.get(sender)
        if resident is not None:
            self._undeliverable(resident, room, to)

    def _undeliverable(self, resident: Resident, room: str, to: StationId) -> None:
        reason = "the station is not in this room"
        self._speaker.say(resident.socket, wire.Undeliverable(room, to, reason))

    # Contents.

    def _announce(self, resident: Resident, message: wire.Announce, now: float) -> None:
        room, contents, limit = message.room, message.content_hashes, self._limits.contents_per_room
        lifetime_s = min(message.lifetime_s, LIFETIME_S)
        self.hold(resident, room, contents, until=now + lifetime_s, now=now)
        held = resident.held[room]
        kept = tuple(content for content in contents if content in held)
        if len(kept) < len(contents):
            reason = (
                f"at most {limit} contents of one station are remembered in a room, and "
                f"{self._limits.contents_per_address} from one address; withdraw some"
            )
            self._speaker.refuse(resident.socket, "too-many", reason, about="announce", room=room)
        if kept:
            fact = siblings.Announced(resident.station, room, kept, lifetime_s)
            self._publisher.news(fact)

    def hold(
        self, standing: Standing, room: str, contents: Iterable[bytes], *, until: float, now: float
    ) -> None:
        """A station in a room has contents; who looks for them is told.

        Of a station at another process not beyond what its origin may have told here: its own
        process cannot know how many look for a content here. Who asks again finds it.
        """
        directory, limit = self._directory, self._limits.contents_per_room
        account = standing.account
        for content in directory.announce(standing, room, contents, until=until, limit=limit):
            if account is not None and not account.available(now=now):
                return
            seekers = directory.seekers(room, content, now=now)
            others = [one for one in seekers if one != standing.station]
            self._tell(others, wire.Found(room, content, (standing.rooms[room],), 1))
            if account is not None:
                account.take(len(others), now=now)

    def _lookup(self, resident: Resident, message: wire.Lookup, now: float) -> None:
        room, content, directory = message.room, ContentHash(message.content_hash), self._directory
        if message.watch_s:
            until = now + min(message.watch_s, LIFETIME_S)
            limit = self._limits.watches_per_room
            if not directory.watch(resident, room, content, until=until, limit=limit):
                reason = (
                    f"at most {limit} contents may be watched for in a room, and so many from "
                    "one address; look again later"
                )
                self._speaker.refuse(resident.socket, "too-many", reason, about="lookup", room=room)
        some, count = directory.holders(
            room, content, but=resident.station, most=wire.MEMBERS_MAX, now=now
        )
        self._chose(some, of=count)
        self._speaker.say(resident.socket, wire.Found(room, content, some, count))

    def _chose(self, some: wire.Members, *, of: int) -> None:
        """Choosing them, and telling of them, counts for who asked."""
        self._speaker.told += len(some) // MEMBERS_A_MESSAGE
        if of > len(some):
            self._speaker.told += CHOICE_COSTS

    def _tell(self, stations: Collection[StationId], message: wire.ServerMessage) -> None:
        """Those of them that are here; another process tells its own."""
        self._speaker.told += len(stations)
        residents = self._directory.residents
        here = [residents[station].socket for station in stations if station in residents]
        if here:
            self._speaker.tell(here, message)
