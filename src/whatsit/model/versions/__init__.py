"""Named models, numbered versions, and which one answers. It knows no HTTP."""
