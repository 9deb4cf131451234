"""`whatsit serve`."""

from typing import Any

import click

from whatsit.cli.options import GroupedCommand, described, own, take
from whatsit.config import SERVER_LIMITS, ServeOptions
from whatsit.errors import MissingExtraError
from whatsit.images.limits import Limits
from whatsit.machine import share_memory


@click.command(
    name="serve",
    cls=GroupedCommand,
    epilog="Examples: whatsit serve pets-model | whatsit serve models --port 9000 --admin-port 9001 | "
    "whatsit serve models --host 0.0.0.0 --api-key SECRET",
)
@click.argument("place", envvar="WHATSIT_REPOSITORY", default="models", metavar="[REPOSITORY|MODEL]")
@described(ServeOptions, "serve")
@described(Limits, "serve", SERVER_LIMITS)
@own("--json-logs", is_flag=True, help="Write log lines as JSON.")
def command(place: str, json_logs: bool, **values: Any) -> int:
    """Serve a repository of models ('whatsit models') or one model folder over HTTP.

    The address itself is a page for people. Programs find three protocols described in /openapi.json. New versions and
    a new default are used without a restart. Without an argument, the repository of 'whatsit models' is served.
    """
    try:
        import starlette  # noqa: F401 (to tell what is missing before the rest is loaded)
        import uvicorn  # noqa: F401
    except ImportError:
        raise MissingExtraError("the server", "serve") from None
    from whatsit.serving.app import Service
    from whatsit.serving.metrics import set_up
    from whatsit.serving.middleware import check_exposure
    from whatsit.serving.run import serve
    from whatsit.serving.sources import find_source

    options = take(values, ServeOptions, limits=take(values, Limits, SERVER_LIMITS))
    check_exposure(options)
    source = find_source(place)
    set_up(as_json=json_logs)
    share_memory()
    return serve(Service(source, options), lambda url: click.echo(f"Serving on {url}  (Ctrl-C ends it)", err=True))
