"""The page of a comparison; its style and its sections of commands are the report's."""
