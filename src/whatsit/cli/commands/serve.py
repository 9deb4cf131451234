"""`whatsit serve`."""

from dataclasses import replace
from pathlib import Path

import click

from whatsit.cli.options import FiniteRange, device_option
from whatsit.errors import MissingExtraError, WhatsitError
from whatsit.images.formats import FORMATS
from whatsit.machine import share_memory


@click.command(
    name="serve",
    epilog="Examples: whatsit serve pets-model | whatsit serve models --port 9000 --admin-port 9001 | "
    "whatsit serve models --host 0.0.0.0 --api-key SECRET",
)
@click.argument("place", envvar="WHATSIT_REPOSITORY", default="models", metavar="[REPOSITORY|MODEL]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free one.")
@click.option("--admin-port", type=click.IntRange(0, 65535), help="Change what answers over HTTP, from this machine.")
@click.option("--api-key", envvar="WHATSIT_API_KEY", metavar="KEY", help="Ask for it (also: WHATSIT_API_KEY).")
@click.option("--insecure", is_flag=True, help="Let others in without a key.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A name that the server goes by, as behind a proxy.")
@click.option("--keep", metavar="DIR", help="Keep photos and answers there, and take corrections.")
@click.option("--keep-mb", type=click.IntRange(1), default=1024, show_default=True, help="At most so many megabytes.")
@click.option("--max-batch", type=click.IntRange(1, 256), help="Images a call of the network (default: by the device).")
@click.option("--max-waiting", type=click.IntRange(1), default=64, show_default=True, help="Images in the queue.")
@click.option("--deadline", type=FiniteRange(0.1), default=10.0, show_default=True, help="Seconds to answer.")
@click.option("--max-pixels", type=click.IntRange(1), default=25_000_000, show_default=True, help="Of an image.")
@click.option(
    "--formats",
    metavar="LIST",
    help=f"Take these, of {', '.join(sorted(FORMATS))} (default: without avif, dicom, heic, jp2).",
)
@click.option(
    "--shutdown-delay",
    type=FiniteRange(0),
    default=0.0,
    show_default=True,
    help="Seconds from SIGTERM to closing the door.",
)
@click.option("--json-logs", is_flag=True, help="Log lines as JSON.")
@click.option("--quiet", is_flag=True, help="No line a request.")
@device_option
def command(
    place: str,
    host: str,
    port: int,
    admin_port: int | None,
    api_key: str | None,
    insecure: bool,
    allow_host: tuple[str, ...],
    keep: str | None,
    keep_mb: int,
    max_batch: int | None,
    max_waiting: int,
    deadline: float,
    max_pixels: int,
    formats: str | None,
    shutdown_delay: float,
    json_logs: bool,
    quiet: bool,
    device: str,
) -> int:
    """Answer over HTTP: a repository of models ('whatsit models'), or one model folder.

    The page for people is at the address itself; programs find three protocols in /openapi.json. New versions and
    changes of the default are picked up while it runs. Without an argument: the repository of 'whatsit models'.
    """
    try:
        import starlette  # noqa: F401 (to tell what is missing before the rest is loaded)
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtraError("the server", "serve") from None
    from whatsit.config import MIB, SERVER_LIMITS, ServeOptions
    from whatsit.serving.app import Service
    from whatsit.serving.metrics import set_up
    from whatsit.serving.middleware import check_exposure
    from whatsit.serving.run import serve
    from whatsit.serving.sources import find_source

    options = ServeOptions(
        host=host,
        port=port,
        admin_port=admin_port,
        api_key=api_key,
        insecure=insecure,
        allowed_hosts=allow_host,
        keep=Path(keep) if keep else None,
        keep_bytes=keep_mb * MIB,
        max_batch=max_batch,
        max_waiting=max_waiting,
        deadline=deadline,
        limits=replace(SERVER_LIMITS, max_pixels=max_pixels, formats=_formats(formats) or SERVER_LIMITS.formats),
        shutdown_delay=shutdown_delay,
        quiet=quiet,
        device=device,
    )
    check_exposure(options)
    source = find_source(place)
    set_up(as_json=json_logs)
    share_memory()
    return serve(Service(source, options), lambda url: click.echo(f"Serving on {url}  (Ctrl-C ends it)", err=True))


def _formats(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    named = {name.strip().lower() for name in text.split(",")}
    if unknown := sorted(named - FORMATS):
        raise WhatsitError(f"--formats: no format {unknown[0]!r}. There are: {', '.join(sorted(FORMATS))}")
    return frozenset(named)
