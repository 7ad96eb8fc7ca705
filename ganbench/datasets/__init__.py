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
from ganbench.datasets.files import StoredSamples, read_array_file, read_samples
from ganbench.datasets.layout import Note, check_layout
from ganbench.datasets.readers import find_format as sample_format
from ganbench.datasets.readers import formats_in_words as sample_formats
from ganbench.datasets.readers import source_sha256
from ganbench.datasets.samples import FittedSamples, exact_samples, fit_samples
from ganbench.datasets.scale import check_scale

__all__ = [
    "Dataset",
    "Entry",
    "FittedSamples",
    "Note",
    "Split",
    "StoredSamples",
    "UnavailableDataset",
    "as_array",
    "as_dataset",
    "check_layout",
    "check_scale",
    "data_root",
    "dataset_names",
    "describe",
    "exact_samples",
    "find_dataset",
    "find_entry",
    "fit_samples",
    "load_dataset",
    "read_array_file",
    "read_samples",
    "sample_format",
    "sample_formats",
    "source_sha256",
]
