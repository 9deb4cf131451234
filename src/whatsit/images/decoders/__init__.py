"""One module a file format that Pillow does not read, or reads wrongly."""
