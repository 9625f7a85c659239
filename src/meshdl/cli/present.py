"""Values as text for people. Pure: no console, no clock."""

from datetime import UTC, datetime

from meshdl.control.content_status import ContentState, ContentStatus, SourceStatus

HASH_DIGITS = 12
"""Of a hash in a table: what ``pause``, ``get`` and the others take, too."""

SOURCES_SHOWN = 4
"""In the progress line; the others are counted."""

_PREFIXES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_STEP = 1000


def size(octets: float) -> str:
    """Octets with an SI prefix: ``4.2 MB`` is 4,200,000."""
    step = 0
    # Asked of the rounded figure: nobody wants to read "1000.0 kB".
    while round(octets, 1 if step else 0) >= _STEP and step < len(_PREFIXES) - 1:
        octets /= _STEP
        step += 1
    return f"{octets:.0f} B" if step == 0 else f"{octets:.1f} {_PREFIXES[step]}"


def rate(octets_per_s: float) -> str:
    """``4.2 MB/s``."""
    return f"{size(octets_per_s)}/s"


def duration(seconds: float) -> str:
    """``0:02``, ``1:02:03``, ``3 d 04 h``."""
    whole = int(seconds + 0.5)
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3_600:02} h"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def instant(at: float) -> str:
    """Unix time as the log shows it: UTC, to the second."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%SZ}"


def percent(content: ContentStatus) -> str:
    """How much is verified; never 100 % before everything is."""
    if content.octets is None:
        return "?"
    if content.octets == 0:
        return "100 %"
    return f"{content.octets_done * 100 // content.octets} %"


def progress_line(content: ContentStatus) -> str:
    """The live line of ``get``: chunks, rate, ETA, sources and their paths."""
    if content.state is ContentState.WAITING:
        reason = content.error or "no station within reach has it yet"
        return f"{content.title}  {percent(content)}  waiting: {reason}"
    if content.state is not ContentState.DOWNLOADING:
        return f"{content.title}  {percent(content)}  {content.state.value}"
    chunks = "?" if content.chunks is None else content.chunks
    parts = [content.title, percent(content), f"{content.chunks_done}/{chunks} chunks"]
    if content.symbols_lacking is not None:
        # By radio a chunk takes minutes; this goes on meanwhile.
        parts.append(f"{content.symbols_lacking} symbols to be heard")
    if content.symbols_lacking is None or content.rate_octets_per_s:
        parts.append(rate(content.rate_octets_per_s))
    if content.eta_s is not None:
        parts.append(f"ETA {duration(content.eta_s)}")
    return "  ".join([*parts, *_sources(content)])


def _sources(content: ContentStatus) -> list[str]:
    shown = [_source(source) for source in content.sources[:SOURCES_SHOWN]]
    others = len(content.sources) - len(shown)
    return [*shown, f"and {others} more"] if others else shown


def _source(source: SourceStatus) -> str:
    return f"{source.callsign} ({source.path.value} {rate(source.rate_octets_per_s)})"
