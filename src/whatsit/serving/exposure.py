"""Who can reach the server: an address of this machine alone, or one that others reach too."""

import ipaddress

from whatsit.errors import WhatsitError
from whatsit.serving.options import ServeOptions

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
    """Raises WhatsitError where others could reach a server without a key, unasked; and for a key nobody can send."""
    if options.api_key is not None and not (options.api_key.isascii() and options.api_key.isprintable()):
        raise WhatsitError("the API key has characters that no header can carry. Use letters and digits")
    if options.api_key == "":
        raise WhatsitError("the API key is empty. Give one, or leave the option out")
    if not is_loopback(options.host) and not options.api_key and not options.insecure:
        raise WhatsitError(
            f"others could reach this server at {options.host}. Ask them for a key (--api-key, or WHATSIT_API_KEY), "
            "or allow everyone with --insecure"
        )
