"""Writers of every format of files that is read, for the tests."""

from __future__ import annotations

import gzip
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np
import safetensors.numpy
import torch
from PIL import Image
from scipy.io import savemat

from ganbench.datasets.readers import read_chosen


def idx_bytes(array: np.ndarray) -> bytes:
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    header = struct.pack(f">2x2B{array.ndim}I", code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_pictures(folder: Path, images: np.ndarray, suffix: str = "png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i}.{suffix}")
    return folder


def _zip_of_pictures(path: Path, images: np.ndarray) -> None:
    folder = write_pictures(path.with_suffix(".pictures"), images)
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"samples/{file.name}")


def _matlab73(path: Path, images: np.ndarray) -> None:
    with h5py.File(path, "w", userblock_size=512) as file:
        file["images"] = images.T
        file["images"].attrs["MATLAB_class"] = np.bytes_("uint8")
        file["note"] = np.frombuffer("a text".encode("utf-16-le"), np.uint16)
        file["note"].attrs["MATLAB_class"] = np.bytes_("char")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")


def _hdf5(path: Path, images: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("group/images", data=images, compression="gzip")
        file["name"] = "a text"


def _table(path: Path, images: np.ndarray) -> None:
    np.savetxt(path, images.reshape(len(images), -1), delimiter="\t" if path.suffix == ".tsv" else ",", fmt="%d")


WRITERS = {
    "x.npy": np.save,
    "x.npz": lambda path, images: np.savez(path, images=images, note=np.array("a text")),
    "packed.npz": lambda path, images: np.savez_compressed(path, images=images),
    "x.pt": lambda path, images: torch.save(torch.from_numpy(images), path),
    "table.pth": lambda path, images: torch.save({"samples": torch.from_numpy(images), "epoch": 3}, path),
    "x.safetensors": lambda path, images: safetensors.numpy.save_file({"images": images}, path),
    "x.idx": lambda path, images: path.write_bytes(idx_bytes(images)),
    "train-images-idx3-ubyte.gz": lambda path, images: path.write_bytes(gzip.compress(idx_bytes(images))),
    "x.mat": lambda path, images: savemat(path, {"images": images, "note": "a text"}),
    "packed.mat": lambda path, images: savemat(path, {"images": images}, do_compression=True),
    "new.mat": _matlab73,
    "x.h5": _hdf5,
    "x.csv": _table,
    "x.tsv": _table,
    "x.zip": _zip_of_pictures,
    "grid.png": lambda path, images: Image.fromarray(np.concatenate(list(images), axis=1)).save(path),
}
"""How a file of uint8 images `[n, height, width]` is written in each format, by its name."""


def everything(path: Path, max_bytes: int | None = None) -> dict[str, np.ndarray]:
    """All arrays of numbers in a file."""
    return read_chosen(path, lambda members: [n for n, m in members.items() if m.is_numeric], max_bytes)
