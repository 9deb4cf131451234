"""`whatsit request`."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import click

from whatsit.errors import ImageError, WhatsitError
from whatsit.files import write_atomically
from whatsit.images.source import read_bytes
from whatsit.text import number


@click.command(
    name="request",
    epilog="Example: whatsit request cat.jpg dog.jpg -o request.json && "
    "curl --data @request.json http://127.0.0.1:8000/v1/models/pets:predict",
)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("-o", "--output", metavar="FILE", default="request.json", show_default=True, help="Where it goes.")
@click.option("--json-instances", is_flag=True, help="A line an instance, as 'gcloud … --json-instances' takes them.")
def command(images: tuple[str, ...], output: str, json_instances: bool) -> None:
    """Write photos as the body of a TensorFlow Serving or Cloud ML request; each photo's place is its key."""
    instances = list(_instances(images))
    if json_instances:
        text = "".join(f"{json.dumps(instance)}\n" for instance in instances)
    else:
        text = json.dumps({"instances": instances}) + "\n"
    write_atomically(Path(output), text.encode())
    click.echo(f"{output}: {number(len(instances), 'image')}, {len(text):,} bytes")


def _instances(images: tuple[str, ...]) -> Iterator[dict[str, object]]:
    for place, image in enumerate(images):
        try:
            data = read_bytes(image)
        except ImageError as error:
            raise WhatsitError(f"{image}: {error}") from None
        yield {"key": str(place), "image_bytes": {"b64": base64.b64encode(data).decode()}}
