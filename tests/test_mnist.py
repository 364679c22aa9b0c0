import gzip
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mbgd_lib import mnist
from mbgd_lib.mnist import center_digit, load_mnist, shrink

needs_all_of_mnist = pytest.mark.skipif(
    not os.environ.get("MNIST_DIR"), reason="MNIST_DIR names no folder with all of MNIST"
)

# How often each digit occurs, from 0 to 9.
COUNTS = {
    ("sample", "train"): [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978],
    ("sample", "test"): [175, 234, 219, 207, 217, 179, 178, 205, 192, 194],
    ("full", "train"): [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    ("full", "test"): [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
# Of the bytes of images and labels, in the original order.
MD5 = {
    ("sample", "train"): ("3b1134527863a2810c134121a397e522", "4e5ed25342142b5a6e575a1678cbdca3"),
    ("sample", "test"): ("2a02fb5b5825ef9f473de0f9304a16a1", "33124b0d15ec0dcf356d9b259bee4dc6"),
    ("full", "train"): ("6510e85a72c3e9475c492d559d3770d2", "e86ee40d66677c011a9abda399ec8c4d"),
    ("full", "test"): ("240610fa99e73bfa49df8e7fc24d3206", "073c3904dfbd3e141ff8aa01cfde6b15"),
}
FIRST_LABELS = {
    "train": [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
    "test": [7, 2, 1, 0, 4, 1, 4, 9, 5, 9],
}


def md5(content):
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def write_gzip(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, compresslevel=1))


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("which", ["sample", pytest.param("full", marks=needs_all_of_mnist)])
def test_images_and_labels_are_those_of_the_public_record(which, split):
    images, labels = load_mnist(which, split=split)

    n = sum(COUNTS[which, split])
    assert (images.shape, images.dtype) == ((n, 784), np.uint8)
    assert (labels.shape, labels.dtype) == ((n,), np.int64)
    assert np.bincount(labels).tolist() == COUNTS[which, split]
    assert labels[:10].tolist() == FIRST_LABELS[split]
    assert (md5(images), md5(labels.astype(np.uint8))) == MD5[which, split]


@needs_all_of_mnist
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("digits", [None, (0, 1)])
def test_sample_is_the_beginning_of_all(split, digits):
    images, labels = load_mnist("sample", split=split, digits=digits)

    all_images, all_labels = load_mnist("full", split=split, digits=digits)

    assert np.array_equal(images, all_images[: len(images)])
    assert np.array_equal(labels, all_labels[: len(labels)])


@pytest.mark.parametrize("which", ["sample", pytest.param("full", marks=needs_all_of_mnist)])
def test_first_thousand_zeros_and_ones_are_the_rows_of_tutorial_003(which):
    images, labels = load_mnist(which, digits=(0, 1))

    # Computed from the original files as the tutorial does: y in {0, 1}, then the first 1,000.
    assert np.bincount(labels[:1000]).tolist() == [462, 538]
    assert md5(images[:1000]) == "77fcb0c92a0f60a3940557914edcda70"


def test_defaults_are_the_training_part_of_the_sample():
    images, labels = load_mnist()

    assert len(images) == len(labels) == 10_000


@pytest.fixture(scope="module")
def all_of_the_test_split():
    return load_mnist(split="test")


@pytest.mark.parametrize(
    "digits", [(3, 8), [8, 3], {3, 8}, (3, 8, 3), np.array([3, 8]), np.array([3, 8], np.uint8)]
)
def test_digits_keep_their_images_in_the_original_order(all_of_the_test_split, digits):
    all_images, all_labels = all_of_the_test_split
    kept = [i for i, label in enumerate(all_labels) if label in (3, 8)]

    images, labels = load_mnist(split="test", digits=digits)

    assert np.array_equal(images, all_images[kept])
    assert np.array_equal(labels, all_labels[kept])


def test_one_digit_is_enough():
    images, labels = load_mnist(split="test", digits=[0])

    assert images.shape == (175, 784)
    assert set(labels) == {0}


def test_all_digits_are_the_whole_split():
    assert np.array_equal(load_mnist(digits=range(10))[0], load_mnist()[0])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"which": "all"}, ValueError, "which must be one of 'sample', 'full', not 'all'"),
        ({"which": None}, ValueError, "which must be one of 'sample', 'full', not None"),
        ({"split": "valid"}, ValueError, "split must be one of 'train', 'test', not 'valid'"),
        ({"digits": (0, 10)}, ValueError, "each of digits must be from 0 to 9, not 10"),
        ({"digits": (-1,)}, ValueError, "each of digits must be from 0 to 9, not -1"),
        ({"digits": ()}, ValueError, "digits must hold a whole number from 0 to 9, not be ()"),
        (
            {"digits": 3},
            TypeError,
            "digits must be a collection of whole numbers from 0 to 9 or None, not 3",
        ),
        (
            {"digits": "01"},
            TypeError,
            "each of digits must be a whole number from 0 to 9, not '0'",
        ),
        (
            {"digits": [0.5]},
            TypeError,
            "each of digits must be a whole number from 0 to 9, not 0.5",
        ),
        (
            {"digits": [True, False]},
            TypeError,
            "each of digits must be a whole number from 0 to 9, not True",
        ),
    ],
)
def test_bad_arguments_are_named_with_what_is_allowed(arguments, error, message):
    with pytest.raises(error) as caught:
        load_mnist(**arguments)

    assert str(caught.value) == message


def assert_ours_to_change(load):
    for digits in [None, (0, 1)]:
        images, labels = load(digits=digits)
        before = images.copy(), labels.copy()
        for array in (images, labels):
            assert array.flags.c_contiguous
            array[:] = 77

        again = load(digits=digits)

        assert np.array_equal(again[0], before[0])
        assert np.array_equal(again[1], before[1])


def test_arrays_of_the_sample_are_ours_to_change():
    assert_ours_to_change(load_mnist)


# --- the shipped file ---


@needs_all_of_mnist
def test_sample_is_rebuilt_byte_for_byte():
    assert mnist.build_sample(Path(os.environ["MNIST_DIR"])) == mnist.SAMPLE.read_bytes()


@needs_all_of_mnist
def test_command_rebuilds_the_sample(tmp_path):
    # In a copy of the package: the file that other tests read shall stay as it is.
    shutil.copytree(mnist.SAMPLE.parent, tmp_path / "mbgd_lib", ignore=lambda *_: ["__pycache__"])
    copy = tmp_path / "mbgd_lib" / mnist.SAMPLE.name
    copy.unlink()

    environment = {**os.environ, "MNIST_DIR": str(Path(os.environ["MNIST_DIR"]).absolute())}
    command = [sys.executable, "-m", "mbgd_lib.mnist"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)

    assert copy.read_bytes() == mnist.SAMPLE.read_bytes()


def test_sample_is_small_and_has_its_licence_beside_it():
    licence = mnist.SAMPLE.with_name("mnist_sample_LICENSE.txt").read_text(encoding="utf-8")

    assert mnist.SAMPLE.stat().st_size < 2_500_000
    for word in ["LeCun", "Cortes", "Burges", "https://creativecommons.org/licenses/by-sa/3.0/"]:
        assert word in licence


# --- "full", from the original files ---


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four small idx files, plain, in the folder that MNIST_DIR names."""
    rng = np.random.default_rng(0)
    for prefix, n in [("train", 60), ("t10k", 10)]:
        pixels = rng.integers(256, size=(n, 784), dtype=np.uint8)
        labels = np.arange(n, dtype=np.uint8) % 10
        size = n.to_bytes(4, "big")
        line = (28).to_bytes(4, "big")
        contents = {
            f"{prefix}-images-idx3-ubyte": b"\0\0\x08\x03" + size + 2 * line + pixels.tobytes(),
            f"{prefix}-labels-idx1-ubyte": b"\0\0\x08\x01" + size + labels.tobytes(),
        }
        for name, content in contents.items():
            (tmp_path / name).write_bytes(content)
            monkeypatch.setitem(mnist.IDX_MD5, name, md5(content))
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    return tmp_path


def zip_files(folder, keep_plain=False):
    for path in list(folder.iterdir()):
        write_gzip(path.with_name(f"{path.name}.gz"), path.read_bytes())
        if not keep_plain:
            path.unlink()


@pytest.mark.parametrize(("split", "prefix", "n"), [("train", "train", 60), ("test", "t10k", 10)])
@pytest.mark.parametrize("zipped", [False, True])
def test_original_files_are_read_plain_or_zipped(folder, split, prefix, n, zipped):
    content = (folder / f"{prefix}-images-idx3-ubyte").read_bytes()
    if zipped:
        zip_files(folder)

    images, labels = load_mnist("full", split=split)

    assert (images.shape, images.dtype) == ((n, 784), np.uint8)
    assert images.tobytes() == content[16:]
    assert labels.dtype == np.int64
    assert labels.tolist() == [i % 10 for i in range(n)]


@needs_all_of_mnist
def test_real_files_are_read_plain_or_zipped(tmp_path, monkeypatch):
    for name in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]:
        original = Path(os.environ["MNIST_DIR"])
        zipped, plain = original / f"{name}.gz", original / name
        content = plain.read_bytes() if plain.exists() else gzip.decompress(zipped.read_bytes())
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))

    plain = load_mnist("full", split="test")
    zip_files(tmp_path)
    zipped = load_mnist("full", split="test")

    for images, labels in (plain, zipped):
        assert (md5(images), md5(labels.astype(np.uint8))) == MD5["full", "test"]


def test_digits_are_kept_of_the_original_files_too(folder):
    images, labels = load_mnist("full", digits=(0, 1))

    assert labels.tolist() == [0, 1] * 6
    assert np.array_equal(images, load_mnist("full")[0][np.arange(60) % 10 < 2])


def test_arrays_of_the_original_files_are_ours_to_change(folder):
    assert_ours_to_change(lambda digits: load_mnist("full", digits=digits))


@pytest.mark.parametrize("name", list(mnist.IDX_MD5))
def test_missing_file_is_named_with_its_folder(folder, name):
    (folder / name).unlink()

    with pytest.raises(FileNotFoundError) as caught:
        load_mnist("full", split="train" if name.startswith("train") else "test")

    assert str(caught.value) == (
        "MNIST_DIR must name a folder with MNIST's four original files, but "
        f"{folder} has neither {name} nor {name}.gz"
    )


def test_missing_folder_is_named_in_full(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MNIST_DIR", "nowhere")

    with pytest.raises(FileNotFoundError) as caught:
        load_mnist("full")

    assert f"but {folder / 'nowhere'} has neither train-images-idx3-ubyte nor" in str(caught.value)


def cut(content):
    return content[: len(content) // 2]


def flip_a_bit(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def garble(content):
    return content[:10] + b"\xff" * 10 + content[20:]  # a zipped file's header has 10 bytes


def empty(content):
    return b""


def replace(content):
    return b"<html>Not found</html>"


@pytest.mark.parametrize("damage", [cut, flip_a_bit, garble, empty, replace])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_damaged_file_is_named(folder, name, ending, damage):
    expected = mnist.IDX_MD5[name]
    if ending:
        zip_files(folder)
    path = folder / f"{name}{ending}"
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(OSError, match="damaged") as caught:
        load_mnist("full")

    assert str(caught.value) == (
        "MNIST_DIR must name a folder with MNIST's four original files, but "
        f"{path} is damaged: the md5 of its content is not {expected}"
    )


def test_a_split_needs_its_own_two_files_alone(folder):
    for path in folder.glob("train*"):
        path.unlink()

    assert len(load_mnist("full", split="test")[0]) == 10


# --- "full", from OpenML: scikit-learn's own code, over its cache, without a network ---


@pytest.fixture
def no_network(monkeypatch):
    """Let every host be unknown, as on a machine that is offline; list who was asked for."""
    asked = []

    def unknown(host, *_, **__):
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: unknown(address))
    monkeypatch.setattr(time, "sleep", lambda _: None)  # scikit-learn waits before it asks again
    return asked


@pytest.fixture
def empty_cache(tmp_path, monkeypatch, no_network):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    mnist._fetch_openml.cache_clear()
    yield tmp_path / "openml" / "openml.org"
    mnist._fetch_openml.cache_clear()


# The rows are as many as OpenML's, so that the split is the real one. Their pixels are three, not
# 784, so that parsing takes a second, not a minute; they spell the number of the row.
ROWS = np.arange(70_000)
PIXELS = np.stack([ROWS // 256**2, ROWS // 256 % 256, ROWS % 256], axis=1)
LABELS = ROWS // 7 % 10
ARFF = "data/v1/download/52667.gz"


def feature(index, name, data_type):
    return {
        "index": str(index),
        "name": name,
        "data_type": data_type,
        "is_target": "true" if name == "class" else "false",
        "is_ignore": "false",
        "is_row_identifier": "false",
        "number_of_missing_values": "0",
    }


@pytest.fixture
def cache(empty_cache):
    """What scikit-learn keeps after a download, where it keeps it."""
    names = ["pixel1", "pixel2", "pixel3"]
    header = ["@RELATION mnist_784", *(f"@ATTRIBUTE {name} real" for name in names)]
    header += ["@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA"]
    lines = [",".join(map(str, row)) for row in np.column_stack([PIXELS, LABELS]).tolist()]
    arff = "\n".join([*header, *lines, ""]).encode()
    dataset = {"did": 554, "name": "mnist_784", "version": 1, "status": "active"}
    description = {
        **dataset,
        "description": "MNIST",
        "format": "ARFF",
        "url": "https://www.openml.org/data/v1/download/52667",
        "file_id": "52667",  # by which older versions of scikit-learn find the same place
        "md5_checksum": md5(arff),
    }
    features = [feature(i, name, "numeric") for i, name in enumerate(names)]
    features.append(feature(3, "class", "nominal"))
    answers = {
        "list/data_name/mnist_784/limit/2/data_version/1": {"data": {"dataset": [dataset]}},
        "554": {"data_set_description": description},
        "features/554": {"data_features": {"feature": features}},
        "qualities/554": {
            "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": "70000.0"}]}
        },
    }
    for path, answer in answers.items():
        write_gzip(empty_cache / "api/v1/json/data" / f"{path}.gz", json.dumps(answer).encode())
    write_gzip(empty_cache / ARFF, arff)
    return empty_cache


def test_openml_rows_come_from_the_cache_in_order(cache, no_network):
    for split, part in [("train", slice(0, 60_000)), ("test", slice(60_000, 70_000))]:
        images, labels = load_mnist("full", split=split)

        assert images.dtype == np.uint8
        assert images.flags.c_contiguous
        assert np.array_equal(images, PIXELS[part])
        assert labels.dtype == np.int64
        assert np.array_equal(labels, LABELS[part])
    assert no_network == []


def test_openml_rows_are_ours_to_change_and_filtered_by_digits(cache):
    images, labels = load_mnist("full", split="test", digits=(0, 1))
    kept = (ROWS >= 60_000) & (LABELS < 2)
    assert np.array_equal(images, PIXELS[kept])
    assert np.array_equal(labels, LABELS[kept])

    assert_ours_to_change(lambda digits: load_mnist("full", digits=digits))


def test_empty_mnist_dir_counts_as_unset(cache, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", "")

    assert len(load_mnist("full", split="test")[0]) == 10_000


ADVICE = (
    "Use the 'sample', set MNIST_DIR to a folder with MNIST's four original files, "
    "or connect to the internet once: scikit-learn keeps what it downloads"
)


def test_without_network_and_cache_the_error_says_what_to_do(empty_cache, no_network):
    with (
        pytest.warns(UserWarning, match="A network error occurred"),
        pytest.raises(OSError, match="Temporary failure in name resolution") as caught,
    ):
        load_mnist("full")

    assert str(caught.value).startswith("all of MNIST could not be had from OpenML (")
    assert str(caught.value).endswith(ADVICE)
    assert no_network  # OpenML, or a proxy on the way to it, was asked for
    assert len(load_mnist("sample")[0]) == 10_000


@pytest.mark.filterwarnings("ignore:A network error occurred")
def test_damaged_cache_without_network_gives_the_same_advice(cache, no_network):
    write_gzip(cache / ARFF, b"<html>Please log in</html>")

    with (
        pytest.warns(RuntimeWarning, match="Invalid cache, redownloading"),
        pytest.raises(OSError, match="name resolution") as caught,
    ):
        load_mnist("full")

    assert str(caught.value).endswith(ADVICE)


def test_data_that_scikit_learn_refuses_give_the_same_advice(cache):
    features = cache / "api/v1/json/data/features/554.gz"
    text = gzip.decompress(features.read_bytes()).decode()
    damaged = text.replace('"number_of_missing_values": "0"', '"number_of_missing_values": "9"')
    write_gzip(features, damaged.encode())

    with pytest.raises(OSError, match="'class' has 9 missing values") as caught:
        load_mnist("full")

    assert str(caught.value).endswith(ADVICE)


# --- center_digit ---


def centre_of_mass(image):
    image = image.astype(float)
    lines = np.arange(len(image))
    return np.array([image.sum(axis=1) @ lines, image.sum(axis=0) @ lines]) / image.sum()


def test_mnists_own_images_stay_where_they_are():
    images, _ = load_mnist("sample", split="test")
    pictures = images[:500].reshape(-1, 28, 28)
    for picture in pictures:
        assert np.array_equal(center_digit(picture), picture)


@pytest.mark.parametrize("factor", [2, 5, 10])
def test_a_digit_drawn_larger_and_elsewhere_comes_back(factor):
    images, _ = load_mnist("sample", split="test")
    rng = np.random.default_rng(factor)
    for picture in images[:20].reshape(-1, 28, 28):
        sheet = np.zeros((40 * factor, 50 * factor))
        down, right = rng.integers(0, [12 * factor, 22 * factor], endpoint=True)
        large = np.kron(picture, np.ones((factor, factor)))
        sheet[down : down + 28 * factor, right : right + 28 * factor] = large
        assert np.array_equal(center_digit(sheet), picture)


@pytest.mark.parametrize("shape", [(3, 100), (100, 3), (37, 53), (1, 1), (20, 20)])
def test_ink_fits_the_box_keeps_its_proportions_and_lies_at_the_centre(shape):
    sheet = np.zeros((200, 300), dtype=np.uint8)
    sheet[11 : 11 + shape[0], 150 : 150 + shape[1]] = 200
    digit = center_digit(sheet)
    height, width = (np.ptp(np.flatnonzero(digit.any(axis=axis))) + 1 for axis in (1, 0))
    assert max(height, width) == 20
    assert min(height, width) == max(1, round(20 * min(shape) / max(shape)))
    assert np.abs(centre_of_mass(digit) - 14).max() <= 0.5
    assert digit.dtype == np.uint8
    assert digit.max() == 200, "a solid patch stays as dark as it is"


def test_ink_far_from_its_centre_of_mass_is_not_cut_off():
    sheet = np.zeros((60, 60))
    sheet[:, :9] = 3  # a faint line, and a heavy blot at one end of it
    sheet[-9:, :9] = 255
    digit = center_digit(sheet)
    assert digit.shape == (28, 28)
    assert digit.sum() == pytest.approx(sheet.sum() / 9)
    assert digit[0].any(), "the box touches the rim"


def test_center_digit_refuses():
    with pytest.raises(ValueError, match="image must hold some ink"):
        center_digit(np.zeros((28, 28)))
    with pytest.raises(ValueError, match="image must hold numbers from 0 to 255, but holds 256"):
        center_digit(np.full((5, 5), 256))
    with pytest.raises(ValueError, match="image must have 2 dimension"):
        center_digit(np.zeros(784))
    faint = np.zeros((2000, 2000))
    faint[0, 0] = faint[-1, -1] = 2
    with pytest.raises(ValueError, match="image must hold more ink"):
        center_digit(faint)


@pytest.mark.parametrize("whole", [True, 1, 1.0, 0.5])
def test_center_digit_refuses_images_from_0_to_1(whole):
    image = np.zeros((28, 28), dtype=type(whole))
    image[8:20, 10:14] = whole
    with pytest.raises(ValueError, match=r"^image must .* none is above 1: multiply it by 255$"):
        center_digit(image)


def test_shrunk_images_are_means_of_two_by_two_pixels():
    images, _ = load_mnist("sample")
    small = shrink(images[:3])
    assert small.dtype == np.float32
    by_hand = images[1].reshape(28, 28)[10:12, 14:16].mean() / 255
    assert by_hand > 0
    assert small[1].reshape(14, 14)[5, 7] == pytest.approx(by_hand)
    with pytest.raises(ValueError, match=r"shape \(n, 784\), not \(784,\)"):
        shrink(images[0])
