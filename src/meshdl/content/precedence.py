"""In which order traffic is served, in the words of the ARRL radiogram."""

import enum


class Precedence(enum.IntEnum):
    """Order of handling, highest first (ARRL "Public Service Communications Manual")."""

    EMERGENCY = 0
    """Life or property is in danger."""
    PRIORITY = 1
    """Important and with a time limit; official messages of a disaster."""
    WELFARE = 2
    """About the health and whereabouts of people."""
    ROUTINE = 3
    """Everything else, and what is not marked."""
