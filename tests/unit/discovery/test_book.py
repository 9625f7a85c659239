"""The address book holds what was heard last, and not without end."""

from meshdl.discovery.book import STATIONS_MAX, AddressBook
from meshdl.discovery.events import Endpoint
from meshdl.ids import StationId

ALICE = StationId("a11ce00000000000")
HOME, AWAY = (Endpoint("192.0.2.1", 7373),), (Endpoint("fe80::1%2", 7374),)


def test_the_last_announcement_counts_until_the_station_is_gone() -> None:
    book = AddressBook()
    assert book.endpoints(ALICE) == ()
    book.note(ALICE, HOME)
    book.note(ALICE, AWAY)
    assert book.endpoints(ALICE) == AWAY
    book.forget(ALICE)
    book.forget(ALICE)
    assert book.endpoints(ALICE) == ()


def test_the_oldest_entry_makes_room() -> None:
    book = AddressBook()
    stations = [StationId(f"{number:016x}") for number in range(STATIONS_MAX)]
    for station in stations:
        book.note(station, HOME)
    book.note(stations[0], AWAY)  # heard again: no longer the oldest
    book.note(ALICE, HOME)
    assert book.endpoints(stations[0]) == AWAY
    assert book.endpoints(stations[1]) == ()
    assert book.endpoints(ALICE) == HOME


def test_an_endpoint_reads_as_in_an_address_bar() -> None:
    assert [str(endpoint) for endpoint in HOME + AWAY] == ["192.0.2.1:7373", "[fe80::1%2]:7374"]
