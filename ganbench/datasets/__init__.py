"""The data sets, by name, and arrays and files of the user's own.

A data set is loaded when it is asked for; listing and describing import nothing heavy, and no reader imports torch.
"""

from __future__ import annotations

from ganbench.datasets._arrays import as_array
from ganbench.datasets._sources import data_root
from ganbench.datasets.base import Dataset, Split, UnavailableDataset
from ganbench.datasets.catalogue import (
    Entry,
    as_dataset,
    dataset_names,
    describe,
    find_dataset,
    find_entry,
    load_dataset,
)
from ganbench.datasets.files import read_array_file

__all__ = [
    "Dataset",
    "Entry",
    "Split",
    "UnavailableDataset",
    "as_array",
    "as_dataset",
    "data_root",
    "dataset_names",
    "describe",
    "find_dataset",
    "find_entry",
    "load_dataset",
    "read_array_file",
]
