"""A serial TNC: a pseudo terminal whose other end is one of two TNCs on the network."""

import os
import select
import socket
import threading
from contextlib import suppress
from pathlib import Path

PIECE_OCTETS = 4096


class SerialTnc:
    """Carries octets between a terminal and a port, until it is unplugged.

    Args:
        device: its path; it is there again at every plugging in.
        port: of the TNC on this host.
    """

    def __init__(self, device: Path, port: int) -> None:
        self.device, self._port = device, port
        self._carrying: threading.Thread | None = None
        self._stop, self._stopped = os.pipe()
        self.plug_in()

    def plug_in(self) -> None:
        """Make the device."""
        ours, theirs = os.openpty()
        tnc = socket.create_connection(("127.0.0.1", self._port))
        self.device.symlink_to(os.ttyname(theirs))
        self._carrying = threading.Thread(target=self._carry, args=(ours, theirs, tnc), daemon=True)
        self._carrying.start()

    def unplug(self) -> None:
        """The device is gone; whoever has it open is hung up on."""
        if self._carrying is None:
            return
        self.device.unlink()
        os.write(self._stopped, b"!")
        self._carrying.join()
        self._carrying = None

    def close(self) -> None:
        """Give everything back."""
        self.unplug()
        os.close(self._stop)
        os.close(self._stopped)

    def _carry(self, ours: int, theirs: int, tnc: socket.socket) -> None:
        # As long as one end of it is open here, a terminal that nobody else has is no end of file.
        with tnc, suppress(OSError):
            while True:
                ready, _, _ = select.select([ours, tnc.fileno(), self._stop], [], [])
                if self._stop in ready:
                    os.read(self._stop, 1)
                    break
                if ours in ready:
                    tnc.sendall(os.read(ours, PIECE_OCTETS))
                if tnc.fileno() in ready:
                    os.write(ours, tnc.recv(PIECE_OCTETS))
        os.close(theirs)
        os.close(ours)
