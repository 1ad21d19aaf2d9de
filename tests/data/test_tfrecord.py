# SPDX-License-Identifier: Apache-2.0
"""Record files of images, damaged ones too."""

import numpy as np
import pytest
from record_files import image, load, png, record, write

from cl_keras import data


@pytest.mark.slow
def test_file_folder_and_pattern(tmp_path):
    write(tmp_path / "a.tfrecord", [record(png(i), i % 2) for i in range(3)])
    write(tmp_path / "b.tfrecord-00000-of-00001", [record(png(7), 1, key="image")])
    write(tmp_path / "c.tfrecord.gz", [record(png(9), 0)], "GZIP")
    (tmp_path / "readme.txt").write_text("not looked at")
    got = load(f"tfrecord:{tmp_path}")
    assert got.ids == (
        *("a.tfrecord:0", "a.tfrecord:1", "a.tfrecord:2"),
        *("b.tfrecord-00000-of-00001:0", "c.tfrecord.gz:0"),
    )
    assert got.labels.tolist() == [0, 1, 0, 1, 0] and got.class_names is None
    for found, value in zip(got.images, (0, 1, 2, 7, 9), strict=True):
        np.testing.assert_array_equal(found, image(value))
    assert len(load(f"tfrecord:{tmp_path}/a.tfrecord")) == 3
    assert len(load(f"tfrecord:{tmp_path}/[ab].*")) == 4
    assert data.modality(f"tfrecord:{tmp_path}") == "image"


@pytest.mark.slow
def test_it_is_found_under_cl_keras_data(tmp_path, monkeypatch):
    write(tmp_path / "tfrecord" / "pets" / "a.tfrecord", [record(png(1))])
    monkeypatch.setenv("CL_KERAS_DATA", str(tmp_path))
    assert len(load("tfrecord:pets")) == 1
    with pytest.raises(ValueError, match="Found no .tfrecord file for tfrecord:none"):
        data.load("tfrecord:none")


@pytest.mark.slow
def test_parts_by_the_names_of_files(tmp_path):
    write(tmp_path / "pets-train.tfrecord-00000-of-00002", [record(png(1), 0)] * 2)
    write(tmp_path / "pets-train.tfrecord-00001-of-00002", [record(png(2), 1)])
    write(tmp_path / "pets-validation.tfrecord", [record(png(3, size=(9, 9)), 1)])
    train, test = data.load_splits(f"tfrecord:{tmp_path}")
    assert (len(train), len(test)) == (3, 1)
    assert train.shape == test.shape == (6, 6, 3)
    assert len(load(f"tfrecord:{tmp_path}")) == 3
    only = f"tfrecord:{tmp_path}/pets-train*"
    assert [len(part) for part in data.load_splits(only)] == [2, 1]


def test_names_from_texts_and_from_a_file(tmp_path):
    rows = [(2, "dog"), (0, "cat"), (2, "dog")]
    write(
        tmp_path / "a" / "x.tfrecord", [record(png(i), *r) for i, r in enumerate(rows)]
    )
    got = load(f"tfrecord:{tmp_path}/a")
    assert got.labels.tolist() == [2, 0, 2]
    assert got.class_names == ("cat", "1", "dog")
    texts = [record(png(1), b"dog"), record(png(2), b"cat")]
    write(tmp_path / "b" / "x.tfrecord", texts)
    got = load(f"tfrecord:{tmp_path}/b")
    assert got.class_names == ("cat", "dog") and got.labels.tolist() == [1, 0]
    write(tmp_path / "c" / "x.tfrecord", [record(png(1), 0), record(png(2), 2)])
    (tmp_path / "c" / "labels.txt").write_text("ant\nbee\ncow\n")
    assert load(f"tfrecord:{tmp_path}/c").class_names == ("ant", "bee", "cow")
    (tmp_path / "c" / "labels.txt").write_text("ant\nbee\n")
    with pytest.raises(ValueError, match="2 class names, .* labels are 0..2"):
        data.load(f"tfrecord:{tmp_path}/c")


def test_bad_records_are_skipped_and_named(tmp_path):
    good = [record(png(i), i) for i in range(3)]
    bad = [b"\xff\xff no example", record(None, 1), record(b"no image", 1)]
    write(tmp_path / "a.tfrecord", [*good[:2], *bad, record(png(5)), good[2]])
    with pytest.warns(UserWarning, match="Skipped 4 of 7") as caught:
        got = data.load(f"tfrecord:{tmp_path}/a.tfrecord")
    assert caught[0].filename == __file__
    assert got.labels.tolist() == [0, 1, 2]
    assert got.ids == ("a.tfrecord:0", "a.tfrecord:1", "a.tfrecord:6")
    reasons = " ".join(got.skipped)
    for words in (
        "tfrecord:2 (is no tf.train.Example)",
        "tfrecord:3 (has no image under image/encoded or image; keys: image/class",
        "tfrecord:4 (",
        "tfrecord:5 (has no label)",
    ):
        assert words in reasons, (words, reasons)


@pytest.mark.slow
def test_a_damaged_file_gives_what_comes_before_the_damage(tmp_path):
    write(tmp_path / "a.tfrecord", [record(png(i)) for i in range(4)])
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    length = len(content) // 4
    content[2 * length + 40] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(content)
    write(tmp_path / "b.tfrecord", [record(png(8)), record(png(9))])
    cut = (tmp_path / "b.tfrecord").read_bytes()[:-20]
    (tmp_path / "b.tfrecord").write_bytes(cut)
    with pytest.warns(UserWarning, match="Skipped 2 of"):
        got = data.load(f"tfrecord:{tmp_path}")
    assert got.ids == ("a.tfrecord:0", "a.tfrecord:1", "b.tfrecord:0")
    assert "a.tfrecord:2 (this and all later records: corrupted" in got.skipped[0]
    cut = "b.tfrecord:1 (this and all later records: corrupted or cut off"
    assert cut in got.skipped[1]


def test_files_without_anything_usable_are_errors(tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match="no record at all"):
        data.load(f"tfrecord:{tmp_path}")
    (tmp_path / "a.tfrecord").write_bytes(b"this is no record file at all")
    with pytest.raises(ValueError, match="None of the records.*corrupted"):
        data.load(f"tfrecord:{tmp_path}")
    write(tmp_path / "a.tfrecord", [record(b"x"), record(b"y")])
    with pytest.raises(ValueError, match="None of the 2 images"):
        data.load(f"tfrecord:{tmp_path}")
