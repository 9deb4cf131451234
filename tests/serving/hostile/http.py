"""Bad HTTP: other sites' pages, other names, bodies too large or compressed or too slow, heads too large, no HTTP."""

import gzip
import zlib
from collections.abc import Iterator

from .requests import Case, case, violation

MOST = 10 * 1024**2  # bytes of a body
FOREIGN = (
    "http://evil.example",
    "https://evil.example",
    "http://evil.example:8000",
    "http://HOST.evil.example",
    "http://HOST@evil.example",
    "http://evil.example@HOST",
    "http://evil.example/HOST",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "http://localhost",
    "http://127.0.0.2",
    "http://[::1]",
    "http://[::1",
    "http://[",
    "http://]",
    "null",
    "",
    "*",
    "HOST",
    "file://",
    "file:///etc/passwd",
    "chrome-extension://abcdefghijklmnop",
    "http://HOST, http://evil.example",
    "http://evil.example, http://HOST",
    "http:// HOST",
    "http://½",
    "javascript:alert(1)",
    "x" * 10_000,
)
STRANGE_HOSTS = (
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "127.0.0.2",
    "0.0.0.0",
    "0",
    "2130706433",
    "0x7f.1",
    "[::ffff:127.0.0.1]",
    "[::1",
    "127.0.0.1@evil.example",
    "evil.example#HOST",
    "evil.example, HOST",
    "127.0.0.1\xff",
    "",
    "../../etc/passwd",
    "a" * 10_000,
)


def of_http(model: str, good: bytes) -> Iterator[Case]:
    """All of them but the slow. good: an image that is answered in a right request."""
    yield from _origins(model, good)
    yield from _hosts(good)
    yield from _encodings(good)
    yield from _too_large(good)
    yield from _violations(good)
    yield from _floods(good)


def _origins(model: str, good: bytes) -> Iterator[Case]:
    for origin in FOREIGN:
        yield case(f"Origin {origin[:40]!r}", 403, headers=[("Origin", origin)], body=good)
    evil = [("Origin", "http://evil.example")]
    posts = ("/explain", "/feedback", f"/v1/models/{model}:predict", f"/v2/models/{model}/infer", "/nothing")
    for path in posts:
        yield case(f"cross-origin POST {path}", 403, path=path, headers=evil, body=good)
    for path in ("/", "/models", "/metrics", "/livez"):
        yield case(f"cross-origin GET {path}", 403, method="GET", path=path, headers=evil)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"):
        yield case(f"cross-origin POST of {kind}", 403, headers=[*evil, ("Content-Type", kind)], body=good)
    asked = [*evil, ("Access-Control-Request-Method", "POST")]
    yield case("cross-origin preflight", 403, method="OPTIONS", headers=asked)
    yield case("two Origins", 403, headers=[("Origin", "http://HOST"), *evil], body=good)


def _hosts(good: bytes) -> Iterator[Case]:
    for host in STRANGE_HOSTS:
        yield case(f"Host {host[:40]!r}", 421, headers=[("Host", host)], body=good)
        yield case(f"Host {host[:40]!r}, its Origin the same", 421, method="GET", path="/", headers=[("Host", host)])
    length = b"Content-Length: %d\r\n" % len(good)
    end = length + b"Connection: close\r\n\r\n" + good
    wants = {400, 421}
    yield case("no Host", wants, raw=b"POST /predict HTTP/1.1\r\n" + end)
    yield case("no Host, HTTP/1.0", wants, raw=b"POST /predict HTTP/1.0\r\n" + end)
    for name, lines in {
        "the last foreign": b"Host: HOST\r\nHost: evil.example\r\n",
        "the first foreign": b"Host: evil.example\r\nHost: HOST\r\n",
        "equal": b"Host: HOST\r\nHost: HOST\r\n",
    }.items():
        yield case(f"two Hosts, {name}", wants, raw=b"POST /predict HTTP/1.1\r\n" + lines + end)


def _encodings(good: bytes) -> Iterator[Case]:
    bomb = gzip.compress(bytes(10_000_000), mtime=0)
    bodies = {"gzip": bomb, "x-gzip": bomb, "deflate": zlib.compress(good), "br": good, "zstd": good, "compress": good}
    bodies |= {"gzip, gzip": gzip.compress(bomb), "identity, gzip": bomb, "GZIP": bomb, "aes128gcm": good, "?": good}
    for encoding, body in bodies.items():
        for path in ("/predict", "/explain"):
            headers = [("Content-Encoding", encoding)]
            yield case(f"{path} with Content-Encoding {encoding}", 415, path=path, headers=headers, body=body)
    yield case("gzip without saying so", 400, body=bomb)


def _too_large(good: bytes) -> Iterator[Case]:
    for size in (MOST + 1, 10**9, 2**31, 2**32 + 1, 2**63 - 1):
        yield case(f"{size:,} bytes announced, none sent", 413, headers=[("Content-Length", str(size))])
    yield case("10 MiB and a byte", 413, body=bytes(MOST + 1))
    yield case("10 MiB and a byte, an image in front", 413, body=good + bytes(MOST + 1 - len(good)))
    yield case("20 MB", 413, body=bytes(20_000_000))
    yield case("11 MiB in chunks", 413, chunks=[bytes(65_536)] * 176)
    yield case("11 MiB in one chunk", 413, chunks=[bytes(11 * 1024**2)])
    yield case("10 MiB of nothing", 400, body=bytes(MOST))
    yield case("a JPEG and zeros in 10,000 chunks of a byte", 400, chunks=[good[:1000], *[b"\0"] * 10_000])


def slow(good: bytes) -> Iterator[Case]:
    """Those that the server waits for: 5 seconds for a body, 10 for a head."""
    head = b"POST /predict HTTP/1.1\r\nHost: HOST\r\n"
    yield violation("half a head, then silence", head)
    yield violation("a connection without a word", b"")
    yield case("half a body, then silence", 408, raw=head + b"Content-Length: %d\r\n\r\n" % len(good) + good[:1000])
    yield case("no body, though announced", 408, raw=head + b"Content-Length: 1000\r\n\r\n")
    yield case("half a chunk, then silence", 408, raw=head + b"Transfer-Encoding: chunked\r\n\r\nfff\r\nabc")
    yield case("chunks without an end", 408, raw=head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")


def _violations(good: bytes) -> Iterator[Case]:
    for name, line in {
        "no method": b"/predict HTTP/1.1",
        "no version": b"POST /predict",
        "an unknown method": b"BREW /predict HTTP/1.1",
        "a method in small letters": b"post /predict HTTP/1.1",
        "a method of 10,000 characters": b"A" * 10_000 + b" / HTTP/1.1",
        "no path": b"POST  HTTP/1.1",
        "a path without a slash": b"POST predict HTTP/1.1",
        "a space in the path": b"POST /pre dict HTTP/1.1",
        "a NUL in the path": b"POST /\0 HTTP/1.1",
        "a tab in the path": b"POST /\t HTTP/1.1",
        "HTTP/0.9": b"POST /predict HTTP/0.9",
        "HTTP/2": b"POST /predict HTTP/2.0",
        "HTTP/9.9": b"POST /predict HTTP/9.9",
        "another protocol": b"POST /predict RTSP/1.0",
        "CONNECT": b"CONNECT evil.example:443 HTTP/1.1",
        "the address alone": b"GET http://HOST HTTP/1.1",
        "a URL without a host": b"GET http:// HTTP/1.1",
        "a bad port": b"GET http://127.0.0.1:99999999/ HTTP/1.1",
    }.items():
        yield violation(f"request line: {name}", line + b"\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    yield violation("HTTP/2's first words", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    yield violation("TLS's first words", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))
    yield violation("SSH's first words", b"SSH-2.0-OpenSSH_9.6\r\n")
    yield violation("zeros", bytes(1_000))
    yield violation("an image", good)
    yield violation("10 MB without a line's end", b"A" * 10_000_000)
    yield violation("a line's ends alone", b"\r\n" * 100_000 + b"\0")
    yield from _bad_heads(good)
    yield from _bad_chunks()


def _bad_heads(good: bytes) -> Iterator[Case]:
    true = b"%d" % len(good)
    for name, lines in {
        "a length below zero": b"Content-Length: -1",
        "a length that is a text": b"Content-Length: many",
        "a length in hexadecimal": b"Content-Length: 0x10",
        "a length with a plus sign": b"Content-Length: +10",
        "a length of 100 digits": b"Content-Length: " + b"9" * 100,
        "two lengths": b"Content-Length: 5\r\nContent-Length: " + true,
        "two lengths in a line": b"Content-Length: 5, " + true,
        "a length and chunks": b"Content-Length: " + true + b"\r\nTransfer-Encoding: chunked",
        "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: " + true,
        "chunks that are not last": b"Transfer-Encoding: chunked, gzip",
        "chunks misspelt": b"Transfer-Encoding: xchunked",
        "a space before the colon": b"Content-Length : " + true,
        "a header without a colon": b"Content-Length " + true,
        "a header without a name": b": 5",
        "a NUL in a header": b"X-A: a\0b",
        "a bare return in a header": b"X-A: a\rX-B: c",
        "a folded header": b"X-A: a\r\n b\r\n\tc",
        "a space in a header's name": b"X A: b",
        "a control character in a name": b"X\x01A: b",
        "an upgrade": b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: " + true,
    }.items():
        yield violation(f"head: {name}", b"POST /predict HTTP/1.1\r\nHost: HOST\r\n" + lines + b"\r\n\r\n" + good)


def _bad_chunks() -> Iterator[Case]:
    head = b"POST /predict HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n"
    for name, body in {
        "no number": b"xyz\r\nabc\r\n0\r\n\r\n",
        "below zero": b"-3\r\nabc\r\n0\r\n\r\n",
        "of 2^64": b"10000000000000000\r\nabc\r\n0\r\n\r\n",
        "of 40 digits": b"f" * 40 + b"\r\nabc\r\n0\r\n\r\n",
        "too short": b"2\r\nabc\r\n0\r\n\r\n",
        "with a space": b"3 \r\nabc\r\n0\r\n\r\n" + bytes(9),
        "with a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
        "empty": b"\r\n\r\n",
    }.items():
        yield violation(f"chunk size {name}", head + body)


def _floods(good: bytes) -> Iterator[Case]:
    line = b"POST /predict HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n"
    end = b"Content-Length: %d\r\n\r\n" % len(good) + good
    yield violation("a header of 100 KB", line + b"X-A: " + b"a" * 100_000 + b"\r\n" + end)
    yield violation("a header's name of 100 KB", line + b"a" * 100_000 + b": a\r\n" + end)
    yield violation("10,000 headers", line + b"".join(b"X-%d: a\r\n" % i for i in range(10_000)) + end)
    yield violation("10 MB of headers", line + b"X-A: aaaaaaaaa\r\n" * 700_000 + end)
    yield violation("a path of 100 KB", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n")
    yield violation("a query of 1 MB", b"GET /?" + b"a=b&" * 250_000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n")
    trailers = b"0\r\n" + b"X-A: aaaaaaaaa\r\n" * 100_000 + b"\r\n"
    yield violation("a megabyte of trailers", line + b"Transfer-Encoding: chunked\r\n\r\n" + trailers)
    extension = b"3;" + b"a" * 1_000_000 + b"\r\nabc\r\n0\r\n\r\n"
    yield violation("a chunk extension of a megabyte", line + b"Transfer-Encoding: chunked\r\n\r\n" + extension)
