"""meshdl: amateur-radio stations share files over every path there is."""

__version__ = "0.1.0.dev0"
