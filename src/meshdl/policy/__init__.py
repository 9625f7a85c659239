"""Decisions as functions of values: no peers, no sockets, no clock."""
