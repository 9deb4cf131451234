"""Bad names: paths out of the folder; models, versions and aliases that are not; bad numbers; wrong methods."""

import json
from base64 import b64encode
from collections.abc import Iterator

from .requests import Case, case, in_url

TRAVERSAL = (
    "../../etc/passwd",
    "..",
    "../..",
    "....//....//etc/passwd",
    "..\\..\\windows\\win.ini",
    "C:\\windows\\win.ini",
    "/etc/passwd",
    "//etc/passwd",
    "file:///etc/passwd",
    "\\\\server\\share",
    "~/.ssh/id_rsa",
    "./",
    ".",
    ".hidden",
    "..%2f..%2fetc%2fpasswd",
    "%252e%252e%252f",
    "．．/．．/etc/passwd",  # full-width dots
    "‥/‥/etc/passwd",  # the two dot leader
    "..\u2215..\u2215etc",  # a slash that is a division
    "a\0",
    "\0",
    "../\0.jpg",
    "a\nSet-Cookie: b=c",
    "a\r\n\r\n<html>",
    "\x1b[31mred",
    "\u202eecilbup",
    "a" * 10_000,
    "../" * 3_000,
    "; touch owned",
    "$(touch owned)",
    "`touch owned`",
    "' OR '1'='1",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "%s%n%x",
    "CON",
    "",
)
NUMBERS = ("0", "-1", "2", "1e9", "1000000000", "9" * 19, "9" * 5_000, "٣", "1.0", "0x1", "+1", " 1", "1 ", "01x", "")
RAW = (  # as they stand in the request's line
    "/../../etc/passwd",
    "/..%2f..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/.%2e/etc/passwd",
    "/%c0%ae%c0%ae/etc/passwd",
    "/..%c0%af../etc/passwd",
    "/..;/etc/passwd",
    "//etc/passwd",
    "/page/../../../etc/passwd",
    "/page/index.html",
    "/page.js/..%2fapp.py",
    "/static/..\\..\\etc\\passwd",
    "/%00",
    "/predict%00",
    "/predict/",
    "/PREDICT",
    "/models/../../etc/passwd",
    "/.git/config",
    "/.env",
    "/reload",
    "/models/photos/default",
    "/models/photos/rollback",
    "/docs",
    "/favicon.ico",
    "/wp-login.php",
    "/cgi-bin/..%2f..%2fbin/sh",
    "/%ff%fe",
    "/?/../../etc/passwd/",
    "/" + "a" * 10_000,
    "/" + "a/" * 5_000,
    "/v1/models",
    "/v1/models/",
    "/v2/models/",
    "/v2/repository/index",
)


def of_names(model: str, good: bytes) -> Iterator[Case]:
    """All of them. good: an image that is answered where the model is the right one."""
    yield from _paths()
    yield from _models(good)
    yield from _versions(model, good)
    yield from _queries(model, good)
    yield from _methods(model)


def _short(name: str) -> str:
    return ascii(name)[1:40] + (f"… of {len(name)} characters" if len(name) > 40 else "")


def _paths() -> Iterator[Case]:
    for path in RAW:
        known = path.startswith("/?")  # the page, asked for something
        yield case(f"GET {_short(path)}", 200 if known else 404, method="GET", path=path)


def _models(good: bytes) -> Iterator[Case]:
    tensor = json.dumps({"inputs": []}).encode()
    instances = json.dumps({"instances": [{"b64": b64encode(good).decode()}]}).encode()
    for name in TRAVERSAL:
        said, quoted = _short(name), in_url(name)
        yield case(f"model {said} in the query", 404, path=f"/predict?model={quoted}", body=good)
        if name:
            yield case(f"v1 model {said}", 404, path=f"/v1/models/{quoted}:predict", body=instances)
            yield case(f"v2 model {said}", 404, path=f"/v2/models/{quoted}/infer", body=tensor)
            yield case(f"v2 metadata of {said}", 404, method="GET", path=f"/v2/models/{quoted}")


def _versions(model: str, good: bytes) -> Iterator[Case]:
    for number in NUMBERS:
        said, quoted = _short(number), in_url(number)
        yield case(f"version {said} in the query", 404, path=f"/predict?version={quoted}", body=good)
        if number:
            yield case(f"v1 version {said}", 404, path=f"/v1/models/{model}/versions/{quoted}:predict", body=b"{}")
            yield case(f"v1 status of version {said}", 404, method="GET", path=f"/v1/models/{model}/versions/{quoted}")
            yield case(f"v2 version {said}", 404, path=f"/v2/models/{model}/versions/{quoted}/infer", body=b"{}")
    for alias in TRAVERSAL:
        said, quoted = _short(alias), in_url(alias)
        if alias:
            yield case(f"alias {said} in the query", 404, path=f"/predict?alias={quoted}", body=good)
            yield case(f"v1 label {said}", 404, path=f"/v1/models/{model}/labels/{quoted}:predict", body=b"{}")


def _queries(model: str, good: bytes) -> Iterator[Case]:
    for top in (
        "0",
        "-1",
        "abc",
        "1e9",
        "1000001",
        "9" * 4_000,
        "1.5",
        "",
        "%00",
        "%D9%A3",
        "5;",
        "NaN",
        "0x5",
        "%205",
    ):
        yield case(f"top={_short(top)}", 400, path=f"/predict?top={top}", body=good)
    for similar in ("13", "99", "-1", "abc", "", "1e1", "9" * 4_000):
        yield case(f"similar={_short(similar)}", 400, path=f"/predict?similar={similar}", body=good)
    for label in TRAVERSAL[:8]:
        yield case(f"heat map for {_short(label)}", 400, path=f"/explain?label={in_url(label)}", body=good)
    yield case("top twice, the last bad", 400, path="/predict?top=5&top=x", body=good)
    yield case("a version and an alias", 400, path="/predict?version=1&alias=default", body=good)
    yield case("another model among 5000", 404, path="/predict?" + "&".join(["model=a"] * 5_000), body=good)


def _methods(model: str) -> Iterator[Case]:
    posts = ("/predict", "/explain", "/feedback", f"/v1/models/{model}:predict", f"/v2/models/{model}/infer")
    for path in posts:
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
            other = ":" in path and method in ("GET", "HEAD")  # the status of a model of that name
            yield case(f"{method} {path}", 404 if other else 405, method=method, path=path)
    for path in ("/", "/models", "/livez", "/readyz", "/metrics", "/openapi.json", "/v2", f"/v2/models/{model}"):
        for method in ("POST", "PUT", "DELETE"):
            yield case(f"{method} {path}", 405, method=method, path=path)
