"""``docs/protocol/record.md`` and the code say the same: both are held to the vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from meshdl.content.precedence import Precedence
from meshdl.content.record import ContentRecord, sign
from meshdl.errors import RecordInvalid
from meshdl.ids import ContentHash, callsign

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol"
VECTORS: dict[str, Any] = json.loads(
    (PROTOCOL / "vectors" / "record.json").read_text(encoding="utf-8")
)


def by_name(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in VECTORS[kind]]


def fields_of(record: ContentRecord) -> dict[str, Any]:
    return {
        "content_hash": record.content_hash.hex(),
        "title": record.title,
        "octets": record.octets,
        "originator": record.originator,
        "precedence": record.precedence.name,
        "tags": list(record.tags),
        "media_type": record.media_type,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "originator_key": record.originator_key.hex(),
        "signature": record.signature.hex(),
    }


@pytest.mark.parametrize("vector", by_name("valid"))
def test_a_valid_record_is_read(vector: dict[str, Any]) -> None:
    record = ContentRecord.decode(bytes.fromhex(vector["octets"]))
    assert fields_of(record) == vector["record"]


@pytest.mark.parametrize("vector", by_name("valid"))
def test_a_valid_record_is_made_octet_for_octet(vector: dict[str, Any]) -> None:
    fields = vector["record"]
    record = sign(
        content_hash=ContentHash(bytes.fromhex(fields["content_hash"])),
        title=fields["title"],
        octets=fields["octets"],
        originator=callsign(fields["originator"]),
        precedence=Precedence[fields["precedence"]],
        tags=fields["tags"],
        media_type=fields["media_type"],
        created_at=fields["created_at"],
        expires_at=fields["expires_at"],
        private_key=Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["private_key"])),
    )
    assert record.encode().hex() == vector["octets"]


@pytest.mark.parametrize("vector", by_name("invalid"))
def test_an_invalid_record_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(RecordInvalid):
        ContentRecord.decode(bytes.fromhex(vector["octets"]))


def test_the_page_tells_the_limits_of_the_code() -> None:
    page = (PROTOCOL / "record.md").read_text(encoding="utf-8")
    assert "at most 255 octets" in page
    assert "1 to 64 octets" in page
    assert "0 to 32 octets" in page
    assert "1 to 12 octets" in page
    assert "number of tags | 0 to 4" in page
