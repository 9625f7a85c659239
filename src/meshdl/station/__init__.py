"""The composition root: config, keys, home, store, catalogue, and the Station itself."""
