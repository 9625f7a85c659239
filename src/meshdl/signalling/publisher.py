"""What this process tells the other processes of its server, as effects.

News is numbered, so that whoever misses some notices, see :mod:`meshdl.signalling.siblings`.
A server of one process has nobody to tell.
"""

from meshdl.signalling.server_events import Process, Publish
from meshdl.signalling.speaker import Speaker
from meshdl.wire import siblings as wire


class Publisher:
    """Tells it.

    Args:
        own: this process; ``None``: it is the only one.
        speaker: takes the effects.

    Attributes:
        up: whether the others can be reached.
        serial: of the last news, told or not.
        unreachable: processes for whose stations something was while they could not be
            reached.
    """

    def __init__(self, own: Process | None, speaker: Speaker) -> None:
        self.own, self._speaker = own, speaker
        self.up = False
        self.serial = 0
        self.unreachable: set[Process] = set()

    def news(self, fact: wire.Fact) -> None:
        """Something has changed."""
        if self.own is not None:
            self.serial += 1
            self._tell_all(wire.News(self.own, self.serial, fact))

    def beat(self) -> None:
        """This process lives."""
        if self.own is not None:
            self._tell_all(wire.Beat(self.own, self.serial))

    def say(self, to: Process, message: wire.SiblingMessage) -> None:
        """Tell one process."""
        if self.up:
            self._speaker.effects.append(Publish(to, wire.encode(message)))

    def _tell_all(self, message: wire.News | wire.Beat) -> None:
        if self.up:
            self._speaker.effects.append(Publish(None, wire.encode(message)))
