"""AX.25 2.2 frames: addresses, the path, control, protocol identifier, information.

Stations of meshdl send UI frames and nothing else. The other frames are read so that a
monitor can name what it hears. Control fields are read as modulo 8: a link that two other
stations opened with SABME has longer ones, and its I and S frames are misread; nothing in
a frame tells which it is.

The checksum (FCS) is the TNC's matter and not part of the octets here.

Source:
    "AX.25 Link Access Protocol for Amateur Packet Radio", version 2.2, sections 3.12, 4.
"""

import enum
import re
from dataclasses import dataclass, field
from typing import Self

from meshdl.errors import RemoteProtocolError
from meshdl.ids import Callsign

PID_NO_LAYER_3 = 0xF0

MESHDL_DESTINATION = "MESHDL"
"""Destination address of our frames: to all stations, and no APRS tocall."""

DIGIPEATERS_MAX = 8
"""AX.25 before 2.2; APRS uses them all."""

INFO_OCTETS_MAX = 2048
"""What the longest-winded TNC takes (Dire Wolf); N1 is 256 unless agreed otherwise."""

ADDRESS_OCTETS = 7
_CALL_LENGTH_MAX = 6
_SSID_MASK, _RESERVED, _HIGH_BIT, _LAST = 0x1E, 0x60, 0x80, 0x01
_POLL_FINAL = 0x10
_CALL = re.compile("[A-Z0-9]{1,6}")


class Kind(enum.Enum):
    """What the control field says, in the standard's words."""

    I = "I"  # noqa: E741 - the standard's name
    RR = "RR"
    RNR = "RNR"
    REJ = "REJ"
    SREJ = "SREJ"
    SABM = "SABM"
    SABME = "SABME"
    DISC = "DISC"
    DM = "DM"
    UA = "UA"
    FRMR = "FRMR"
    UI = "UI"
    XID = "XID"
    TEST = "TEST"


_U_CONTROL = {
    Kind.SABME: 0x6F,
    Kind.SABM: 0x2F,
    Kind.DISC: 0x43,
    Kind.DM: 0x0F,
    Kind.UA: 0x63,
    Kind.FRMR: 0x87,
    Kind.UI: 0x03,
    Kind.XID: 0xAF,
    Kind.TEST: 0xE3,
}
_S_CONTROL = {Kind.RR: 0x01, Kind.RNR: 0x05, Kind.REJ: 0x09, Kind.SREJ: 0x0D}
_U_KINDS = {control: kind for kind, control in _U_CONTROL.items()}
_S_KINDS = {control: kind for kind, control in _S_CONTROL.items()}
_WITH_PID = {Kind.I, Kind.UI}
_WITH_INFO = {Kind.I, Kind.UI, Kind.FRMR, Kind.XID, Kind.TEST}


class Role(enum.Enum):
    """What the two C bits of the addresses say together (6.1.2)."""

    COMMAND = "command"
    RESPONSE = "response"
    OLD = "old"
    """Both bits equal: a station that speaks AX.25 of before 2.0."""


@dataclass(frozen=True, slots=True)
class Address:
    """A callsign of up to six characters, or a name like ``MESHDL``, and an SSID."""

    call: str
    ssid: int = 0

    def __post_init__(self) -> None:
        if not _CALL.fullmatch(self.call):
            raise ValueError(f"{self.call!r} is no AX.25 address: 1 to 6 of A-Z and 0-9")
        if not 0 <= self.ssid <= 15:
            raise ValueError(f"an SSID of {self.ssid} is not in 0..15")

    def __str__(self) -> str:
        return f"{self.call}-{self.ssid}" if self.ssid else self.call

    @classmethod
    def of(cls, call: Callsign) -> Self:
        """The address of a station.

        Raises:
            ValueError: a callsign of more than six characters has none.
        """
        name, _, ssid = call.partition("-")
        return cls(name, int(ssid or 0))


@dataclass(frozen=True, slots=True)
class Digipeater:
    """One station of the path.

    Attributes:
        repeated: whether it has sent the frame on (the H bit).
    """

    address: Address
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ax25Frame:
    """One frame.

    Attributes:
        path: digipeaters, in the order in which they shall repeat.
        poll_final: the P or F bit.
        n_s: send sequence number, of an I frame.
        n_r: receive sequence number, of I and S frames.
        pid: protocol identifier, of I and UI frames.
        info: information field; empty in frames that have none.
        old_address_bits: the C bit of both addresses, when both are the same.
    """

    destination: Address
    source: Address
    path: tuple[Digipeater, ...] = ()
    role: Role = Role.COMMAND
    kind: Kind = Kind.UI
    poll_final: bool = False
    n_s: int | None = None
    n_r: int | None = None
    pid: int | None = PID_NO_LAYER_3
    info: bytes = b""
    old_address_bits: bool = field(default=False, repr=False)

    @property
    def heard_from(self) -> Address:
        """Whose signal this is: the last digipeater that has repeated, or the source."""
        repeated = [one.address for one in self.path if one.repeated]
        return repeated[-1] if repeated else self.source


def encode_ui(source: Address, info: bytes, *, destination: str = MESHDL_DESTINATION) -> bytes:
    """A UI frame of ours: no path, no layer 3.

    Raises:
        ValueError: longer than INFO_OCTETS_MAX.
    """
    return encode(Ax25Frame(destination=Address(destination), source=source, info=info))


def encode(frame: Ax25Frame) -> bytes:
    """The octets of a frame, without its checksum.

    Raises:
        ValueError: a field that this kind of frame does not have, or one over its limit.
    """
    if len(frame.path) > DIGIPEATERS_MAX or len(frame.info) > INFO_OCTETS_MAX:
        raise ValueError(
            f"a frame has at most {DIGIPEATERS_MAX} digipeaters and {INFO_OCTETS_MAX} octets"
        )
    to_bit = frame.role is Role.COMMAND
    from_bit = frame.role is Role.RESPONSE
    if frame.role is Role.OLD:
        to_bit = from_bit = frame.old_address_bits
    addresses = [(frame.destination, to_bit), (frame.source, from_bit)]
    addresses += [(one.address, one.repeated) for one in frame.path]
    octets = b"".join(_encode_address(address, bit) for address, bit in addresses)
    octets = octets[:-1] + bytes([octets[-1] | _LAST])
    return octets + bytes([_control(frame)]) + _pid(frame) + _info(frame)


def decode(octets: bytes) -> Ax25Frame:
    """Take a frame apart.

    Raises:
        RemoteProtocolError: it is none.
    """
    addresses, at = _addresses(octets)
    if at == len(octets):
        raise _refused(octets, "it has no control field")
    control, at = octets[at], at + 1
    kind = _kind(control)
    if kind is None:
        raise _refused(octets, f"a control field of {control:#04x} is not defined")
    pid = None
    if kind in _WITH_PID:
        if at == len(octets):
            raise _refused(octets, "it has no protocol identifier")
        pid, at = octets[at], at + 1
    info = octets[at:]
    if len(info) > INFO_OCTETS_MAX or (info and kind not in _WITH_INFO):
        raise _refused(octets, f"{len(info)} octets of information in a {kind.value} frame")
    (destination, to_bit), (source, from_bit), *path = addresses
    return Ax25Frame(
        destination=destination,
        source=source,
        path=tuple(Digipeater(address, repeated) for address, repeated in path),
        role=_role(to_bit, from_bit),
        kind=kind,
        poll_final=bool(control & _POLL_FINAL),
        n_s=control >> 1 & 7 if kind is Kind.I else None,
        n_r=control >> 5 if kind is Kind.I or kind in _S_CONTROL else None,
        pid=pid,
        info=info,
        old_address_bits=to_bit and from_bit,
    )


def _role(to_bit: bool, from_bit: bool) -> Role:
    if to_bit == from_bit:
        return Role.OLD
    return Role.COMMAND if to_bit else Role.RESPONSE


def _addresses(octets: bytes) -> tuple[list[tuple[Address, bool]], int]:
    found: list[tuple[Address, bool]] = []
    at = 0
    while len(found) < 2 + DIGIPEATERS_MAX:
        field_octets = octets[at : at + ADDRESS_OCTETS]
        if len(field_octets) < ADDRESS_OCTETS:
            raise _refused(octets, "its addresses end too early")
        at += ADDRESS_OCTETS
        found.append(_decode_address(octets, field_octets))
        if field_octets[-1] & _LAST:
            break
    else:
        raise _refused(octets, f"it has more than {DIGIPEATERS_MAX} digipeaters")
    if len(found) < 2:
        raise _refused(octets, "it has one address only")
    return found, at


def _encode_address(address: Address, high_bit: bool) -> bytes:
    shifted = bytes(octet << 1 for octet in address.call.ljust(_CALL_LENGTH_MAX).encode("ascii"))
    return shifted + bytes([_HIGH_BIT * high_bit | _RESERVED | address.ssid << 1])


def _decode_address(octets: bytes, field_octets: bytes) -> tuple[Address, bool]:
    call, last = field_octets[:_CALL_LENGTH_MAX], field_octets[-1]
    if any(octet & 1 for octet in call):
        raise _refused(octets, "an address ends in its midst")
    text = bytes(octet >> 1 for octet in call).decode("ascii").rstrip(" ")
    try:
        address = Address(text, (last & _SSID_MASK) >> 1)
    except ValueError as error:
        raise _refused(octets, str(error)) from None
    return address, bool(last & _HIGH_BIT)


def _kind(control: int) -> Kind | None:
    if not control & 1:
        return Kind.I
    if not control & 2:
        return _S_KINDS.get(control & 0x0F)
    return _U_KINDS.get(control & ~_POLL_FINAL)


def _control(frame: Ax25Frame) -> int:
    sequence = [frame.n_s or 0, frame.n_r or 0]
    has_n_s, has_n_r = frame.kind is Kind.I, frame.kind is Kind.I or frame.kind in _S_CONTROL
    if (frame.n_s is not None, frame.n_r is not None) != (has_n_s, has_n_r):
        raise ValueError(f"a {frame.kind.value} frame has other sequence numbers")
    if not all(0 <= number <= 7 for number in sequence):
        raise ValueError("sequence numbers are 0 to 7")
    base = _U_CONTROL.get(frame.kind, _S_CONTROL.get(frame.kind, 0))
    return base | _POLL_FINAL * frame.poll_final | sequence[0] << 1 | sequence[1] << 5


def _pid(frame: Ax25Frame) -> bytes:
    if (frame.pid is not None) != (frame.kind in _WITH_PID):
        raise ValueError(f"a {frame.kind.value} frame and a protocol identifier of {frame.pid}")
    return b"" if frame.pid is None else bytes([frame.pid])


def _info(frame: Ax25Frame) -> bytes:
    if frame.info and frame.kind not in _WITH_INFO:
        raise ValueError(f"a {frame.kind.value} frame has no information field")
    return frame.info


def _refused(octets: bytes, problem: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"{len(octets)} octets are no AX.25 frame: {problem}", penalty=0)
