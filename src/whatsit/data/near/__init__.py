"""The search for near-copies: photos that look like one another's copies."""
