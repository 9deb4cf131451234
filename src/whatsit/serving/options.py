"""What a server may spend on its clients: every default beside its reason."""

from dataclasses import dataclass
from pathlib import Path

from whatsit.images.formats import FORMATS
from whatsit.images.limits import Limits

MIB = 1024**2

# A 25-megapixel PNG takes about 0.1 GB to decode. A baseline JPEG of 120 megapixels comes from the decoder at an
# eighth of its sides. The 258 KB PNG of 13,000 × 6,800 that would take 676 MB is refused by its header.
# AVIF and HEIC keep the size in two places: a file of 3.6 KB that says 64 × 64 in one of them and holds a frame of
# 16,384 × 16,384 took 548 MB. They are for servers whose clients are known.
HEAVY = frozenset({"avif", "heic", "jp2", "dicom"})  # JPEG 2000's decoder takes four times the pixels, and more
SERVER_LIMITS = Limits(
    max_bytes=10 * MIB,
    max_pixels=25_000_000,
    max_stored_pixels=120_000_000,
    formats=FORMATS - HEAVY,
)


@dataclass(frozen=True)
class ServeOptions:
    """Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 8000
    admin_port: int | None = None  # on 127.0.0.1 alone; off unless asked for
    api_key: str | None = None
    allowed_hosts: tuple[str, ...] = ()  # names that the Host header may have, beside the address itself
    device: str = "cpu"
    max_batch: int | None = None  # waiting images that share a call of the network; None: what suits the device
    limits: Limits = SERVER_LIMITS
    max_body: int = 10 * MIB
    max_instances: int = 16  # images a request
    max_waiting: int = 64  # images admitted and not yet begun; beyond: 429
    max_buffered: int = 256 * MIB  # of all bodies together; beyond: 429
    max_connections: int = 512
    deadline: float = 10.0  # from the last byte of the request to its answer, the queue included
    body_timeout: float = 30.0  # for the whole body: 10 MiB over a phone's 3 Mbit/s
    header_timeout: float = 10.0
    keep_alive: float = 30.0  # longer than most clients keep an idle connection, so that they end it first
    shutdown_delay: float = 0.0  # between SIGTERM and closing the door, so that a load balancer can look away
    shutdown_timeout: float = 30.0
    poll: float = 1.0  # how often the repository is looked at
    keep: Path | None = None  # where questions and answers are kept; None: nowhere
    keep_bytes: int = 1024 * MIB
    quiet: bool = False  # no line a request
    insecure: bool = False  # another address than this machine's own without a key
