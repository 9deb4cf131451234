"""Path, URI or bytes → upright RGB pixels, uint8 (height, width, 3). It knows no labels."""
