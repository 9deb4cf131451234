"""A file of the Hugging Face Hub: from its cache on this machine, else fetched, else told in one line that it is not.

Without a network the hub's client tries for half a minute and says so six times; one short question beforehand spares
that. What it and timm would print meanwhile is kept out of the user's terminal. It imports neither PyTorch nor timm,
and knows nothing of networks or of what is in a file.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whatsit.errors import BackboneError


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings and no log lines; errors are raised as ever.

    They warn of what is no fault of the user's. `warnings.catch_warnings` is not thread-safe, so this is for work that
    is done before the threads of an embedding start.
    """
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)


PATIENCE = 5.0  # seconds for the hub's first answer; it takes well under one where there is a network


def hub_file(repository: str, file: str) -> Path:
    """Where the file lies; it is fetched at most once. Raises BackboneError where it cannot be had."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    with quiet(), _no_progress_bars():
        try:
            return Path(hf_hub_download(repository, file, local_files_only=True))
        except LocalEntryNotFoundError:
            pass
        advice = f"Fetch {file} of huggingface.co/{repository} on another machine and give it: --weights {file}"
        if not _reachable():
            raise BackboneError(f"its weights are not on this machine and cannot be fetched (offline). {advice}")
        try:
            return Path(hf_hub_download(repository, file))
        except Exception as error:  # the client's own, httpx's or requests', by version, and a full disk's
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise BackboneError(f"its weights cannot be fetched ({reason}). {advice}") from error


def _reachable() -> bool:
    """Whether the hub answers at all; asked once, through the client's own session and its proxies."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=PATIENCE)
    except Exception:  # httpx's or requests' errors, by the client's version: no answer, whatever the reason
        return False
    return True


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    from huggingface_hub.utils import (  # type: ignore[attr-defined]
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    shown = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            enable_progress_bars()
