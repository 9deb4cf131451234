"""Find near-duplicates: lenses → whitening, candidates, alignment → find."""

from whatsit.dataset.near.find import near_duplicates
from whatsit.dataset.near.reduce import Reduced
from whatsit.dataset.near.rows import Rows, Table, some_rows

__all__ = ["Reduced", "Rows", "Table", "near_duplicates", "some_rows"]
