# SPDX-License-Identifier: Apache-2.0
"""Pairs of files: two folders."""

import os
import re

import numpy as np
import pytest
from photos_and_sounds import NAMES, RATE, write_image, write_moments, write_sound

from cl_keras import data
from cl_keras.data.spec import located


@pytest.fixture
def folders(tmp_path):
    return write_moments(tmp_path)


def of_folders(folder, first="photos", second="sounds", **options):
    spec = f"pairs:folder:{folder / first},{folder / second}"
    return data.open(spec, **options).load()


def values(pairs):
    """The number of the moment that each photo and each sound says."""
    photos = pairs.inputs["photos"][:, 0, 0, 0]
    return photos.tolist(), np.rint(pairs.inputs["sounds"][:, 0] * 1000).tolist()


def test_files_of_one_name_are_pairs(folders):
    pairs = of_folders(folders)
    assert pairs.shapes == {"photos": (6, 8, 3), "sounds": (400,)}
    assert values(pairs) == ([0, 1, 2, 3, 4, 5],) * 2
    assert pairs.waveforms == ("sounds",) and pairs.sample_rate == RATE
    assert pairs.class_names == ("cats", "dogs") and not pairs.skipped
    np.testing.assert_array_equal(pairs.labels, [0, 0, 0, 1, 1, 1])
    assert data.modality(f"pairs:folder:{folders / 'photos'},{folders / 'sounds'}")


def test_names_give_labels_and_groups(folders):
    pattern = r"(?P<turn>\d)_(?P<who>[a-z]+)"
    pairs = of_folders(folders, pattern=pattern, label="turn", group="who")
    np.testing.assert_array_equal(pairs.labels, range(6))
    assert pairs.groups.tolist() == ["bob", "ann"] * 3
    # Recordings first: all kinds of labels are known of them.
    pairs = of_folders(folders, "sounds", "photos", pattern=pattern, group="who")
    assert pairs.labels is None and pairs.groups.tolist() == ["bob", "ann"] * 3
    pairs = of_folders(folders, "sounds", "photos", pattern="(?P<who>[a-z]+)$")
    assert pairs.class_names == ("ann", "bob")
    with pytest.raises(ValueError, match="several kinds of labels: .*turn, who"):
        of_folders(folders, "sounds", "photos", pattern=pattern)
    with pytest.raises(ValueError, match="`group` as a group of `pattern`"):
        of_folders(folders, group="who")


def test_what_has_no_partner_is_left_out_and_named(folders):
    write_image(folders / "photos" / "cats" / "alone.png", 9)
    (folders / "sounds" / "dogs" / "5_ann.wav").write_bytes(b"RIFF no sound")
    (folders / "photos" / "cats" / "0_bob.png").write_bytes(b"no image")
    write_image(folders / "photos" / "cats" / "2_bob.gif.png", 9)
    (folders / "photos" / "cats" / "1_ann.jpg").write_bytes(b"which of both?")
    with pytest.warns(UserWarning, match="Skipped"):
        pairs = of_folders(folders)
    assert values(pairs) == ([2, 3, 4],) * 2
    np.testing.assert_array_equal(pairs.labels, [0, 1, 1])
    reasons = dict(
        re.fullmatch(r"(.*?) \((.*)\)", text).groups() for text in pairs.skipped
    )
    found = {os.path.basename(file): why for file, why in reasons.items()}
    for name, why in {
        "alone.png": "has no partner in",
        "2_bob.gif.png": "has no partner in",
        "1_ann.jpg": "differs from it by its suffix only",
        "1_ann.png": "differs from it by its suffix only",
        "1_ann.wav": "has no partner in",
        "5_ann.wav": "cannot be decoded",
        "5_ann.png": "its partner",
        "0_bob.png": "",
        "0_bob.wav": "its partner",
    }.items():
        assert why in found.pop(name), name
    assert not found


def test_sizes_lengths_and_rates(folders):
    write_image(folders / "photos" / "dogs" / "4_bob.png", 4, (10, 5))
    write_sound(folders / "sounds" / "dogs" / "4_bob.wav", 4, 150)
    assert of_folders(folders, window=300).shapes["photos"] == (224, 224, 3)
    with pytest.raises(ValueError, match="one length, or `window`.*150 to 400"):
        of_folders(folders)
    pairs = of_folders(folders, window=300, image_size=7)
    assert pairs.shapes == {"photos": (7, 7, 3), "sounds": (300,)}
    whole = np.linspace(0, 0.5, 400)[:300]
    sounds = pairs.inputs["sounds"]
    np.testing.assert_allclose(sounds[0], whole, atol=1e-6)
    np.testing.assert_array_equal(sounds[4, 150:], sounds[4, :150])
    half = of_folders(folders, window=150, sample_rate=RATE // 2)
    assert half.sample_rate == RATE // 2 and half.shapes["sounds"] == (150,)


def test_two_folders_of_one_kind(folders):
    for n, name in enumerate(NAMES):
        write_sound(folders / "other" / f"{name}.wav", n, 800, 2 * RATE)
    pairs = of_folders(folders, "sounds", "other")
    assert pairs.shapes == {"sounds": (400,), "other": (400,)}
    assert pairs.waveforms == ("sounds", "other")


def test_relative_paths_are_found(folders, monkeypatch):
    (folders / "all.csv").write_text("image,sound")
    for rest, found in (
        ("folder:photos,sounds", f"folder:{folders}/photos,{folders}/sounds"),
        ("table:all.csv", f"table:{folders}/all.csv"),
        ("folder:photos,none", f"folder:{folders}/photos,none"),
        ("folder:photos", "folder:photos"),
    ):
        assert located(f"pairs:{rest}", folders) == f"pairs:{found}"
    monkeypatch.setenv("CL_KERAS_DATA", str(folders))
    assert len(data.load("pairs:folder:photos,sounds")) == 6


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("photos", {}, "pairs:folder:A,B"),
        ("photos,sounds,photos", {}, "pairs:folder:A,B"),
        ("photos,", {}, "pairs:folder:A,B"),
        ("photos,none", {}, "Found no folder for folder:.*none"),
        ("photos,photos", {}, "two folders.*Received"),
        ("photos,empty", {}, "same name.*none"),
        ("parts,sounds", {}, "split into train/ and test/.*parts/train,.*sounds/train"),
        ("photos,sounds", {"columns": "a,b"}, "`columns` with pairs:csv: or"),
        ("photos,sounds", {"windw": 4}, "Did you mean 'window'"),
        ("photos,sounds", {"window": 0}, "window"),
        ("photos,sounds", {"pattern": r"(?P<n>\d)", "label": "m"}, "'m'"),
        ("photos,copies", {"window": 4}, "`window` with recordings"),
        ("photos,copies", {"sample_rate": 4}, "`sample_rate` with recordings"),
        ("sounds,louder", {"image_size": 4}, "`image_size` with images"),
    ],
)
def test_bad_folders_are_named(folders, spec, options, message):
    (folders / "empty").mkdir()
    for n, name in enumerate(NAMES[:2]):
        write_image(folders / "copies" / f"{name}.png", n)
        write_sound(folders / "louder" / f"{name}.wav", n)
        write_image(folders / "parts" / ("train", "test")[n] / "cats" / "0_bob.png", n)
    paths = ",".join(str(folders / part) if part else "" for part in spec.split(","))
    with pytest.raises(ValueError, match=f"(?s){message}"):
        data.open(f"pairs:folder:{paths}", **options).load()
