"""What is wrong with a content, or what it waits for, in a sentence for people."""

from meshdl.control.content_status import ContentState
from meshdl.station.catalogue_entry import CatalogueEntry
from meshdl.station.radio.contents import RadioContents
from meshdl.swarm.download import Download


def problem_of(
    entry: CatalogueEntry,
    state: ContentState,
    download: Download | None,
    radio: RadioContents | None,
) -> str | None:
    """The ``error`` of a content's status; ``None`` when nothing is wrong."""
    if state is ContentState.WAITING and radio is not None:
        problem = radio.failures.get(entry.content_hash)
        if problem is not None:
            return f"not by radio: {problem}"
        if entry.content_hash in radio.fetching:
            return (
                "asked for by radio; it goes on by itself when a station answers, see: meshdl "
                "radio status"
            )
    if state is ContentState.WAITING:
        return "no station within reach has it; it goes on by itself when one comes"
    if download is not None and download.problem:
        return download.problem
    return entry.error or None
