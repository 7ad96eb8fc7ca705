"""The catalogue of data sets: what each is and needs, known without loading it, and the way to load it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.datasets._sources import data_root, origin_of_root
from ganbench.datasets.base import Dataset, UnavailableDataset
from ganbench.datasets.files import is_array_file
from ganbench.datasets.files import load as _load_file
from ganbench.errors import MissingDataError, UnknownNameError

__all__ = ["Entry", "as_dataset", "dataset_names", "describe", "find_dataset", "find_entry", "load_dataset"]

_BUILT_IN = "nothing"


@dataclass(frozen=True)
class Entry:
    """What is known of a data set before it is loaded.

    Args:
        name: What `load_dataset` calls it.
        description: One line.
        event_shape: The shape of one example.
        loader: Module and function, `"mnist:load"`; a module whose data are files has a function `find`, too.
        needs: How its files are come by; "nothing" where there are none.
        expected: Where they belong, below the folder of the data; empty where there are none.
    """

    name: str
    description: str
    event_shape: tuple[int, ...]
    loader: str
    needs: str = _BUILT_IN
    expected: str = ""

    @property
    def source(self) -> Path:
        """The file of its loader, which names where the data come from."""
        return Path(__file__).parent / f"{self.loader.partition(':')[0]}.py"

    def find(self, root: str | Path | None = None) -> Path | None:
        """The file or folder that would be read, where the data are there; None for data without files, too."""
        return self._module().find(data_root(root)) if self.expected else None

    def is_available(self, root: str | Path | None = None) -> bool:
        """Whether the data can be loaded without a download."""
        return not self.expected or self.find(root) is not None

    def place(self, root: str | Path | None = None) -> Path | None:
        """Where the data belong; None for data without files."""
        return data_root(root) / self.expected if self.expected else None

    def load(self, root: str | Path | None = None, *, download: bool = False) -> Dataset:
        """Load the data; see `load_dataset`."""
        try:
            return getattr(self._module(), self.loader.partition(":")[2])(data_root(root), download=download)
        except MissingDataError as error:
            raise MissingDataError(f"{error} {origin_of_root(root)}") from error

    def _module(self) -> Any:
        return importlib.import_module(f"ganbench.datasets.{self.loader.partition(':')[0]}")


_ENTRIES = (
    Entry(
        name="digits",
        description="scikit-learn's 8x8 handwritten digits, 1,797 images, five folds; no download",
        event_shape=(8, 8),
        loader="digits:load",
    ),
    Entry(
        name="mnist",
        description="MNIST 28x28 handwritten digits: 50,000 train, 10,000 valid, 10,000 test",
        event_shape=(28, 28),
        loader="mnist:load",
        needs="a download of 12 MB (--download)",
        expected="MNIST/raw",
    ),
    Entry(
        name="tfd",
        description="Toronto Face Database 48x48, official folds; by permission of its authors only",
        event_shape=(48, 48),
        loader="tfd:load",
        needs="a file that its authors give by permission",
        expected="TFD_48x48.mat",
    ),
    Entry(
        name="fer2013",
        description="FER-2013 48x48 faces: 28,709 train images; 3,589 valid and 3,589 test images in five folds",
        event_shape=(48, 48),
        loader="fer2013:load",
        needs="a file that a Kaggle contest gives to those who log in",
        expected="fer2013/fer2013.csv",
    ),
    Entry(
        name="olivetti",
        description="Olivetti 64x64 faces: 40 persons, 400 images, five folds",
        event_shape=(64, 64),
        loader="olivetti:load",
        needs="a download of 4 MB (--download)",
        expected="olivettifaces.mat",
    ),
    Entry(
        name="cifar10",
        description="CIFAR-10 3x32x32, contrast-normalised to norm 55: 40,000 train, 10,000 valid, 10,000 test",
        event_shape=(3, 32, 32),
        loader="cifar10:load",
        needs="a download of 170 MB (--download)",
        expected="cifar-10-batches-py",
    ),
    Entry(
        name="toy-gaussian",
        description="a Gaussian in 10 dimensions, exact log density known",
        event_shape=(10,),
        loader="toy:load_gaussian",
    ),
    Entry(
        name="toy-mixture",
        description="eight Gaussians on a ring in the plane, exact log density known",
        event_shape=(2,),
        loader="toy:load_mixture",
    ),
    Entry(
        name="toy-figure1",
        description="the density of the paper's Figure 1 as we read it, exact log density known",
        event_shape=(1,),
        loader="toy:load_figure1",
    ),
)
_BY_NAME = {entry.name: entry for entry in _ENTRIES}


def dataset_names() -> list[str]:
    """The names that `load_dataset` knows, in the order of the list."""
    return list(_BY_NAME)


def find_entry(name: str) -> Entry:
    """What is known of a data set.

    Raises:
        UnknownNameError: There is no data set of this name.
    """
    if name not in _BY_NAME:
        hint = "A file or folder of your own is named by its path: --dataset ./images.npz."
        raise UnknownNameError("dataset", name, _BY_NAME, hint)
    return _BY_NAME[name]


def describe(name: str) -> str:
    """One line on a data set.

    Raises:
        UnknownNameError: There is no data set of this name.
    """
    return find_entry(name).description


def load_dataset(spec: str | Path, root: str | Path | None = None, *, download: bool = False) -> Dataset:
    """Load a data set by name, or from a file of the user's.

    Args:
        spec: A name from `dataset_names`, or the path of a file or folder of one's own (see
            `ganbench.datasets.files.load`).
        root: The folder of the data; by default the one that the environment variable GANBENCH_DATA names, else the
            user's cache (`~/.cache/ganbench` on Linux).
        download: Fetch what is missing, where the data set can be fetched (mnist, cifar10, olivetti).

    Raises:
        UnknownNameError: The spec is neither a known name nor the path of an array file.
        MissingDataError: The files of a named data set are not there, or could not be fetched.
        DataError: The data are damaged or not what they should be, or there is no such array file.
    """
    is_file = str(spec) not in _BY_NAME and is_array_file(spec)
    return _load_file(spec) if is_file else find_entry(str(spec)).load(root, download=download)


def find_dataset(
    spec: str | Path, root: str | Path | None = None, *, download: bool = False
) -> Dataset | UnavailableDataset:
    """Load a data set as `load_dataset` does; a named one whose files are not there is an `UnavailableDataset`.

    Raises:
        UnknownNameError: The spec is neither a known name nor the path of an array file.
        DataError: The data are damaged or not what they should be, or there is no such array file.
    """
    try:
        return load_dataset(spec, root, download=download)
    except MissingDataError as error:
        return UnavailableDataset(str(spec), str(error), origin_of_root(root))


def as_dataset(
    thing: str | Path | Dataset | Any, root: str | Path | None = None, *, download: bool = False
) -> Dataset | UnavailableDataset:
    """A data set from its name or path, itself, or an array of examples.

    Raises:
        UnknownNameError: A string is neither a known name nor the path of an array file.
        DataError: The data cannot be used.
    """
    if isinstance(thing, Dataset):
        return thing
    if isinstance(thing, str | Path):
        return find_dataset(thing, root, download=download)
    return Dataset.from_arrays(thing)
