"""Damage, lies and malice: every file gives numbers or a DataError, soon, and nothing else."""

from __future__ import annotations

import gzip
import io
import struct
import sys
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from written_formats import WRITERS, everything, write_pictures

from ganbench.datasets import read_array_file, read_samples
from ganbench.datasets.readers import apart, read_chosen
from ganbench.errors import DataError

IN_PROCESS = [name for name in WRITERS if not name.endswith((".mat", ".h5"))]
APART = [name for name in WRITERS if name not in IN_PROCESS]


@pytest.fixture
def images(rng) -> np.ndarray:
    return rng.integers(0, 256, (12, 6, 5), dtype=np.uint8)


def damaged(whole: bytes, rng: np.random.Generator, trial: int) -> bytes:
    """Cut off somewhere, a few bytes changed among the first or anywhere, or a stretch overwritten."""
    content = bytearray(whole)
    if trial % 4 == 0:
        return bytes(content[: int(rng.integers(len(whole)))])
    if trial % 4 == 3:
        start = int(rng.integers(len(whole)))
        content[start : start + 16] = rng.bytes(len(content[start : start + 16]))
        return bytes(content)
    reach = min(len(whole), 400) if trial % 4 == 1 else len(whole)
    for _ in range(int(rng.integers(1, 4))):
        content[int(rng.integers(reach))] = int(rng.integers(256))
    return bytes(content)


def outcomes(path: Path, whole: bytes, rng: np.random.Generator, n: int) -> tuple[int, int]:
    """How many of `n` damaged files were read, and how many refused; anything else fails the test."""
    refused = 0
    for trial in range(n):
        path.write_bytes(damaged(whole, rng, trial))
        message, started = "", time.monotonic()
        try:
            arrays = everything(path, max_bytes=2**26)
            assert sum(array.nbytes for array in arrays.values()) <= 2**26
        except DataError as error:
            message = str(error)
        assert time.monotonic() - started < 30
        assert message.isprintable()
        assert message == "" or str(path) in message
        refused += bool(message)
    return n - refused, refused


@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header parsing")
@pytest.mark.parametrize("name", IN_PROCESS)
def test_damaged_files_are_read_or_refused(tmp_path, images, rng, name):
    path = tmp_path / name
    WRITERS[name](path, images)
    assert outcomes(path, path.read_bytes(), rng, 60)[1] >= 5  # a cut table is a table


@pytest.mark.parametrize("name", APART)
def test_damaged_files_of_libraries_that_crash(tmp_path, images, rng, name):
    path = tmp_path / name
    WRITERS[name](path, images)
    assert outcomes(path, path.read_bytes(), rng, 4)[1] >= 1


def test_a_reader_that_crashes_hangs_or_takes_too_much_memory(tmp_path, images, monkeypatch):
    path = tmp_path / "x.mat"
    savemat(path, {"x": images})
    child = tmp_path / "child.py"
    monkeypatch.setattr(apart.child, "__file__", str(child))
    monkeypatch.setattr(apart, "_SECONDS", 5)
    for code, said in {
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)": r"its reader crashed \(signal 11\)",
        "import time; time.sleep(60)": "took longer than 5 seconds",
        "raise MemoryError('no memory\\x1b[2J')": r"MemoryError: no memory\\x1b\[2J",
    }.items():
        child.write_text(code)
        with pytest.raises(DataError, match=f"x.mat cannot be read: .*{said}"):
            everything(path)


def test_the_reading_process_finds_nothing_in_the_working_directory(tmp_path, images, monkeypatch):
    savemat(tmp_path / "x.mat", {"x": images})
    (tmp_path / "scipy.py").write_text("raise SystemExit('foreign code ran')")
    (tmp_path / "json.py").write_text("raise SystemExit('foreign code ran')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    assert np.array_equal(everything(tmp_path / "x.mat")["x"], images)


# Sizes


def _npy_header(shape: tuple[int, ...], dtype: str = "<f4") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def test_an_archive_that_expands_is_refused_before_it_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open("others.npy", "w", force_zip64=True) as file:
            file.write(_npy_header((12 * 2**20,)))
            for _ in range(48):
                file.write(bytes(2**20))
        archive.writestr("samples.npy", _npy_header((2, 2)) + bytes(16))
    assert (tmp_path / "bomb.npz").stat().st_size < 100_000
    with pytest.raises(DataError, match=r"declares 0\.0469 GiB of data, more than the limit of 0\.0312 GiB\. If "):
        read_array_file(tmp_path / "bomb.npz", max_bytes=2**25)
    assert read_samples(tmp_path / "bomb.npz", max_bytes=2**25).samples.shape == (2, 2)
    assert read_array_file(tmp_path / "bomb.npz", max_bytes=2**26)["others"].nbytes == 48 * 2**20


def test_the_limit_is_one_that_the_module_states(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.zeros((10, 10)))
    monkeypatch.setattr("ganbench.datasets.readers.MAX_BYTES", 799)
    with pytest.raises(DataError, match=r"declares 7\.45e-07 GiB"):
        read_samples(tmp_path / "x.npy")
    assert read_samples(tmp_path / "x.npy", max_bytes=800).samples.shape == (10, 10)


@pytest.mark.parametrize("shape", [(2**40,), (10**9, 10**9), (3, 4, 5), (-1, 5)])
def test_headers_that_promise_more_than_there_is(tmp_path, shape):
    content = _npy_header(shape) + bytes(16)
    (tmp_path / "x.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", content)
    (tmp_path / "x.idx").write_bytes(struct.pack(">I3I", 0x0803, 60_000, 28, 28) + bytes(100))
    (tmp_path / "x.idx.gz").write_bytes(gzip.compress((tmp_path / "x.idx").read_bytes()))
    for name in ("x.npy", "x.npz", "x.idx", "x.idx.gz"):
        with pytest.raises(DataError, match=f"{name} (is truncated|cannot be read).*(truncated|expected|declares)"):
            everything(tmp_path / name, max_bytes=2**62)


def test_idx_that_expands_is_refused(tmp_path):
    (tmp_path / "x.idx.gz").write_bytes(gzip.compress(struct.pack(">I3I", 0x0803, 600, 280, 280) + bytes(600 * 280**2)))
    with pytest.raises(DataError, match="more than the limit"):
        everything(tmp_path / "x.idx.gz", max_bytes=2**20)


def test_a_tensor_that_is_larger_than_its_storage(tmp_path):
    torch.save(torch.zeros(1).expand(2**20, 2**20), tmp_path / "x.pt")
    with pytest.raises(DataError, match=r"declares 8\.19e.03 GiB of data, more than the limit of 4 GiB"):
        everything(tmp_path / "x.pt")
    torch.save([[torch.zeros(1)] * 3000] * 3000, tmp_path / "x.pt")  # nine million entries in a small file
    assert len(everything(tmp_path / "x.pt")) == 10_000


def test_a_compressed_archive_of_tensors_is_none_of_torchs(tmp_path):
    torch.save(torch.zeros(1000), tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "y.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match=r"y.pt was not written by torch.save: its members are compressed"):
        everything(tmp_path / "y.pt")


def test_matlab_and_hdf5_that_expand_are_refused(tmp_path):
    import h5py

    savemat(tmp_path / "x.mat", {"x": np.zeros((2**11, 2**11))}, do_compression=True)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", (2**40,), "u1", chunks=(2**20,))
    for name in ("x.mat", "x.h5"):
        assert (tmp_path / name).stat().st_size < 100_000
        with pytest.raises(DataError, match=f"{name} declares .* GiB of data, more than the limit"):
            everything(tmp_path / name, max_bytes=2**24)


def test_a_picture_that_expands_is_refused(tmp_path):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">2I5B", 9000, 9000, 8, 0, 0, 0, 0))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")))
    with pytest.raises(DataError, match=r"p declares 0\.0754 GiB of data, more than the limit"):
        everything(tmp_path / "p", max_bytes=2**26)
    header = chunk(b"IHDR", struct.pack(">2I5B", 2**30, 2**30, 8, 0, 0, 0, 0))
    (tmp_path / "p" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")))
    with pytest.raises(DataError, match=r"0.png cannot be read as a picture: .*bomb"):
        everything(tmp_path / "p")


def test_only_the_wanted_member_is_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "x.npz", samples=np.zeros((4, 9)), others=np.zeros((10, 9)), labels=np.arange(4))
    read, original = [], np.lib.format.read_array
    monkeypatch.setattr(np.lib.format, "read_array", lambda *a, **k: read.append(original(*a, **k)) or read[-1])
    assert read_samples(tmp_path / "x.npz").labels.tolist() == [0, 1, 2, 3]
    assert [array.shape for array in read] == [(4, 9), (4,)]


# Archives


def _encrypt(path: Path) -> None:
    """Say of every member that it is encrypted, as the flags of an archive do."""
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        position = content.find(mark)
        while position >= 0:
            content[position + offset] |= 1
            position = content.find(mark, position + 1)
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["x.npz", "x.zip", "x.pt"])
def test_encrypted_archives_are_refused(tmp_path, images, name):
    WRITERS[name](tmp_path / name, images)
    _encrypt(tmp_path / name)
    with pytest.raises(DataError, match=f"{name}.*encrypted"):
        read_array_file(tmp_path / name)


def test_names_in_archives_are_no_paths_and_are_printed_without_control_characters(tmp_path, images):
    picture = io.BytesIO()
    Image.fromarray(images[0]).save(picture, "png")
    names = ["../../up.png", "/etc/absolute.png", "a\x1b[2J\n.png"]
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, picture.getvalue())
    before = sorted(tmp_path.rglob("*"))
    assert len(everything(tmp_path / "x.zip")["images"]) == 3
    assert sorted(tmp_path.rglob("*")) == before
    with zipfile.ZipFile(tmp_path / "x.zip", "a") as archive:
        archive.writestr("\x1b[31mred\n.png", b"nothing")
    with pytest.raises(DataError) as caught:
        everything(tmp_path / "x.zip")
    assert str(caught.value).isprintable()
    np.savez(tmp_path / "x.npz", **{"a\x1b[2J": np.array(["text"]), "b\n": np.array(["text"])})
    with pytest.raises(DataError) as caught:
        read_array_file(tmp_path / "x.npz")
    assert str(caught.value).isprintable()


def test_a_folder_that_may_not_be_read_and_one_full_of_links(tmp_path, images):
    folder = write_pictures(tmp_path / "p", images)
    (folder / "loop").symlink_to(folder)
    (folder / "gone.png").symlink_to(tmp_path / "nowhere")
    assert len(everything(folder)["images"]) == 12
    assert read_chosen(folder, lambda members: []) == {}
