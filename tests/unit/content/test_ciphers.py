"""Encrypted files are known by their first octets; others are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshdl.content.ciphers import HEAD_OCTETS, encrypted_as

ENCRYPTED = {
    # The beginnings of files that GnuPG 2.2, OpenSSL 3.0 and Info-ZIP 3.0 have written.
    "8c0d04090302a7a2b06d93b86ff0ffd245017e2f5d4c2c14": "an OpenPGP message",
    "85010c03ad71b90c1879dcbe01080092b2726fa1f2d771d5": "an OpenPGP message",
    "845e03ebe4b2be2921fe941201074057a324615aa4b29859": "an OpenPGP message",
    "53616c7465645f5f594698c2820b8c008bf43ff0d21103cd": "encrypted by OpenSSL",
    "504b03040a00090000007cb07a5d91196861170000000b00": "an encrypted ZIP archive",
    # By their specifications.
    "c14c03ad71b90c1879dcbe010800": "an OpenPGP message",
    "c30d0409030261f6": "an OpenPGP message",
    "c1620621": "an OpenPGP message",
    b"-----BEGIN PGP MESSAGE-----\n\nhQEM".hex(): "an OpenPGP message",
    b"age-encryption.org/v1\n-> X25519".hex(): "an age file",
    b"-----BEGIN AGE ENCRYPTED FILE-----\n".hex(): "an age file",
    b"LUKS\xba\xbe\x00\x02".hex(): "a LUKS volume",
    b"$ANSIBLE_VAULT;1.1;AES256\n".hex(): "an Ansible vault",
    "03d9a29a67fb4bb501000400": "a KeePass database",
    "526172211a070100" + "9c3b2e1a" + "2104000000": "an encrypted RAR archive",
}
KEY_ID = "ad71b90c1879dcbe"
HEADERS_FOR_A_KEY = {
    "old, one octet of length": "845e",
    "old, two octets": "85010c",
    "new, one octet": "c14c",
    "new, the largest one octet": "c1bf",
    "new, two octets": "c1c00c",
    "new, the largest two octets": "c1df0c",
}
"""Of packet 1 (RFC 9580, section 4.2)."""
HEADERS_FOR_A_PASSPHRASE = {"old": "8c0d", "new": "c30d"}
PLAIN = {
    # The same programs: a ZIP archive and a stored OpenPGP message that are not encrypted.
    "504b03040a00000000007cb07a5d911968610b0000000b00",
    "ac166205702e7478746b08acd26e6574",
    b"-----BEGIN PGP SIGNED MESSAGE-----\n".hex(),
    b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n".hex(),
    b"net roster\nN0AAA Ann\n".hex(),
    "élan vital, à la carte".encode().hex(),
    b"\xff\xd8\xff\xe0\x00\x10JFIF".hex(),
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR".hex(),
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00".hex(),
    b"(\xb5/\xfd\x04\x00".hex(),
    b"%PDF-1.7\n".hex(),
    b"SQLite format 3\x00".hex(),
    b"\x7fELF\x02\x01\x01".hex(),
    "526172211a070100" + "33922de0" + "0a01050600",
    "",
}


@pytest.mark.parametrize(("head", "kind"), ENCRYPTED.items())
def test_what_says_that_it_is_encrypted_is_known(head: str, kind: str) -> None:
    octets = bytes.fromhex(head)
    assert encrypted_as(octets) == kind
    assert encrypted_as(octets + bytes(HEAD_OCTETS)) == kind


@pytest.mark.parametrize("header", HEADERS_FOR_A_KEY.values(), ids=HEADERS_FOR_A_KEY)
@pytest.mark.parametrize("algorithm", ["01", "02", "10", "12", "19", "1a"])
def test_a_session_key_for_any_public_key_is_known(header: str, algorithm: str) -> None:
    assert encrypted_as(bytes.fromhex(header + "03" + KEY_ID + algorithm)) == "an OpenPGP message"


@pytest.mark.parametrize("key", ["00", "15", "21"], ids=["nobody's", "version 4", "version 6"])
def test_a_session_key_of_version_6_is_known(key: str) -> None:
    assert encrypted_as(bytes.fromhex("c162" + "06" + key)) == "an OpenPGP message"


@pytest.mark.parametrize("header", HEADERS_FOR_A_PASSPHRASE.values(), ids=HEADERS_FOR_A_PASSPHRASE)
@pytest.mark.parametrize("cipher", ["01", "09", "0d"])
@pytest.mark.parametrize(
    "of", ["04{}00", "04{}01", "04{}03", "04{}04", "051e{}", "061e{}", "061eff{}"]
)
def test_a_session_key_for_a_passphrase_is_known(header: str, cipher: str, of: str) -> None:
    assert encrypted_as(bytes.fromhex(header + of.format(cipher))) == "an OpenPGP message"


@pytest.mark.parametrize(
    "head",
    [
        "85010c02" + KEY_ID + "01",  # versions that there are not
        "c14c04" + KEY_ID + "01",
        "85010c03" + KEY_ID + "03",  # an algorithm that does not encrypt
        "85010c03" + KEY_ID + "11",
        "c1e00c03" + KEY_ID + "01",  # lengths that a session key has not
        "c16206" + "16",  # a key of a version that there is not
        "8c0d03" + "09" + "03",
        "8c0d04" + "0e" + "03",
        "8c0d04" + "00" + "03",
        "8c0d04" + "09" + "02",
        "8d0d04" + "09" + "03",
        "c3c004" + "09" + "03",
    ],
)
def test_what_only_begins_like_a_session_key_is_left_alone(head: str) -> None:
    assert encrypted_as(bytes.fromhex(head)) == ""


@pytest.mark.parametrize("length", ["21", "8121", "818121"])
def test_a_header_of_a_rar_archive_is_found_behind_lengths_of_all_sizes(length: str) -> None:
    archive = "526172211a070100" + "9c3b2e1a" + length
    assert encrypted_as(bytes.fromhex(archive + "04")) == "an encrypted RAR archive"
    assert encrypted_as(bytes.fromhex(archive + "01")) == ""
    assert encrypted_as(bytes.fromhex(archive)) == ""


@pytest.mark.parametrize("flags", range(256))
def test_the_lowest_flag_of_a_zip_archive_tells_it_and_no_other(flags: int) -> None:
    head = b"PK\x03\x04\x0a\x00" + bytes([flags])
    assert encrypted_as(head) == ("an encrypted ZIP archive" if flags & 1 else "")


@pytest.mark.parametrize("head", sorted(PLAIN))
def test_what_does_not_say_so_is_left_alone(head: str) -> None:
    assert encrypted_as(bytes.fromhex(head)) == ""


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs"))))
def test_text_is_left_alone(text: str) -> None:
    assert encrypted_as(text.encode()[:HEAD_OCTETS]) == "" or text.startswith(("Salted__", "-"))


@given(
    st.binary(max_size=HEAD_OCTETS), st.sampled_from([b"", b"PK\x03\x04", b"Rar!\x1a\x07\x01\x00"])
)
def test_no_beginning_raises(head: bytes, mark: bytes) -> None:
    assert isinstance(encrypted_as(mark + head), str)
