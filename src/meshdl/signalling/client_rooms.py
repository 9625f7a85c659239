"""What a station wants in its rooms, and what it hears there.

The rooms, what is advertised and what is sought outlive every connection: they are told
again after each welcome, and repeated before they run out at the server.
"""

from collections.abc import Mapping
from typing import TypeAlias, assert_never

from meshdl.errors import RemoteProtocolError
from meshdl.ids import ContentHash, StationId
from meshdl.signalling.client_events import ClientEffect, Heard, Lost, Trouble
from meshdl.signalling.identity import ClientIdentity
from meshdl.signalling.members import Members
from meshdl.signalling.outgoing import Outgoing
from meshdl.wire import signalling as wire
from meshdl.wire.membership import Membership

LIFETIME_MIN_S = 60
"""A server that wants to be told more often is not believed."""

_OUT = frozenset({"expired", "signature", "not-a-member"})
"""Refusals that, of a room, mean that the server does not have us in it."""

RoomNews: TypeAlias = wire.Joined | wire.MemberJoined | wire.MemberLeft | wire.Found


class ClientRooms:
    """The rooms of one client.

    Args:
        identity: names the rooms.
        members: of all of them.
        effects: takes what is to be done.
        outgoing: takes what is said.

    Attributes:
        joined: rooms in which the server has us.
    """

    def __init__(
        self,
        identity: ClientIdentity,
        members: Members,
        effects: list[ClientEffect],
        outgoing: Outgoing,
    ) -> None:
        self._outgoing = outgoing
        self._wanted = dict(identity.rooms)
        self._left: set[str] = set()
        self._identity, self._members, self._effects = identity, members, effects
        self._held: dict[ContentHash, None] = {}
        self._sought: dict[ContentHash, None] = {}
        self.joined: set[str] = set()

    def join_all(self) -> None:
        """Ask to be let in."""
        for room, membership in self._wanted.items():
            self._outgoing.say(wire.Join(room, membership))

    def welcomed(self, lifetime_s: int) -> None:
        """The server knows us, and keeps announcements for so long."""
        self._outgoing.lifetime_s = max(lifetime_s, LIFETIME_MIN_S)

    def be_in(self, rooms: Mapping[str, Membership | None], *, online: bool) -> None:
        """The station wants to be in these rooms from now on, with these memberships."""
        before, self._wanted = self._wanted, dict(rooms)
        for room in before.keys() - rooms.keys():
            if online:
                self._left.add(room)
                self._outgoing.say(wire.Leave(room))
            self._out(room)
        self._left -= rooms.keys()
        for room, membership in rooms.items():
            if online and (room not in before or before[room] != membership):
                self._outgoing.say(wire.Join(room, membership))

    def refused(self, refused: wire.Refused) -> None:
        """The server may not have us in a room any more."""
        room = refused.room
        if room not in self.joined or refused.code not in _OUT:
            return
        self._out(room)
        if refused.code == "not-a-member":  # it has forgotten us
            self._outgoing.say(wire.Join(room, self._wanted[room]))

    def _out(self, room: str) -> None:
        self.joined.discard(room)
        self._outgoing.forget(lambda of, _: of == room)
        self._effects += [Lost(station) for station in self._members.left_by_us(room)]

    def left_all(self) -> None:
        """The server is gone, and everybody with it."""
        self.joined.clear()
        self._left.clear()
        self._effects += [Lost(station) for station in self._members.forget_all()]

    def take(self, news: RoomNews, *, unix_now_s: float) -> None:
        """The server tells of a room.

        Raises:
            RemoteProtocolError: we are not in it.
        """
        room = news.room
        if room in self._left:
            return  # it was on its way when we left
        if room not in self._wanted:
            raise RemoteProtocolError("news of a room that we are not in")
        for member in self._heard(news):
            self._hear(room, member, unix_now_s)

    def _heard(self, news: RoomNews) -> wire.Members:
        """Whom the news make worth dialling."""
        heard: wire.Members = ()
        match news:
            case wire.Joined(members=members, quiet=quiet):
                self._in(news.room)
                heard = () if quiet else members
            case wire.MemberJoined(member=member):
                heard = (member,)
            case wire.Found(content_hash=content, members=members):
                heard = members if ContentHash(content) in self._sought else ()
            case wire.MemberLeft(station=station):
                if self._members.left(news.room, StationId(station)):
                    self._effects.append(Lost(StationId(station)))
            case _:
                assert_never(news)
        return heard

    def note(self, room: str, member: wire.Member, *, unix_now_s: float) -> StationId | None:
        """Remember a member; one that cannot be believed is not, and the operator is told."""
        try:
            return self._members.note(room, member, unix_now_s=unix_now_s)
        except RemoteProtocolError as error:
            self._effects.append(Trouble(f"{self._identity.server_name} tells lies: {error}"))
            return None

    def advertise(self, content: ContentHash, *, held: bool) -> None:
        """A content is here, or no longer."""
        if held == (content in self._held):
            return
        if held:
            self._held[content] = None
        else:
            del self._held[content]
        for room in sorted(self.joined):
            self._outgoing.wish(wire.Announce if held else wire.Withdraw, room, (content,))

    def seek(self, content: ContentHash, *, wanted: bool) -> None:
        """A content is wanted, or no longer."""
        if wanted == (content in self._sought):
            return
        if wanted:
            self._sought[content] = None
        else:
            del self._sought[content]
        for room in sorted(self.joined):
            self._outgoing.wish(wire.Lookup if wanted else wire.Unwatch, room, (content,))

    def repeat(self) -> None:
        """Before what was told runs out."""
        again = (wire.Announce, wire.Lookup)
        self._outgoing.forget(lambda _, kind: kind in again)  # for it is all said now
        for room in sorted(self.joined):
            self._tell(room)

    def _in(self, room: str) -> None:
        if room not in self.joined:
            self.joined.add(room)
            self._tell(room)

    def _tell(self, room: str) -> None:
        self._outgoing.wish(wire.Announce, room, self._held)
        self._outgoing.wish(wire.Lookup, room, self._sought)

    def _hear(self, room: str, member: wire.Member, unix_now_s: float) -> None:
        station = self.note(room, member, unix_now_s=unix_now_s)
        if station is not None:
            known = self._members.known[station]
            known.told = True
            self._effects.append(Heard(station, known.callsign))
