"""Finds stations on the local network and carries offers to them."""
