"""Octets to and from frozen values; no decision is taken here."""
