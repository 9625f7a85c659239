"""The swarm: sans-I/O cores that move verified chunks between stations."""
