"""Base64 as clients send it → bytes: plain (RFC 4648, 4) or URL-safe (5), padded or not, in lines (RFC 2045), or as a
data: URL (RFC 2397)."""

import base64
import binascii
import re
from urllib.parse import unquote

from whatsit.serving.refusal import Refused

DATA_URL = re.compile(r"\s*data:([^,]{0,200}),", re.IGNORECASE)
BREAKS = re.compile(r"[ \t]*[\r\n]+[ \t]*")
URL_SAFE = str.maketrans("-_", "+/")
MOST_PADDING = 2


def decoded(text: str, where: str) -> bytes:
    """Raises Refused. A blank within a line is refused: it may have been a plus sign, which forms turn into one."""
    if head := DATA_URL.match(text):
        if not head[1].lower().rstrip().endswith(";base64"):
            raise Refused("bad_input", f"{where}: a data: URL that is not in base64")
        text = unquote(text[head.end() :])
    plain = BREAKS.sub("", text.strip()).translate(URL_SAFE)
    padding = len(plain) - len(plain.rstrip("="))
    if not padding:
        plain += "=" * (-len(plain) % 4)
    try:
        if padding > MOST_PADDING:
            raise ValueError("too much padding")
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("bad_input", f"{where}: damaged base64") from None
