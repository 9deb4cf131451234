"""Find near-duplicates: lenses → whitening, candidates, alignment → find."""

from whatsit.dataset.near.find import near_duplicates
from whatsit.dataset.near.reduce import Reduced

__all__ = ["Reduced", "near_duplicates"]
