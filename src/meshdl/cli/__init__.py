"""The command line. All but ``init``, ``up``, ``doctor`` and ``demo`` command a running station."""
