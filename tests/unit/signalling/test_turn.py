"""Credentials that a TURN server can check with nothing but the shared secret."""

from meshdl.ids import StationId
from meshdl.signalling.turn import credentials


def test_credentials_are_those_of_the_rest_form() -> None:
    made = credentials(
        ("turn:turn.example.org:3478",), "north", StationId("1234"), expires_at_s=1_433_895_918
    )
    assert made.urls == ("turn:turn.example.org:3478",)
    assert made.username == "1433895918:1234"
    # printf '1433895918:1234' | openssl dgst -sha1 -hmac north -binary | base64
    assert made.credential == "Tl/bGovPQajrt8xGsBL/54LMvQE="
