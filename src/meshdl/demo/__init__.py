"""Three stations on one machine, a real transfer, and a table of who gave what to whom."""
