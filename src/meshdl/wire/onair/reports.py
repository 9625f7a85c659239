"""Signal reports: how the sender of a frame hears others, and the octets of that."""

from dataclasses import dataclass

from meshdl.wire.onair.codes import Reader, StationTag

SNR_MIN_DB, SNR_MAX_DB = -64, 191
"""One octet; far beyond what any receiver measures."""


@dataclass(frozen=True, slots=True)
class SignalReport:
    """How the sender hears a station.

    Attributes:
        station: which one; a tag, as it was heard just before.
        snr_db: in 3 kHz, a mean of late frames, whole decibels.
    """

    station: StationTag
    snr_db: int

    def __post_init__(self) -> None:
        if not 0 <= self.station < 2**16:
            raise ValueError(f"no station tag: {self.station}")
        if not SNR_MIN_DB <= self.snr_db <= SNR_MAX_DB:
            raise ValueError(f"{self.snr_db} dB are not {SNR_MIN_DB} to {SNR_MAX_DB}")


@dataclass(frozen=True, slots=True)
class Reports:
    """How the sender hears these stations, so that they know in which mode to answer it."""

    heard: tuple[SignalReport, ...]

    def __post_init__(self) -> None:
        if not self.heard:
            raise ValueError("REPORTS of nobody")


def encode(reports: Reports) -> bytes:
    """The body of a REPORTS, behind the octet that says that it is one."""
    return b"".join(
        one.station.to_bytes(2, "big") + bytes([one.snr_db - SNR_MIN_DB]) for one in reports.heard
    )


def decode(reader: Reader) -> Reports:
    """Read what :func:`encode` makes.

    Raises:
        RemoteProtocolError: an entry is cut off.
        ValueError: there is none.
    """
    heard = []
    while reader.left:
        station = StationTag(reader.fixed(2))
        heard.append(SignalReport(station, reader.fixed(1) + SNR_MIN_DB))
    return Reports(tuple(heard))
