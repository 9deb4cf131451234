"""The page of a search, and its section in a report; their style is the report's."""
