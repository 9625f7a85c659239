"""Programs that check the project itself; ``make`` calls them."""
