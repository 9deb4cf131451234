"""TIFF, read from its strips and tiles: Pillow misreads deep, signed and multi-band files."""
