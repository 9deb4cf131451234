"""Find near-duplicates: lenses → whitening, candidates, alignment → find."""

from whatsit.dataset.near.find import near_duplicates

__all__ = ["near_duplicates"]
