"""Radio: what is sent, what is understood, and what may be sent."""
