"""A search for the best training options."""
