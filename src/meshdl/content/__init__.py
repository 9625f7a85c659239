"""What is shared: its names, hashes, layout and records. Pure: octets and values only."""
