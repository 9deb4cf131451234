"""The page, one file a section; `page.html.j2` holds them together."""
