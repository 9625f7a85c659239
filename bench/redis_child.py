"""A Redis of our own, on a loopback port, that keeps nothing on disk."""

import shutil
import signal
import subprocess
from dataclasses import dataclass, field

from bench.ports import free_port

PROGRAM = "redis-server"
READY = b"Ready to accept connections"


@dataclass(slots=True)
class RedisChild:
    """One; :meth:`start` begins it, also after :meth:`kill`."""

    password: str
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """As ``meshdl signal --redis`` takes it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Return when it takes connections.

        Raises:
            RuntimeError: it ended instead.
        """
        program = shutil.which(PROGRAM)
        assert program is not None, "redis-server is missing; on Debian: apt-get install it"
        options = {
            "port": self.port, "bind": "127.0.0.1", "requirepass": self.password,
            "save": "", "appendonly": "no", "daemonize": "no",
        }  # fmt: skip
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen([program, *words], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        said = b""
        while READY not in said:
            line = self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"redis-server ended: {said.decode(errors='replace')}")
            said += line

    def hang(self, *, until_freed: bool) -> None:
        """It stays there and does nothing; then it goes on."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGSTOP if until_freed else signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, and all that it had."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
