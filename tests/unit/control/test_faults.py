"""An error arrives on the other side as what it was."""

import pytest

from meshdl import errors
from meshdl.control.faults import STATUS, error_from, facts_of, status_of
from meshdl.control.messages import ErrorFacts
from meshdl.errors import ConfigError, ContentUnknown, MeshdlError, RemoteProtocolError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type)
    and issubclass(kind, MeshdlError)
    and kind not in {ConfigError, errors.ProtocolError}
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_survives_the_trip(kind: type[MeshdlError]) -> None:
    back = error_from(facts_of(kind("the disk is full; make room")))
    assert type(back) is kind
    assert str(back) == "the disk is full; make room"


def test_a_config_error_keeps_its_setting() -> None:
    back = error_from(facts_of(ConfigError("lan.port", "is in use")))
    assert isinstance(back, ConfigError)
    assert (back.setting, str(back)) == ("lan.port", "lan.port: is in use")


def test_an_error_of_the_future_keeps_its_words() -> None:
    back = error_from(ErrorFacts(kind="AntennaFellDown", message="look outside"))
    assert type(back) is RemoteProtocolError
    assert str(back) == "look outside"


@pytest.mark.parametrize("kind", ["ProtocolError", "ConfigError"])
def test_facts_that_no_station_sends_do_not_raise(kind: str) -> None:
    assert type(error_from(ErrorFacts(kind=kind, message="?"))) is RemoteProtocolError


def test_the_most_specific_status_is_taken() -> None:
    assert status_of(ContentUnknown("?")) == 404
    assert status_of(errors.UnsafePath("?")) == STATUS[errors.ContentError]
