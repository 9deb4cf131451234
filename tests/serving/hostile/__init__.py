"""Tables of bad requests, and of odd ones that must be answered all the same."""
