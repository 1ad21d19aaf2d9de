# SPDX-License-Identifier: Apache-2.0
"""What a folder holds: parts, classes, and what is neither."""

import os
from pathlib import Path

import numpy as np
import pytest

from cl_keras import data
from cl_keras.data.images.decode_all import decode_all
from cl_keras.data.images.own_size import own_size
from cl_keras.data.inventory import inventory_lines, take_inventory
from cl_keras.data.listing import find_files, list_files
from cl_keras.data.split_folders import find_split, part_of

JPEG, WAV = b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WAVE"


def put(*paths, content=JPEG):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        *[("train", "valid"), ("Train", "Test"), ("training", "testing")],
        *[("train", "eval"), ("train2017", "val2017"), ("training_set", "test_set")],
        *[("seg_train", "seg_test"), ("train-clean-100", "test-clean")],
    ],
)
def test_names_of_parts(tmp_path, train, test):
    for part in (train, test):
        put(tmp_path / "a" / part / "cat" / "1.jpg", tmp_path / "a" / part / "d/2.jpg")
    split = find_split(tmp_path)
    assert (split.train.name, split.test.name) == (train, test)


def test_of_three_parts_the_test_part_is_tested_with(tmp_path):
    put(*(tmp_path / name / "1.jpg" for name in ("train", "valid", "test")))
    assert find_split(tmp_path).test.name == "test"
    assert find_split(tmp_path).unused == ("valid",)
    put(tmp_path / "train2" / "1.jpg")
    with pytest.raises(ValueError, match="Expected one folder to train on"):
        find_split(tmp_path)


def test_names_that_are_no_parts(tmp_path):
    assert part_of("trains") is part_of("contest") is part_of("train station") is None
    put(tmp_path / "train" / "1.jpg", tmp_path / "plane" / "1.jpg")
    assert find_split(tmp_path) is None
    put(tmp_path / "test" / "notes.txt")
    assert find_split(tmp_path) is None


def test_what_systems_leave_behind_is_no_class(tmp_path):
    put(tmp_path / "cat" / "1.jpg", tmp_path / "dog" / "1.jpg")
    for name in ("@eaDir", "__MACOSX", "$RECYCLE.BIN", "System Volume Information"):
        put(tmp_path / name / "x.jpg", tmp_path / "cat" / name / "x.jpg")
    put(tmp_path / "cat" / "._1.jpg", tmp_path / "Thumbs.db")
    found = find_files(tmp_path, "image")
    assert found.class_names == ("cat", "dog") and len(found.files) == 2
    assert found.skipped == []


def test_two_links_to_a_folder_and_a_circle(tmp_path):
    put(tmp_path / "real" / "1.jpg")
    for name in ("cat", "kitten"):
        (tmp_path / "set").mkdir(exist_ok=True)
        os.symlink(tmp_path / "real", tmp_path / "set" / name)
    os.symlink(tmp_path / "set", tmp_path / "real" / "circle")
    found = find_files(tmp_path / "set", "image")
    assert found.class_names == ("cat", "kitten")
    assert [Path(file).name for file in found.files[:1]] == ["1.jpg"]


def test_loose_photographs_beside_albums_are_used(tmp_path):
    put(*(tmp_path / f"{row}.jpg" for row in range(20)))
    put(*(tmp_path / album / "1.jpg" for album in ("best", "print")))
    found = find_files(tmp_path, "image")
    assert len(found.files) == 22 and found.labels is None and not found.skipped


def test_suffixes_and_first_bytes(tmp_path):
    put(*(tmp_path / f"a{end}" for end in (".jfif", ".JPE", ".mpo", ".heif", "")))
    put(tmp_path / "raw.dng", content=b"II*\0")
    put(tmp_path / "new.jxl", content=b"\xff\x0a")
    put(tmp_path / "notes.txt")
    listed = list_files(tmp_path, "image")
    assert len(listed.files) == 5 and listed.others == {".txt": 1}
    assert [text.partition(" (")[2][:4] for text in listed.skipped] == [".jxl", ".dng"]


def test_what_cannot_be_opened_is_named(tmp_path):
    put(tmp_path / "1.jpg")
    os.symlink("/nowhere.jpg", tmp_path / "dead.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert {
        text.rpartition("/")[2] for text in list_files(tmp_path, "image").skipped
    } == {
        "dead.jpg (a link to a file that is not there)",
        "pipe.jpg (a pipe)",
    }


@pytest.mark.parametrize("root", ["README.md", "cover.jpg", "SPEAKERS.TXT"])
def test_an_audio_folder_with_other_files_at_its_root(tmp_path, root):
    put(tmp_path / root)
    put(tmp_path / "84" / "121" / "a.flac", tmp_path / "85/1/b.flac", content=b"fLaC")
    put(tmp_path / "_background_noise_" / "n.wav", content=WAV)
    assert data.modality(f"folder:{tmp_path}") == "audio"
    assert find_files(tmp_path, "audio").class_names == ("84", "85")


@pytest.mark.slow
def test_a_name_that_is_no_utf_8(tmp_path):
    from PIL import Image

    name = os.fsdecode(b"M\xfcller.png")
    for file in ("a.png", name):
        Image.fromarray(np.zeros((5, 4, 3), np.uint8)).save(tmp_path / file)
    files = find_files(tmp_path, "image").files
    images, bad = decode_all(files)
    assert images.shape == (2, 5, 4, 3) and not bad
    assert own_size(files) == (5, 4)


def test_the_inventory_says_what_was_made_of_a_folder(tmp_path):
    for part in ("Train", "valid", "test"):
        put(tmp_path / part / "cat" / "1.jpg", tmp_path / part / "dog" / "1.jpg")
    put(tmp_path / "Train" / "cat" / "2.jxl", tmp_path / "README.md", content=b"x")
    put(tmp_path / "Train" / "@eaDir" / "1.jpg")
    found = take_inventory(data.open(f"folder:{tmp_path}"))
    assert found["parts"]["train"]["classes"] == {"cat": 1, "dog": 1}
    assert found["unused"] == ["valid"] and found["others"] == {".md": 1}
    assert found["left_behind"] == {"@eaDir": 1} and len(found["skipped"]) == 1
    text = "\n".join(inventory_lines(found))
    for said in (
        "Train: 2 images to train on; classes: cat (1), dog (1)",
        "test: 2 images to test with",
        "not used: valid",
        ".jxl is not supported",
        "no images: .md (1)",
        "@eaDir (1)",
    ):
        assert said in text
