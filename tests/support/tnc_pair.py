"""Two TNCs that speak KISS over TCP and hear each other at once: their air is this process."""

import socket
import threading

from meshdl.wire import kiss

CONNECTED_WITHIN_S = 10.0
"""A station may be up a moment before we have noticed its connection."""


class TncPair:
    """Ports 0 and 1; what is sent to one comes out of the other.

    Attributes:
        ports: to connect to.
    """

    def __init__(self) -> None:
        self._listening: list[socket.socket | None] = [None, None]
        self._connected: list[socket.socket | None] = [None, None]
        self._there = [threading.Event(), threading.Event()]
        self.ports = [0, 0]
        for side in (0, 1):
            self.plug_in(side)

    def plug_in(self, side: int) -> None:
        """Listen, on the same port as before."""
        server = socket.create_server(("127.0.0.1", self.ports[side]))
        self.ports[side] = int(server.getsockname()[1])
        self._listening[side] = server
        threading.Thread(target=self._accept, args=(side, server), daemon=True).start()

    def unplug(self, side: int) -> None:
        """Drop the station's connection and take no other."""
        self._there[side].wait(CONNECTED_WITHIN_S)
        self._drop(side)

    def say(self, side: int, octets: bytes) -> None:
        """Raw octets from one TNC to its station, as soon as there is one."""
        self._there[side].wait(CONNECTED_WITHIN_S)
        connected = self._connected[side]
        if connected is not None:
            connected.sendall(octets)

    def close(self) -> None:
        """Give everything back."""
        self._drop(0)
        self._drop(1)

    def _drop(self, side: int) -> None:
        self._there[side].clear()
        server, self._listening[side] = self._listening[side], None
        if server is not None:
            _hang_up(server)  # closing alone would not wake who waits in accept()
            server.close()
        connected, self._connected[side] = self._connected[side], None
        if connected is not None:
            _hang_up(connected)

    def _accept(self, side: int, server: socket.socket) -> None:
        while True:
            try:
                connected, _ = server.accept()
            except OSError:
                return
            self._connected[side] = connected
            self._there[side].set()
            self._relay(side, connected)

    def _relay(self, side: int, connected: socket.socket) -> None:
        decoder = kiss.Decoder()
        with connected:
            while True:
                try:
                    octets = connected.recv(4096)
                except OSError:
                    return
                if not octets:
                    return
                for payload in decoder.feed(octets):
                    self.say(1 - side, kiss.encode(payload))


def _hang_up(connected: socket.socket) -> None:
    try:
        connected.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already
