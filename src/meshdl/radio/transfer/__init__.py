"""What stations ask of each other on the air, and what they answer. Begin at :mod:`.transfer`."""
