"""The bus between the processes of one signalling server: Redis.

News and signals go by publish/subscribe, on one channel for all and one for each process;
nothing of them is kept. Pins are kept, in one hash. What is published meanwhile goes out
together as soon as Redis has taken what went before: under load a message to Redis carries
hundreds of those of the core, and costs each of them little.

A connection that fails ends both: what was said meanwhile may be lost, and the core must know.
The next attempt follows by itself. Only this module knows Redis; its library is an extra
(``meshdl[redis]``) and is imported when asked for.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from meshdl.ids import Callsign, StationKey
from meshdl.signal_server.redis_url import database, shown
from meshdl.signalling.server_events import (
    BusDown,
    BusHeard,
    BusUp,
    ClaimPin,
    NobodyListens,
    PinAnswered,
    PinsHeard,
    Process,
    Publish,
    ServerInput,
)
from meshdl.wire.siblings import MESSAGE_MAX, decode_pin, gathered

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub

CONNECT_WITHIN_S = 3.0
ANSWER_WITHIN_S = 5.0
SILENCE_MAX_S = 10.0
"""A process hears its own beats, too: without them for so long its ears are gone."""

TRY_AGAIN_AFTER_S = 1.0
FLUSH_WITHIN_S = 1.0
CANCEL_AGAIN_AFTER_S = 0.2

OUTGOING_MAX = 16 * 1024 * 1024
"""Octets that wait for Redis: a second of signals; more means that it does not keep up."""

PAYLOAD_MAX = 256 * 1024
"""Octets in one message to Redis, but for the last of those of the core in it."""

HEARD_MAX = PAYLOAD_MAX + 4 * MESSAGE_MAX + 2
"""Octets in one message from Redis: another process sends no more, also when each of the
characters of the last that it gathered takes four."""

PINS_AT_ONCE = 500

PIN_SCRIPT = """
local limit, found, count = tonumber(ARGV[1]), {}, redis.call('HLEN', KEYS[1])
for at = 2, #ARGV, 3 do
  local call, key, old = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local current = redis.call('HGET', KEYS[1], call)
  if (not current and count < limit) or (current and current == old) then
    if not current then count = count + 1 end
    redis.call('HSET', KEYS[1], call, key)
    current = key
  end
  found[#found + 1] = current or ''
end
return found
"""
"""Pins each callsign to its key unless it is pinned, but by the old one: all in one step, so
that of two processes one is first."""

_Outgoing: TypeAlias = Publish | ClaimPin

_log = logging.getLogger(__name__)


class RedisBus:
    """The bus, as one process sees it.

    Args:
        url: of Redis.
        process: this one.
        pins: known here.
        pins_max: kept in Redis.
        post: takes what is heard.
    """

    def __init__(
        self,
        url: str,
        process: Process,
        *,
        pins: Callable[[], Mapping[Callsign, StationKey]],
        pins_max: int,
        post: Callable[[ServerInput], None],
    ) -> None:
        self._url, self._pins, self._pins_max, self._post = url, pins, pins_max, post
        self._shown = shown(url)
        # Publishing knows no databases, so their number is part of the name.
        prefix = f"meshdl:signal:{database(url)}"
        self._to_all, self._to_one = f"{prefix}:all", f"{prefix}:to:"
        self._own, self._pin_key = self._to_one + process, f"{prefix}:pins"
        self._outgoing: list[_Outgoing] = []
        self._waiting = 0
        self._news, self._idle = asyncio.Event(), asyncio.Event()
        self._comparing, self._tried = asyncio.Event(), asyncio.Event()
        self.up = False

    def publish(self, effect: Publish) -> None:
        """Publish a message; in order."""
        if self.up:
            if not self._outgoing:
                self._wake()
            self._outgoing.append(effect)
            self._waiting += len(effect.octets)

    def claim(self, effect: ClaimPin) -> None:
        """Claim a pin; in order."""
        if self.up:
            if not self._outgoing:
                self._wake()
            self._outgoing.append(effect)

    def _wake(self) -> None:
        self._news.set()
        self._idle.clear()

    def compare_pins(self) -> None:
        """Give the pins that are known here to Redis, and hear all that it has."""
        self._comparing.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        told = False
        while True:
            try:
                await self._serve()
            except _failures() as failed:
                if self.up or not told:
                    told = True
                    _log.warning(
                        "Redis at %s cannot be reached (%s); this process serves its own "
                        "stations alone, and tries again every %g s",
                        self._shown, str(failed) or type(failed).__name__, TRY_AGAIN_AFTER_S,
                    )  # fmt: skip
            finally:
                self._down()
                self._tried.set()
            await asyncio.sleep(TRY_AGAIN_AFTER_S)

    async def tried(self) -> None:
        """Return when Redis is there, or has been tried in vain."""
        await self._tried.wait()

    async def flush(self) -> None:
        """Return when what waits has gone out, or cannot in time."""
        if self.up and self._outgoing:
            try:
                await asyncio.wait_for(self._idle.wait(), FLUSH_WITHIN_S)
            except TimeoutError:
                _log.debug("Redis did not take the last news in time")

    async def _serve(self) -> None:
        redis = _connect(self._url)
        ears = redis.pubsub()
        try:
            await ears.subscribe(self._to_all, self._own)
            for _ in range(2):
                await self._hear(ears)
            self.up = True
            _log.info("Redis at %s is there: stations are shared by it", self._shown)
            self._post(BusUp())
            self._tried.set()
            await _first_failure(self._read(ears), self._write(redis), self._compare(redis))
        finally:
            await ears.aclose()  # type: ignore[no-untyped-call]
            await redis.aclose()

    def _down(self) -> None:
        self._outgoing.clear()
        self._waiting = 0
        self._idle.set()
        if self.up:
            self.up = False
            self._post(BusDown())

    # From Redis.

    async def _read(self, ears: "PubSub") -> None:
        while True:
            if octets := await self._hear(ears):
                self._post(BusHeard(octets))

    async def _hear(self, ears: "PubSub") -> bytes:
        message = await ears.get_message(timeout=SILENCE_MAX_S)
        if message is None:
            raise TimeoutError(f"it says nothing for {SILENCE_MAX_S:g} s")
        payload = message["data"]
        if message["type"] != "message" or not isinstance(payload, bytes):
            return b""
        if len(payload) > HEARD_MAX:
            _log.warning("Redis at %s: a message of %d octets is dropped: it is no other process's",
                         self._shown, len(payload))  # fmt: skip
            return b""
        return payload

    # To Redis.

    async def _write(self, redis: "Redis") -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._waiting > OUTGOING_MAX:
                raise TimeoutError("it does not keep up with what is to be sent")
            outgoing, self._outgoing, self._waiting = self._outgoing, [], 0
            steps = list(in_messages(outgoing))
            pipeline = redis.pipeline(transaction=False)
            for step in steps:
                if isinstance(step, ClaimPin):
                    pipeline.eval(PIN_SCRIPT, 1, self._pin_key, self._pins_max, *_claimed(step))
                else:
                    to, payload = step
                    pipeline.publish(self._to_all if to is None else self._to_one + to, payload)
            for step, answer in zip(steps, await pipeline.execute(), strict=True):
                self._take(step, answer)
            if not self._outgoing:
                self._idle.set()

    def _take(self, step: "ClaimPin | _Message", answer: Any) -> None:
        if isinstance(step, ClaimPin):
            (value,) = answer
            pin = decode_pin(step.callsign.encode(), value)
            if value and pin is None:
                _log.error("Redis at %s has a pin of %s that is none; remove it: HDEL %s %s",
                           self._shown, step.callsign, self._pin_key, step.callsign)  # fmt: skip
            key = pin[1] if pin is not None else None
            self._post(PinAnswered(step.socket, step.callsign, key))
        elif answer == 0 and step[0] is not None:
            self._post(NobodyListens(step[0]))

    async def _compare(self, redis: "Redis") -> None:
        while True:
            await self._comparing.wait()
            self._comparing.clear()
            ours = [word for call, key in self._pins().items() for word in (call, key.hex(), "")]
            for at in range(0, len(ours), 3 * PINS_AT_ONCE):
                some = ours[at : at + 3 * PINS_AT_ONCE]
                await redis.eval(PIN_SCRIPT, 1, self._pin_key, str(self._pins_max), *some)
            cursor, first = 0, True
            while cursor or first:
                first = False
                cursor, found = await redis.hscan(self._pin_key, cursor, count=PINS_AT_ONCE)
                self._take_pins(cast("dict[bytes, bytes]", found))

    def _take_pins(self, found: dict[bytes, bytes]) -> None:
        pins = [decode_pin(name, value) for name, value in found.items()]
        if None in pins:
            _log.warning(
                "Redis at %s: %s has entries that are no pins; they are skipped",
                self._shown, self._pin_key,
            )  # fmt: skip
        self._post(PinsHeard(tuple(pin for pin in pins if pin is not None)))


_Message: TypeAlias = tuple[Process | None, bytes]


def in_messages(outgoing: list[_Outgoing]) -> Iterator[ClaimPin | _Message]:
    """What is to be published in as few messages as there may be.

    What one process is told keeps its order, also that of what is told to all and to it alone:
    a page must not overtake news.
    """
    waiting: dict[Process | None, list[bytes]] = {}
    for one in outgoing:
        if isinstance(one, ClaimPin):
            yield one
            continue
        told = waiting.get(one.to)
        if told is None:
            if waiting and (None in waiting) != (one.to is None):
                yield from _messages(waiting)
                waiting = {}
            told = waiting[one.to] = []
        told.append(one.octets)
    yield from _messages(waiting)


def _messages(waiting: dict[Process | None, list[bytes]]) -> Iterator[_Message]:
    for to, told in waiting.items():
        some: list[bytes] = []
        size = 0
        for octets in told:
            some.append(octets)
            size += len(octets) + 1
            if size >= PAYLOAD_MAX:
                yield to, gathered(some)
                some, size = [], 0
        if some:
            yield to, gathered(some)


def _connect(url: str) -> "Redis":
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # No retries of its own: what it says twice, or goes on with quietly, the core must know.
    # RESP2: of RESP3 the library makes a line for its log of all that is heard, logged or not.
    return Redis.from_url(
        url,
        protocol=2,
        socket_connect_timeout=CONNECT_WITHIN_S,
        socket_timeout=ANSWER_WITHIN_S,
        retry=Retry(NoBackoff(), 0),
    )


def _failures() -> tuple[type[Exception], ...]:
    from redis.exceptions import RedisError

    return RedisError, OSError, TimeoutError


async def _first_failure(*bodies: Coroutine[Any, Any, None]) -> None:
    """Run all until one fails, and raise that."""
    tasks = {asyncio.create_task(body) for body in bodies}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await done.pop()
    finally:
        # No TaskGroup: it cancels once, and what a task is in the middle of at the library may
        # swallow that. Then it would wait for ever.
        while pending := {task for task in tasks if not task.done()}:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=CANCEL_AGAIN_AFTER_S)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # one failure is enough


def _claimed(claim: ClaimPin) -> tuple[str, str, str]:
    return claim.callsign, claim.key.hex(), claim.old.hex() if claim.old is not None else ""
