"""The signalling server as a program: sockets, files and metrics around its core."""
