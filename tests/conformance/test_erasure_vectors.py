"""``docs/protocol/erasure.md`` and the code say the same: both are held to the vectors."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from meshdl.radio import air_dictionary
from meshdl.radio.erasure.coefficients import TinyMT32, coefficients
from meshdl.radio.erasure.decoder import Decoder
from meshdl.radio.erasure.encoder import SYMBOL_OCTETS, Encoder
from meshdl.radio.erasure.gf256 import products
from meshdl.radio.erasure.ids import (
    FIRST_REPAIR_ID,
    LAST_ID,
    REPAIR_IDS,
    first_repair_id,
)
from meshdl.radio.forms import SAVING_MIN, make_form, raw_form, restore
from meshdl.radio.leaf_symbols import COMPRESSED_FORMS_MAX
from meshdl.radio.symbol_set import SURPLUS_MIN
from meshdl.wire.onair import pdus
from meshdl.wire.onair.pdus import SOURCE_SYMBOLS_MAX, Codec, Form

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol"
VECTORS: dict[str, Any] = json.loads(
    (PROTOCOL / "vectors" / "erasure.json").read_text(encoding="utf-8")
)


def by_name(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in VECTORS[kind]]


@pytest.mark.parametrize("vector", by_name("tinymt32"))
def test_the_generator_gives_the_numbers_of_the_rfc(vector: dict[str, Any]) -> None:
    generator = TinyMT32(vector["seed"])
    assert [generator.number() for _ in vector["numbers"]] == vector["numbers"]


@pytest.mark.parametrize("vector", by_name("products"))
def test_octets_are_multiplied_in_the_field(vector: dict[str, Any]) -> None:
    assert products()[vector["a"], vector["b"]] == vector["product"]


@pytest.mark.parametrize("vector", by_name("coefficients"))
def test_an_id_has_its_coefficients(vector: dict[str, Any]) -> None:
    [row] = coefficients([vector["symbol_id"]], vector["source_symbols"])
    assert row.tobytes().hex() == vector["coefficients"]


@pytest.mark.parametrize("vector", by_name("symbols"))
def test_a_leaf_has_its_symbols(vector: dict[str, Any]) -> None:
    encoder = Encoder(bytes.fromhex(vector["octets"]))
    assert encoder.source_symbols == vector["source_symbols"]
    ids = [one["id"] for one in vector["symbols"]]
    made = [one.hex() for one in encoder.symbols(ids)]
    assert made == [one["octets"] for one in vector["symbols"]]


@pytest.mark.parametrize("vector", by_name("symbols"))
@pytest.mark.parametrize("backwards", [False, True])
def test_symbols_give_the_leaf(vector: dict[str, Any], backwards: bool) -> None:
    symbols = [(one["id"], bytes.fromhex(one["octets"])) for one in vector["symbols"]]
    decoder = Decoder(vector["source_symbols"])
    decoder.add(symbols[::-1] if backwards else symbols)
    assert decoder.octets().hex().startswith(vector["octets"])


@pytest.mark.parametrize("vector", by_name("forms"))
def test_a_form_is_named_and_restored(vector: dict[str, Any]) -> None:
    form, octets = Form.unpack(int(vector["form"], 16)), bytes.fromhex(vector["octets"])
    leaf = bytes.fromhex(vector["leaf"])
    assert (form.codec, form.source_symbols) == (vector["codec"], vector["source_symbols"])
    assert f"{form.tag:04x}" == vector["tag"]
    if form.codec is not Codec.RAW:
        assert hashlib.sha256(octets).hexdigest().startswith(vector["tag"])
    assert (
        restore(form, octets.ljust(form.source_symbols * SYMBOL_OCTETS, b"\0"), len(leaf)) == leaf
    )


@pytest.mark.parametrize("vector", by_name("forms"))
def test_this_version_of_the_compressor_makes_the_same_octets(vector: dict[str, Any]) -> None:
    """When it no longer does, stations of two versions send each other leaves uncompressed."""
    form = Form.unpack(int(vector["form"], 16))
    made = make_form(bytes.fromhex(vector["leaf"]), form)
    assert made is not None
    assert made.octets.hex() == vector["octets"]


@pytest.mark.parametrize("vector", by_name("not_forms"))
def test_what_is_no_form_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"symbols|tag|Codec"):
        Form.unpack(int(vector["form"], 16))


@pytest.mark.parametrize("vector", by_name("not_octets"))
def test_octets_that_are_no_form_restore_to_nothing(vector: dict[str, Any]) -> None:
    form, octets = Form.unpack(int(vector["form"], 16)), bytes.fromhex(vector["octets"])
    assert restore(form, octets, vector["leaf_octets"]) is None


def test_the_dictionary_is_the_published_one() -> None:
    assert len(air_dictionary.OCTETS) == VECTORS["dictionary"]["octets"]
    assert hashlib.sha256(air_dictionary.OCTETS).hexdigest() == VECTORS["dictionary"]["sha256"]


@pytest.mark.parametrize("vector", by_name("first_repair_ids"))
def test_a_sender_begins_at_its_place(vector: dict[str, Any]) -> None:
    content_hash = bytes.fromhex(vector["content_hash"])
    first = first_repair_id(vector["callsign"], content_hash, vector["object"], vector["salt"])
    assert first == vector["first_repair_id"]


def test_the_page_tells_the_limits_of_the_code() -> None:
    page = " ".join((PROTOCOL / "erasure.md").read_text(encoding="utf-8").split())
    assert f"symbols of {SYMBOL_OCTETS} octets" in page
    assert (pdus.SYMBOL_OCTETS, pdus.FIRST_REPAIR_ID, pdus.SYMBOL_IDS) == (
        SYMBOL_OCTETS, FIRST_REPAIR_ID, LAST_ID + 1,
    )  # fmt: skip
    assert f"ids {FIRST_REPAIR_ID} to {LAST_ID}" in page
    assert f"mod {REPAIR_IDS})" in page
    assert f"source symbols, 1 to {SOURCE_SYMBOLS_MAX} |" in page
    assert raw_form(bytes(16_384)).form.source_symbols == SOURCE_SYMBOLS_MAX
    assert f"at most K + {SURPLUS_MIN} symbols (K + K ÷ 2 if" in page
    assert (SAVING_MIN, COMPRESSED_FORMS_MAX) == (16, 3)
    assert "one symbol of sixteen" in page
    assert "three other forms" in page
    assert air_dictionary.SHA256 in page
