"""The data sets, by name, and files of the user's own.

A data set is loaded when it is asked for; listing and describing import nothing heavy, and no reader but those that
download imports torch.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from ganbench.datasets._sources import data_root
from ganbench.datasets.base import Dataset, Split
from ganbench.datasets.files import is_array_file, read_array_file
from ganbench.datasets.files import load as _load_file
from ganbench.errors import UnknownNameError

__all__ = ["Dataset", "Split", "data_root", "dataset_names", "describe", "load_dataset", "read_array_file"]

# name -> (module:function, one line for the list)
_CATALOGUE = {
    "digits": ("digits:load", "scikit-learn's 8x8 handwritten digits, 1,797 images, five folds; no download"),
    "mnist": ("mnist:load", "MNIST 28x28 handwritten digits: 50,000 train, 10,000 valid, 10,000 test"),
    "tfd": ("tfd:load", "Toronto Face Database 48x48, official folds; by permission of its authors only"),
    "fer2013": ("fer2013:load", "FER-2013 48x48 faces: 28,709 train, 7,178 test images in five folds"),
    "olivetti": ("olivetti:load", "Olivetti 64x64 faces: 40 persons, 400 images, five folds"),
    "cifar10": (
        "cifar10:load",
        "CIFAR-10 3x32x32, contrast-normalised to norm 55: 40,000 train, 10,000 valid, 10,000 test",
    ),
    "toy-gaussian": ("toy:load_gaussian", "a Gaussian in 10 dimensions, exact log density known"),
    "toy-mixture": ("toy:load_mixture", "eight Gaussians on a ring in the plane, exact log density known"),
    "toy-figure1": ("toy:load_figure1", "the density of the paper's Figure 1 as we read it, exact log density known"),
}


def dataset_names() -> list[str]:
    """The names that `load_dataset` knows, in the order of the list."""
    return list(_CATALOGUE)


def describe(name: str) -> str:
    """One line on a data set.

    Raises:
        UnknownNameError: There is no data set of this name.
    """
    return _entry(name)[1]


def load_dataset(spec: str, root: str | Path | None = None, *, download: bool = False) -> Dataset:
    """Load a data set by name, or from a file of the user's.

    Args:
        spec: A name from `dataset_names`, or the path of a `.npy` or `.npz` file (told by its suffix; see
            `ganbench.datasets.files.load`).
        root: The folder of the data; by default the environment variable GANBENCH_DATA, else `~/.cache/ganbench`.
        download: Fetch what is missing, where the data set can be fetched (mnist, cifar10, olivetti).

    Raises:
        UnknownNameError: The spec is neither a known name nor the path of an array file.
        DataError: The data are missing, damaged, or not what they should be; or the download failed.
    """
    if is_array_file(spec):
        return _load_file(spec)
    module, function = _entry(spec)[0].split(":")
    loader = getattr(importlib.import_module(f"ganbench.datasets.{module}"), function)
    return loader(data_root(root), download=download)


def _entry(name: str) -> tuple[str, str]:
    if name not in _CATALOGUE:
        raise UnknownNameError(
            "dataset", name, _CATALOGUE, "A file of your own is named by its path, ending in .npy or .npz."
        )
    return _CATALOGUE[name]
