"""TIFF → the samples that the file's tags describe, in the tags' own terms.

    directory.py  bytes → tags, page by page          layout.py  tags → what a reader must know, or "not supported"
    chunks.py     strips and tiles → samples          picture.py  samples → grey or colour, 0 is black

Pillow's reader guesses a picture from a table of tags and is wrong in silence beside it: 16 bits in planes, big-endian
data under a compression, WhiteIsZero of more than 8 bits. Here every tag that changes the picture is read, and a
value that nobody here knows is refused by its name. Pillow remains the decompressor (LZW, JPEG, CCITT, Zstandard,
WebP): it is handed a plain description of the bytes, never the file's own.
"""
