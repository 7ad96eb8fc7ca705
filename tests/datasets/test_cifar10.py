"""Python batches of CIFAR-10 and the paper's contrast normalisation."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile

import numpy as np
import pytest

from ganbench.datasets.base import content_checksum
from ganbench.datasets.cifar10 import _MD5, global_contrast_normalise, load
from ganbench.errors import DataError, MissingDataError

_NAMES = ("data_batch_1", "data_batch_2", "test_batch")


def _python2_pickle(data: np.ndarray) -> bytes:
    """A batch as Python 2 wrote it: byte strings as keys, and 0 and 1 for the flags of the dtype."""
    content = pickle.dumps({b"data": data, b"labels": [int(row[0]) % 10 for row in data]}, protocol=2)
    flags, as_integers = b"\x89\x88\x87", b"K\x00K\x01\x87"
    assert content.count(flags) == 1
    return content.replace(flags, as_integers)


@pytest.fixture
def batches(random_levels) -> dict[str, np.ndarray]:
    return {name: random_levels(4, 3072) for name in _NAMES}


@pytest.fixture
def write(tmp_path):
    """Writes batches and returns what they hash to."""

    def save(batches):
        folder = tmp_path / "cifar-10-batches-py"
        folder.mkdir(exist_ok=True)
        content = {name: _python2_pickle(data) for name, data in batches.items()}
        for name, text in content.items():
            (folder / name).write_bytes(text)
        return {name: hashlib.md5(text).hexdigest() for name, text in content.items()}

    return save


def _normalised(rows: np.ndarray) -> np.ndarray:
    """The formula, one image at a time."""
    images = []
    for row in rows.astype(float):
        centred = row - sum(row) / 3072
        images.append(55 * centred / np.sqrt(sum(centred**2)))
    return np.array(images).reshape(-1, 3, 32, 32)


def test_round_trip(tmp_path, batches, write):
    data = load(tmp_path, md5=write(batches), n_train=6)
    (split,) = data.splits
    train = np.concatenate([batches["data_batch_1"], batches["data_batch_2"]])
    # float32 carries values of about 1 with a rounding of 2 ** -24
    np.testing.assert_allclose(split.train, _normalised(train[:6]), rtol=2**-23, atol=1e-12)
    np.testing.assert_allclose(split.valid, _normalised(train[6:]), rtol=2**-23, atol=1e-12)
    np.testing.assert_allclose(split.test, _normalised(batches["test_batch"]), rtol=2**-23, atol=1e-12)
    assert (data.event_shape, data.value_range, split.name) == ((3, 32, 32), (-55.0, 55.0), "standard")
    assert data.checksum == content_checksum(train.reshape(-1, 3, 32, 32), batches["test_batch"].reshape(-1, 3, 32, 32))
    assert split.train_labels.tolist() == (train[:6, 0] % 10).tolist()
    assert split.valid_labels.tolist() == (train[6:, 0] % 10).tolist()
    assert split.test_labels.tolist() == (batches["test_batch"][:, 0] % 10).tolist()


def _pack(folder, leave_out: str = "") -> bytes:
    """The batches as the archive has them, with a file that no one asks for."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("batches.meta", *reversed(_NAMES)):
            content = (folder / name).read_bytes() if name in _NAMES else b"names"
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            if name != leave_out:
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_a_bare_folder_and_the_archive_are_the_same_data(tmp_path, batches, write):
    md5 = write(batches)
    folder = tmp_path / "cifar-10-batches-py"
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed" / "cifar-10-python.tar.gz").write_bytes(_pack(folder))
    first, *others = (load(root, md5=md5, n_train=6) for root in (tmp_path, folder, tmp_path / "packed"))
    for other in others:
        assert other.checksum == first.checksum
        assert other.splits[0].valid_checksum == first.splits[0].valid_checksum
        assert other.splits[0].labels_checksum("train") == first.splits[0].labels_checksum("train")
    assert [path.name for path in (tmp_path / "packed").iterdir()] == ["cifar-10-python.tar.gz"]


def test_a_damaged_archive_is_refused(tmp_path, batches, write, monkeypatch):
    md5 = write(batches)
    folder = tmp_path / "cifar-10-batches-py"
    (tmp_path / "packed").mkdir()
    path = tmp_path / "packed" / "cifar-10-python.tar.gz"
    whole = _pack(folder)
    for content in (b"", b"no archive", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{path} (cannot be unpacked|lacks).*--download"):
            load(path.parent, md5=md5)
    path.write_bytes(_pack(folder, leave_out="test_batch"))
    with pytest.raises(DataError, match=f"{path} lacks test_batch"):
        load(path.parent, md5=md5)
    path.write_bytes(whole)
    monkeypatch.setattr(pickle, "loads", lambda *a, **k: pytest.fail("unpickled"))
    with pytest.raises(DataError, match=r"data_batch_2 .* is not the known file"):
        load(path.parent, md5=md5 | {"data_batch_2": "0" * 32})


def test_a_download_is_read(tmp_path, batches, write, served, monkeypatch):
    md5 = write(batches)
    content = _pack(tmp_path / "cifar-10-batches-py")
    (served[0] / "c.tar.gz").write_bytes(content)
    monkeypatch.setattr("ganbench.datasets.cifar10._URL", f"{served[1]}c.tar.gz")
    monkeypatch.setattr("ganbench.datasets.cifar10._ARCHIVE_MD5", hashlib.md5(content).hexdigest())
    data = load(tmp_path / "new", download=True, md5=md5, n_train=6)
    assert data.checksum == load(tmp_path, md5=md5, n_train=6).checksum


def test_a_batch_that_is_missing_is_named(tmp_path, batches, write):
    md5 = write(batches)
    path = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    path.unlink()
    with pytest.raises(MissingDataError, match=f"missing: looked for {path}, {tmp_path}/data_batch_2"):
        load(tmp_path, md5=md5)


def test_normalised_images_have_mean_zero_and_norm_55(random_levels):
    images = global_contrast_normalise(random_levels(2_003, 3, 4, 4))  # more than one chunk
    rows = images.reshape(len(images), -1).astype(np.float64)
    assert images.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 55, rtol=1e-6)
    np.testing.assert_allclose(rows.mean(1), 0, atol=1e-5)


def test_an_image_of_one_grey_becomes_zero():
    assert not global_contrast_normalise(np.full((2, 3, 32, 32), 200, np.uint8)).any()


def test_the_most_extreme_image_stays_in_range():
    image = np.zeros((1, 3, 32, 32), np.uint8)
    image[0, 1, 2, 3] = 255
    assert np.abs(global_contrast_normalise(image)).max() <= 55


def test_a_batch_is_not_unpickled_before_its_md5_is_known(tmp_path, batches, write, monkeypatch):
    write(batches)
    monkeypatch.setattr(pickle, "loads", lambda *a, **k: pytest.fail("unpickled"))
    with pytest.raises(DataError, match="expected md5 c99cafc152244af753f735de768cd75f, found"):
        load(tmp_path, md5={name: _MD5[name] for name in _NAMES})


def test_a_truncated_batch_is_refused(tmp_path, batches, write):
    md5 = write(batches)
    path = tmp_path / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=f"{path} \\(100 bytes\\) is not the known file"):
        load(tmp_path, md5=md5)


def test_rows_of_another_length_are_refused(tmp_path, batches, write):
    md5 = write({**batches, "data_batch_2": batches["data_batch_2"][:, :-1]})
    with pytest.raises(DataError, match=r"rows of 3072 values, found uint8 \(4, 3071\)"):
        load(tmp_path, md5=md5)


def test_present_batches_are_not_downloaded_again(tmp_path, batches, write, monkeypatch):
    monkeypatch.setattr("pooch.retrieve", lambda *a, **k: pytest.fail("downloaded"))
    assert load(tmp_path, download=True, md5=write(batches), n_train=6).name == "cifar10"


def test_the_known_files_are_those_of_torchvision():
    from torchvision.datasets import CIFAR10

    from ganbench.datasets.cifar10 import _ARCHIVE, _ARCHIVE_MD5, _URL

    assert (CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5) == (_URL, _ARCHIVE, _ARCHIVE_MD5)
    assert list(_MD5.items()) == [tuple(pair) for pair in CIFAR10.train_list + CIFAR10.test_list]


class _Foreign:
    """Unpickling it ends the test."""

    def __reduce__(self):
        return pytest.fail, ("foreign code ran",)


@pytest.mark.parametrize(
    "content",
    [_Foreign(), {b"data": _Foreign()}, {b"labels": [1]}, [1]],
    ids=["code", "code-inside", "no-data", "list"],
)
def test_foreign_code_in_a_batch_of_a_known_hash_is_not_run(tmp_path, batches, write, content):
    md5 = write(batches)
    text = pickle.dumps(content, protocol=2)
    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(text)
    with pytest.raises(DataError, match="data_batch_1 is no batch of CIFAR-10: "):
        load(tmp_path, md5=md5 | {"data_batch_1": hashlib.md5(text).hexdigest()})
