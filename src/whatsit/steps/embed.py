"""Runs the embedder over a data set's records."""

from collections.abc import Callable
from pathlib import Path

from whatsit.dataset import Dataset
from whatsit.embedding.backbones import FeatureExtractor
from whatsit.embedding.embedder import Embedder
from whatsit.images import DEFAULT_LIMITS, Limits
from whatsit.steps.gather import Embeddings


def embed_dataset(
    dataset: Dataset,
    extractor: FeatureExtractor,
    cache: Path,
    *,
    device: str = "cpu",
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[int], None] = lambda n: None,
) -> tuple[Embeddings, int]:
    """The embeddings of every record, and how many of them had to be computed."""
    with Embedder(extractor, cache, device=device, limits=limits) as embedder:
        embedded = embedder.fill([record.uri for record in dataset.records], progress)
        wanted = [digest for i in embedded.readable if (digest := embedded.digests[i])]
        embeddings = Embeddings(
            digests=tuple(digest.hex() if digest else None for digest in embedded.digests),
            errors=embedded.errors,
            vectors=embedder.vectors(wanted),
            thumbnails=embedder.thumbnails(wanted),
        )
    return embeddings, embedded.computed
