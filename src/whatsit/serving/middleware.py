"""Checks on every request, and headers, log line and metrics of every response.

A request must name a known Host, have no foreign Origin, and carry the API key where the server has one. A response
gets the request's id, the version that answered, and headers that restrict what a browser does with it. An exception
of any handler becomes an HTTP error.

`check_exposure` decides at start whether the server may listen on an address that other machines reach.
"""

import asyncio
import hmac
import ipaddress
import logging
import re
import time
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from whatsit.config import ServeOptions
from whatsit.errors import WhatsitError
from whatsit.serving.context import ServerContext
from whatsit.serving.http import HTTPError, error_body
from whatsit.serving.metrics import NO_MODEL
from whatsit.serving.request import KEY, BufferLimit, ClientDisconnected, Request

OWN_NAMES = ("localhost", "127.0.0.1", "::1")


def is_address(host: str) -> bool:
    """
    >>> is_address("192.0.2.7"), is_address("example.org")
    (True, False)
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """
    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def check_exposure(options: ServeOptions) -> None:
    """Raises WhatsitError where others could reach the server without a key, and for a key that no header can carry."""
    if options.api_key is not None and not (options.api_key.isascii() and options.api_key.isprintable()):
        raise WhatsitError("the API key has characters that no header can carry. Use letters and digits")
    if options.api_key == "":
        raise WhatsitError("the API key is empty. Give one, or leave the option out")
    if not is_loopback(options.host) and not options.api_key and not options.insecure:
        raise WhatsitError(
            f"others could reach this server at {options.host}. Ask them for a key (--api-key, or WHATSIT_API_KEY), "
            "or allow everyone with --insecure"
        )


log = logging.getLogger("whatsit.serving")
access = logging.getLogger("whatsit.access")
REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")
NOT_IN_HOST = frozenset("@,/ ")  # what a URL could have around a host, and what joins two of them
LINGER = 2.0  # seconds in which the rest of a refused body is read and thrown away, so that the answer is seen


HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
]


class Middleware:
    """An ASGI application that wraps another."""

    def __init__(self, app: ASGIApp, context: ServerContext, *, public_paths: frozenset[str] = frozenset()) -> None:
        """public_paths: paths that need no key."""
        options = context.options
        self._app = app
        self._context = context
        self._options = options
        self._metrics = context.metrics
        self._public_paths = public_paths
        self._buffer_limit = BufferLimit(options.max_buffered)
        self._hosts = {*OWN_NAMES, options.host.strip("[]").lower(), *(h.lower() for h in options.allowed_hosts)}
        self._is_open = not is_loopback(options.host)
        self._key = options.api_key.encode() if options.api_key else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, self._options, self._buffer_limit)
        if REQUEST_ID.fullmatch(given := request.headers.get("x-request-id", "")):
            request.id = given
        scope[KEY], scope["app"] = request, self  # where the scope has an app, the router raises HTTPException
        out = _ResponseSender(request, send, self._context.draining)
        try:
            self._check(request)
            await self._app(scope, receive, out)
        except ClientDisconnected:
            request.reason = "gone"
        except HTTPError as error:
            await self._send_error(request, out, error)
        except HTTPException as error:  # the router raises it for a wrong method only
            await self._send_error(request, out, _method_error(error))
        except Exception:
            log.exception("request %s: an error of the server's own", request.id)
            await self._send_error(request, out, HTTPError("failed", "the server made a mistake. Its log says more"))
        finally:
            self._record(request, out.status)
            request.release()

    def _check(self, request: Request) -> None:
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if not self._is_known(_host(host)):
            raise HTTPError("host", "this server does not go by that name. Its operator can allow it: --allow-host")
        if origin is not None and _netloc(origin) != host.lower():
            raise HTTPError("origin", "another site's page may not ask this server")
        if self._key is not None and request.scope["path"] not in self._public_paths:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._key):
                raise HTTPError("key", "this server wants a key: Authorization: Bearer KEY")

    def _is_known(self, host: str) -> bool:
        """Whether the Host header names this server.

        A page of another site can make a browser send requests here under a host name of its own (DNS rebinding), but
        not under an IP address. So a server that others may reach accepts every IP address.
        """
        return host in self._hosts or (self._is_open and is_address(host))

    async def _send_error(self, request: Request, out: "_ResponseSender", error: HTTPError) -> None:
        """Sends the error. The rest of a large body is read and discarded: closing at once would lose the error."""
        request.reason = error.reason
        self._metrics.refused.labels(error.reason).inc()
        if out.status:  # the response had begun, so the connection can only be closed
            return
        is_large = request.content_length > self._options.max_body or "transfer-encoding" in request.headers
        lingers = is_large and not request.body_read
        body, headers = error_body(error), _headers_of(error)
        headers.append((b"content-length", str(len(body)).encode()))
        if lingers:
            headers.append((b"connection", b"close"))
        await out({"type": "http.response.start", "status": error.status, "headers": headers})
        await out({"type": "http.response.body", "body": body, "more_body": lingers})
        if lingers:
            await _discard(request)
            await out({"type": "http.response.body", "body": b""})

    def _record(self, request: Request, status: int) -> None:
        seconds = time.monotonic() - request.started
        model = request.version.model if request.version else NO_MODEL
        number = str(request.version.number) if request.version else NO_MODEL
        self._metrics.requests.labels(model, number, str(status or "gone")).inc()
        self._metrics.duration.observe(seconds)
        if not self._options.quiet:
            facts = {
                "id": request.id,
                "method": request.scope["method"],
                "path": request.scope["path"],
                "status": status,
            }
            answered = {"model": model, "version": number, "ms": round(1000 * seconds, 1), "reason": request.reason}
            access.info("", extra={"request": {**facts, **answered}})


class _ResponseSender:
    """Adds the headers that every response has, and stores the status."""

    def __init__(self, request: Request, send: Send, draining: bool) -> None:
        self._request = request
        self._send = send
        self._draining = draining
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message["headers"], *HEADERS, *self._own()]}
        await self._send(message)

    def _own(self) -> list[tuple[bytes, bytes]]:
        version = self._request.version
        headers = [(b"x-request-id", self._request.id.encode())]
        if version:
            headers += [(b"x-model-name", version.model.encode()), (b"x-model-version", str(version.number).encode())]
        if self._draining:
            headers.append((b"connection", b"close"))
        return headers


def _method_error(error: HTTPException) -> HTTPError:
    return HTTPError("method", "not by this method: see /openapi.json", (error.headers or {}).get("Allow"))


def _headers_of(error: HTTPError) -> list[tuple[bytes, bytes]]:
    headers = [(b"content-type", b"application/json")]
    if error.retry_after:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    if error.allow:
        headers.append((b"allow", error.allow.encode()))
    if error.reason == "key":
        headers.append((b"www-authenticate", b"Bearer"))
    return headers


def _host(text: str) -> str:
    """`[::1]:8000` → `::1`."""
    with suppress(ValueError):
        if not set(text) & NOT_IN_HOST:
            return urlsplit(f"//{text}").hostname or ""
    return ""


def _netloc(origin: str) -> str:
    """`http://[::1]:8000` → `[::1]:8000`; empty where it is none."""
    with suppress(ValueError):
        return urlsplit(origin).netloc.lower()
    return ""


async def _discard(request: Request) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while (await request.receive()).get("more_body", False):
                pass
