"""Whether a key has signed something: the one place where signatures of others are verified.

A key of a few known points of the curve (see :func:`meshdl.ids.station_key`) verifies signatures
that nobody made. Ed25519 itself (RFC 8032, 5.1.7) does not refuse them, nor does the library; a
program that verifies by itself would have to remember. None does: tests/architecture look.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from meshdl.ids import station_key


def signed_by(key: bytes, signature: bytes, octets: bytes) -> bool:
    """Whether ``key`` signed this (Ed25519 without pre-hash, RFC 8032). Raises nothing.

    Args:
        key: the public key, as it came; anything that is no key has signed nothing.
        signature: 64 octets; anything else does not hold.
        octets: what is to be signed.
    """
    try:
        Ed25519PublicKey.from_public_bytes(station_key(key)).verify(signature, octets)
    except (InvalidSignature, ValueError):
        # ValueError: no station key; some versions of the library also refuse what is no point.
        return False
    return True
