"""Signalling: how stations far apart come to know of each other. Cores without I/O."""
