"""``python -m meshdl`` is ``meshdl``."""

from meshdl.cli.main import main

main()
