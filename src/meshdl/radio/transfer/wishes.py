"""Runs of objects, as WANTs and ENOUGHs name them, and what another's WANT spares us."""

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


def runs_of(keys: list[ObjectKey]) -> list[Objects]:
    """Objects of one content as runs; neighbours follow each other."""
    runs: list[Objects] = []
    for key in keys:
        last = runs[-1] if runs else None
        if last and last.kind is key.kind and last.first + last.count == key.number:
            runs[-1] = Objects(last.kind, last.first, last.count + 1)
        else:
            runs.append(Objects(key.kind, key.number, 1))
    return runs
