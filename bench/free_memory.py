"""Free memory that is at hand.

The host of a virtual machine takes free memory back, and gives it out again page by page, at
the first touch: 2 to 8 s for a gigabyte on the machine of the README, up to a tenth of the
processor time of a download, which fills the page cache. Whoever was given fresh memory would
pay for it, and the sticks that work in memory would not.

What is free is taken back within seconds, so this is done right before what is measured, and not
before stations start and share.
"""

import mmap
import os

OF_FREE = 2
"""Half of the free memory at the most: nothing else is to be driven out."""


def touch(octets: int) -> None:
    """Have the host give out so much, and free it again; what is freed last is taken first."""
    if "SC_AVPHYS_PAGES" in os.sysconf_names:
        octets = min(octets, os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE // OF_FREE)
    with mmap.mmap(-1, octets) as memory:
        for page in range(0, octets, mmap.PAGESIZE):
            memory[page] = 1
