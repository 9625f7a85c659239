"""What goes to Redis goes in few messages and in order; what is said of Redis has no secret."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.errors import ConfigError
from meshdl.ids import Callsign, StationKey
from meshdl.signal_server.redis_bus import PAYLOAD_MAX, in_messages
from meshdl.signal_server.redis_url import check_url, shown
from meshdl.signal_server.settings import ServerSettings
from meshdl.signalling.server_events import ClaimPin, Process, Publish

ONE, TWO = Process("1" * 16), Process("2" * 16)
CLAIM = ClaimPin(1, Callsign("KA1ABC"), StationKey(b"k" * 32), None)

targets = st.lists(st.sampled_from([None, ONE, TWO]), max_size=40)


@given(targets)
def test_every_process_hears_what_is_for_it_in_the_order_in_which_it_was_said(
    told: list[Process | None],
) -> None:
    outgoing = [Publish(to, b"%d" % serial) for serial, to in enumerate(told)]
    for process in (ONE, TWO):
        heard = []
        for message in in_messages([*outgoing]):
            assert not isinstance(message, ClaimPin)
            to, payload = message
            if to in {None, process}:
                heard += [b"%d" % serial for serial in json.loads(payload)]
        assert heard == [one.octets for one in outgoing if one.to in {None, process}]


def test_what_is_for_one_process_shares_a_message_unless_it_would_be_too_long() -> None:
    short: list[Publish | ClaimPin] = [
        Publish(ONE, b"a"),
        Publish(TWO, b"b"),
        Publish(ONE, b"c"),
        CLAIM,
        Publish(TWO, b"d"),
    ]
    assert list(in_messages(short)) == [CLAIM, (ONE, b"[a,c]"), (TWO, b"[b,d]")]
    long: list[Publish | ClaimPin] = [Publish(None, b"x" * (PAYLOAD_MAX // 2)) for _ in range(5)]
    sizes = [len(told[1]) for told in in_messages(long) if not isinstance(told, ClaimPin)]
    assert sizes == [PAYLOAD_MAX + 3, PAYLOAD_MAX + 3, PAYLOAD_MAX // 2 + 2]


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://user:secret@redis.example:6380/2", "redis://redis.example:6380/2"),
        ("rediss://:secret@[2001:db8::1]/0", "rediss://[2001:db8::1]:6379/0"),
        ("unix://user:secret@/run/redis.sock?db=1&password=secret", "unix:///run/redis.sock"),
        ("redis://localhost?password=secret", "redis://localhost:6379"),
    ],
)
def test_a_url_is_shown_without_its_secret(url: str, told: str) -> None:
    assert shown(url) == told
    assert "secret" not in repr(ServerSettings(redis_url=url))


@pytest.mark.parametrize("url", ["http://secret@host", "redis://host:secret", "secret"])
def test_what_is_no_url_of_a_redis_is_said_without_telling_it(url: str) -> None:
    with pytest.raises(ConfigError, match="--redis") as caught:
        check_url(url)
    assert "secret" not in str(caught.value)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError, match=r"pip install 'meshdl\[redis\]'"):
        ServerSettings(redis_url="redis://localhost")
    ServerSettings()
