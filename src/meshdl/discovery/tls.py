"""Which certificates of signalling servers are trusted, and what is wrong with one that is not."""

import ssl
from pathlib import Path

from meshdl.errors import FileUnreadable

_EXPIRED, _NOT_YET = 10, 9
_SELF_SIGNED = frozenset({18, 19})
_UNKNOWN_ISSUER = frozenset({2, 20, 21})
_ANOTHER_NAME = frozenset({62, 64})
"""Verification results of X509_verify_cert_error_string(3) of OpenSSL."""


def context(ca_file: Path | None) -> ssl.SSLContext:
    """Trusts the authorities in a PEM file alone; ``None``: those that the system trusts.

    Raises:
        FileUnreadable: it is missing, or has no certificate in it.
    """
    if ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise FileUnreadable(
            f"cannot read certificates of {ca_file} (internet.ca_file): {error}; it must be PEM"
        ) from error


def what_is_wrong(host: str, error: ssl.SSLError) -> str:
    """One sentence for the operator of a station, with what to do next."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{host} does not speak TLS as it should ({error.reason or error}): is it ws:// "
            "rather than wss://, or is that another port?"
        )
    code = error.verify_code
    if code == _EXPIRED:
        problem = "has run out; whoever runs the server must renew it (is this clock right?)"
    elif code == _NOT_YET:
        problem = "is not valid yet; is the clock of this machine right?"
    elif code in _ANOTHER_NAME:
        problem = "is for another name; check the name in internet.servers"
    elif code in _SELF_SIGNED | _UNKNOWN_ISSUER:
        problem = (
            "is signed by nobody whom this station trusts; if the server is your own, get its "
            "certificate by a way that you trust and name it as internet.ca_file"
        )
    else:
        problem = f"is refused ({error.verify_message})"
    return f"the certificate of {host} {problem}"
