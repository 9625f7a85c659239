"""Whether a file says by its first octets that it is encrypted.

No more than that: a cipher without a mark looks like any compressed picture. What is known here
cannot be sent where the law wants the meaning of a message plain.

Sources: RFC 9580 (OpenPGP, packets 1 and 3 and their armour); C2SP age (v1 header); APPNOTE.TXT
4.4.4 (ZIP, bit 0 of the flags); OpenSSL ``enc`` ("Salted__"); LUKS2 on-disk format; RAR 5.0
(archive encryption header, type 4); Ansible Vault format 1.1; KeePass 2 signatures.
"""

import re

HEAD_OCTETS = 64
"""So much of the beginning tells all that is known here."""

_MARKS = (
    (b"-----BEGIN PGP MESSAGE-----", "an OpenPGP message"),
    (b"age-encryption.org/v1\n", "an age file"),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", "an age file"),
    (b"Salted__", "encrypted by OpenSSL"),
    (b"LUKS\xba\xbe", "a LUKS volume"),
    (b"$ANSIBLE_VAULT;", "an Ansible vault"),
    (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "a KeePass database"),
)

_SESSION_KEY = re.compile(
    # Packet 1 (for a public key): version 3, key identifier, algorithm; or version 6.
    rb"(?:\x84.|\x85..|\xc1[\x00-\xbf]|\xc1[\xc0-\xdf].)"
    rb"(?:\x03.{8}[\x01\x02\x10\x12\x19\x1a]|\x06[\x00\x15\x21])"
    # Packet 3 (for a passphrase): version 4 to 6.
    rb"|(?:\x8c.|\xc3[\x00-\xbf])(?:\x04[\x01-\x0d][\x00\x01\x03\x04]|[\x05\x06]..?[\x01-\x0d])",
    re.DOTALL,
)
_ZIP, _ZIP_FLAGS = b"PK\x03\x04", 6
_RAR5, _RAR5_HEADER = b"Rar!\x1a\x07\x01\x00", 12
_RAR5_ENCRYPTION = 4


def encrypted_as(head: bytes) -> str:
    """What kind of encrypted file begins so; empty when nothing says that it is one.

    Args:
        head: the first octets of a file, :data:`HEAD_OCTETS` of them where it is that long.
    """
    for mark, kind in _MARKS:
        if head.startswith(mark):
            return kind
    if _SESSION_KEY.match(head):
        return "an OpenPGP message"
    if head.startswith(_ZIP) and len(head) > _ZIP_FLAGS and head[_ZIP_FLAGS] & 1:
        return "an encrypted ZIP archive"
    if head.startswith(_RAR5) and _rar_header_type(head[_RAR5_HEADER:]) == _RAR5_ENCRYPTION:
        return "an encrypted RAR archive"
    return ""


def _rar_header_type(header: bytes) -> int | None:
    """The second of two numbers of seven bits an octet; the type of a header is one octet."""
    for at, octet in enumerate(header[:3]):
        if octet < 0x80:
            return header[at + 1] if len(header) > at + 1 else None
    return None
