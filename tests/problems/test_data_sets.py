import gzip
import hashlib
import importlib.resources
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from course_lib.problems import DamagedDataError, digits, fashion_images, fashion_mnist
from course_lib.problems.subset import first_of_each_class, make_subset, write_subset

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
full = pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's dataset-fashion-mnist")
DATA = importlib.resources.files("course_lib.problems") / "data"


@pytest.mark.parametrize(
    ("load", "split", "m", "pixels"),
    [
        (fashion_mnist, "train", 6000, 784),
        (fashion_mnist, "test", 1000, 784),
        (digits, "train", 1442, 64),
        (digits, "test", 355, 64),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_types_and_ranges(load, split, m, pixels, dtype):
    x, y = load(split, dtype=dtype)
    assert (x.shape, y.shape) == ((m, pixels), (m,))
    assert (x.dtype, y.dtype) == (dtype, torch.int64)
    assert (x.min(), x.max()) == (0, 1)
    counts = y.bincount()
    assert len(counts) == 10
    assert counts.max() - counts.min() <= (0 if load is fashion_mnist else 8)


def test_loads_do_not_share_memory():
    fashion_mnist("test")[0].zero_()
    assert fashion_mnist("test")[0].max() == 1


def test_digits_are_split_without_overlap():
    from sklearn.datasets import load_digits

    rows = torch.cat([digits(split)[0] for split in ("train", "test")]).numpy() * 16
    assert sorted(map(tuple, rows)) == sorted(map(tuple, load_digits().data))


@full
def test_the_subset_is_made_from_the_full_files_as_its_script_says(tmp_path):
    with np.load(DATA / "fashion_mnist_subset.npz") as stored:
        made = make_subset(DEBIAN)
        assert set(stored) == set(made)
        assert all(np.array_equal(stored[name], made[name]) for name in made)
    digests = {write_subset(DEBIAN, tmp_path / "subset.npz") for _ in range(2)}
    assert len(digests) == 1


def test_the_first_of_each_class_keep_their_order():
    labels = np.array([2, 0, 2, 2, 0, 1, 0], np.uint8)
    assert first_of_each_class(labels, 2).tolist() == [0, 1, 2, 4, 5]


@full
def test_the_full_set_is_read_from_a_folder_packed_or_not(tmp_path):
    x, y = fashion_mnist("test", folder=DEBIAN)
    assert x.shape == (10_000, 784)
    assert y.bincount().tolist() == [1000] * 10
    for packed in DEBIAN.glob("t10k-*.gz"):
        (tmp_path / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    plain = fashion_mnist("test", folder=str(tmp_path))
    assert torch.equal(plain[0], x)
    assert torch.equal(plain[1], y)


def small_set(monkeypatch):
    """Four tiny idx files by name, with their checksums in place of the published ones."""
    files, known = {}, {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (2, 28, 28))
        labels = bytes([0, 0, 8, 1]) + (2).to_bytes(4, "big") + bytes([9, 4])
        contents = {
            f"{prefix}-images-idx3-ubyte": images + bytes(range(28)) * 56,
            f"{prefix}-labels-idx1-ubyte": labels,
        }
        files.update(contents)
        known[split] = {n: hashlib.sha256(c).hexdigest() for n, c in contents.items()}
    monkeypatch.setattr(fashion_images, "FULL_FILES", known)
    return files


def write_packed(files, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))


def test_pixels_are_bytes_over_255_in_rows(tmp_path, monkeypatch):
    write_packed(small_set(monkeypatch), tmp_path)
    x, y = fashion_mnist("train", folder=tmp_path)
    torch.testing.assert_close(x[0, :28], torch.arange(28) / 255)
    assert y.tolist() == [9, 4]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: packed[:-9], "cannot be unpacked"),
        (lambda packed: packed[: len(packed) // 2], "cannot be unpacked"),
        (lambda packed: b"<html>404</html>", "cannot be unpacked"),
        (lambda packed: b"", "damaged"),
        (lambda packed: packed[:20] + b"\xff\xff" + packed[22:], "cannot be unpacked|damaged"),
        (lambda packed: gzip.compress(gzip.decompress(packed)[:-1]), "damaged or not the file"),
    ],
)
def test_a_damaged_file_says_what_to_do(tmp_path, monkeypatch, damage, message):
    write_packed(small_set(monkeypatch), tmp_path)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DamagedDataError, match=message) as info:
        fashion_mnist("train", folder=tmp_path)
    assert str(file) in str(info.value)
    assert "put the original file there" in str(info.value)


def test_a_missing_file_or_folder_says_what_to_do(tmp_path, monkeypatch):
    write_packed(small_set(monkeypatch), tmp_path)
    (tmp_path / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"train-labels-idx1-ubyte.*put the original file"):
        fashion_mnist("train", folder=tmp_path)
    assert len(fashion_mnist("test", folder=tmp_path)[1]) == 2
    with pytest.raises(FileNotFoundError, match="folder must be a folder that exists"):
        fashion_mnist("train", folder=tmp_path / "none")


@pytest.mark.parametrize("cut", [0, 1000, -1])
def test_a_damaged_subset_says_to_install_again(tmp_path, monkeypatch, cut):
    (tmp_path / "data").mkdir()
    content = (DATA / "fashion_mnist_subset.npz").read_bytes()
    (tmp_path / "data" / "fashion_mnist_subset.npz").write_bytes(content[:cut])
    monkeypatch.setattr(fashion_images.resources, "files", lambda package: tmp_path)
    with pytest.raises(DamagedDataError, match=r"fashion_mnist_subset.npz .*install course_lib"):
        fashion_mnist("test")
    (tmp_path / "data" / "fashion_mnist_subset.npz").unlink()
    with pytest.raises(FileNotFoundError, match="missing from course_lib: install course_lib"):
        fashion_mnist("test")


def test_damaged_digits_are_refused(monkeypatch):
    from sklearn import datasets

    bunch = datasets.load_digits()
    bunch.data[3, 5] += 1
    monkeypatch.setattr(datasets, "load_digits", lambda: bunch)
    with pytest.raises(DamagedDataError, match="install scikit-learn again"):
        digits()


def test_download_goes_through_torchvision_and_is_verified(tmp_path, monkeypatch):
    files = small_set(monkeypatch)

    class FashionMNIST:
        def __init__(self, root, download):
            assert download
            write_packed(files, Path(root) / "FashionMNIST" / "raw")

    fake = types.ModuleType("torchvision.datasets")
    fake.FashionMNIST = FashionMNIST
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.datasets", fake)
    folder = tmp_path / "new"
    assert fashion_mnist("train", folder=folder, download=True)[1].tolist() == [9, 4]
    assert fashion_mnist("test", folder=folder)[1].tolist() == [9, 4]
    files["train-images-idx3-ubyte"] += b"!"
    with pytest.raises(DamagedDataError):
        fashion_mnist("train", folder=folder, download=True)


def test_download_without_torchvision_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'course-lib\[full-data\]'"):
        fashion_mnist("train", folder=tmp_path, download=True)


@pytest.mark.parametrize("load", [fashion_mnist, digits])
def test_wrong_arguments_are_named(load):
    with pytest.raises(ValueError, match="split must be 'train' or 'test', got 'valid'"):
        load("valid")
    with pytest.raises(ValueError, match="dtype must be a floating-point type"):
        load(dtype=torch.uint8)
    with pytest.raises(
        TypeError, match="dtype must be a floating-point type of torch, got 'float32'"
    ):
        load(dtype="float32")
    with pytest.raises(ValueError, match=r"split must be 'train' or 'test', got \['train'\]"):
        load(["train"])


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    files = small_set(monkeypatch)
    write_packed(files, tmp_path / "data")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fashion_mnist("train", folder="~/data")[1].tolist() == [9, 4]


def test_download_is_true_or_false(tmp_path):
    with pytest.raises(TypeError, match="download must be True or False, got 'no'"):
        fashion_mnist(folder=tmp_path, download="no")


def test_download_needs_a_folder():
    with pytest.raises(ValueError, match="download=True needs folder"):
        fashion_mnist(download=True)


def test_the_licence_lies_beside_the_data():
    assert "Permission is hereby granted" in (DATA / "LICENSE-fashion-mnist").read_text()
