"""How far a download has come."""

import enum


class Stage(enum.Enum):
    """How far a download has come."""

    METAINFO = "metainfo"
    CREATING = "creating"
    FETCHING = "fetching"
    FINISHING = "finishing"
    COMPLETE = "complete"
    PAUSED = "paused"
    FAILED = "failed"
