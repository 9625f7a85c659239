"""What a WANT asks for: runs of objects, and whether another's WANT asks for as much."""

from meshdl.radio.transfer.contents import ObjectKey
from meshdl.wire.onair.pdus import Objects, Want, Wanted

ASKED_OBJECTS_MAX = 64
"""A WANT stays short; what it asks for are minutes of airtime anyway."""


def appended(chosen: list[Wanted], wish: Wanted) -> list[Wanted]:
    """With one more; neighbours that are wanted alike become one run."""
    if chosen:
        last = chosen[-1]
        run = last.objects
        alike = (last.needed, last.form) == (wish.needed, wish.form)
        if alike and run.kind is wish.objects.kind and run.first + run.count == wish.objects.first:
            longer = Objects(run.kind, run.first, run.count + 1)
            return [*chosen[:-1], Wanted(longer, last.needed, last.form)]
    return [*chosen, wish]


def by_object(want: Want) -> dict[ObjectKey, Wanted]:
    """What a WANT asks for, object by object."""
    found: dict[ObjectKey, Wanted] = {}
    for wanted in want.wanted:
        run = wanted.objects
        for number in range(run.first, run.first + min(run.count, ASKED_OBJECTS_MAX)):
            found[ObjectKey(want.content, run.kind, number)] = wanted
    return found


def covers(theirs: Wanted | None, ours: Wanted) -> bool:
    """Whether what they will be sent is all that we lack too."""
    if theirs is None:
        return False
    if not theirs.needed or theirs.form is None:
        return True  # all of it will be sent
    return theirs.form == ours.form and 0 < ours.needed <= theirs.needed
