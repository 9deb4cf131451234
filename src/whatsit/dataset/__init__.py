"""Photos, their labels and their splits. Lists and splits; decodes nothing and knows no embeddings."""

from whatsit.dataset.choices import Split
from whatsit.dataset.folds import assign_folds
from whatsit.dataset.grouping import distinct_by_class, duplicates, group_records
from whatsit.dataset.near import near_duplicates
from whatsit.dataset.options import READ_DEFAULTS, ReadOptions
from whatsit.dataset.pages import with_pages
from whatsit.dataset.read import Data, Listed, dataset_of, noted, read_dataset, read_photos, typed_data
from whatsit.dataset.records import Dataset, Depth, Record
from whatsit.dataset.split import SplitOptions, assign_splits

__all__ = [
    "READ_DEFAULTS",
    "Data",
    "Dataset",
    "Depth",
    "Listed",
    "ReadOptions",
    "Record",
    "Split",
    "SplitOptions",
    "assign_folds",
    "assign_splits",
    "dataset_of",
    "distinct_by_class",
    "duplicates",
    "group_records",
    "near_duplicates",
    "noted",
    "read_dataset",
    "read_photos",
    "typed_data",
    "with_pages",
]
