"""What families of JSON messages share: field types, limits, how one is read.

Octet strings travel as standard base64 (RFC 4648, section 4). Unknown types and unknown
fields are ignored, so that old programs survive new ones.
"""

from typing import Annotated, Generic, TypeVar

import msgspec

from meshdl.errors import RemoteProtocolError

TEXT_MAX = 256
"""Characters in any text meant for people."""

Octets8 = Annotated[bytes, msgspec.Meta(min_length=8, max_length=8)]
Octets16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Octets32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Unsigned = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
Millis = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
"""Milliseconds since 1970 (UTC), or a span; a whole number to a browser too."""
Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
Call = Annotated[str, msgspec.Meta(max_length=16)]


def for_people(text: str) -> str:
    """What somebody else wrote, fit for a log and a terminal: no control characters."""
    return "".join(one if one.isprintable() else "?" for one in text)


class JsonMessage(
    msgspec.Struct, frozen=True, rename="camel", tag_field="type", omit_defaults=True
):
    """What all messages share."""


class JsonValue(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What all parts of messages share."""


class _Tag(msgspec.Struct):
    type: str


MessageT = TypeVar("MessageT")

_tag_decoder = msgspec.json.Decoder(_Tag)


class Reader(Generic[MessageT]):
    """Decodes one family of messages.

    Args:
        what: one of them, for errors.
        limit: characters in one.
        decoder: of the family.
        kinds: the types of the family.
    """

    def __init__(
        self,
        what: str,
        *,
        limit: int,
        decoder: msgspec.json.Decoder[MessageT],
        kinds: tuple[type, ...],
    ) -> None:
        self._what, self._limit, self._decoder = what, limit, decoder
        self._known = frozenset(str(kind.__struct_config__.tag) for kind in kinds)  # type: ignore[attr-defined]

    def read(self, text: str) -> MessageT | None:
        """The message in ``text``, or ``None`` when its type is of the future.

        Raises:
            RemoteProtocolError: not JSON, not an object with a type, a field missing, of
                the wrong type or beyond its limit.
        """
        if len(text) > self._limit:
            raise RemoteProtocolError(
                f"a {self._what} of {len(text)} characters; the limit is {self._limit}",
                penalty=100,
            )
        try:
            return self._decoder.decode(text)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            if self._is_of_the_future(text):
                return None
            raise RemoteProtocolError(f"malformed {self._what}: {error}") from error

    def _is_of_the_future(self, text: str) -> bool:
        try:
            return _tag_decoder.decode(text).type not in self._known
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return False
