# SPDX-License-Identifier: Apache-2.0
"""What people's folders really hold: an error before training, or a named skip."""

import json
import warnings

import numpy as np
import pytest

from cl_keras import data, runs

Image = pytest.importorskip("PIL.Image", reason="Pillow makes the test's files")


def noise(seed, size=(24, 20)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def pictures(folder, count=10, size=(24, 20)):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        Image.fromarray(noise(index, size)).save(folder / f"good_{index}.png")


def corrupt(folder):
    """Three files that are no images, each in a way of its own."""
    Image.fromarray(noise(9, (64, 64))).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:900])
    (folder / "zero.png").write_bytes(b"")
    (folder / "text.gif").write_text("not an image at all")
    return {"cut.jpg", "zero.png", "text.gif"}


def of_every_kind(folder):
    """Sizes, channels, depths and formats that differ, all of them readable."""
    rgb = noise(1, (30, 40))
    kinds = {
        "grey.png": Image.fromarray(rgb[..., 0]),
        "deep.png": Image.fromarray(rgb[..., 0].astype(np.uint16) * 257),
        "alpha.png": Image.fromarray(np.dstack([rgb, rgb[..., :1]])),
        "palette.png": Image.fromarray(rgb).convert("P"),
        "bits.png": Image.fromarray(rgb).convert("1"),
        "grey.jpg": Image.fromarray(rgb[..., 0]),
        "cmyk.jpg": Image.fromarray(rgb).convert("CMYK"),
        "upper.JPEG": Image.fromarray(rgb),
        "flat.bmp": Image.fromarray(rgb),
        "tiny.png": Image.fromarray(rgb[:1, :1]),
        "long.png": Image.fromarray(np.tile(rgb[:2], (1, 40, 1))),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in kinds.items():
        image.save(folder / name)
    frames = [Image.fromarray(np.full((9, 7, 3), v, np.uint8)) for v in (200, 20, 90)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    return {*kinds, "moving.gif"}


def names(skipped):
    return {text.partition(" (")[0].rpartition("/")[2] for text in skipped}


def config(spec, out, **more):
    settings = {"encoder.width": 4, "encoder.blocks": 1, **more.pop("settings", {})}
    return runs.TrainConfig.for_method(
        "simclr",
        **{"data": spec, "out": str(out), "epochs": 1, "image_size": 16}
        | {"batch_size": 4, "neighbors": 3, "settings": settings, **more},
    )


@pytest.mark.slow
def test_a_flat_folder_of_all_kinds_with_three_corrupt_files(tmp_path):
    folder = tmp_path / "photos"
    good = of_every_kind(folder)
    bad = corrupt(folder)
    with pytest.warns(UserWarning, match="Skipped 3 of 15 files"):
        got = data.load(f"folder:{folder}", image_size=16)
    assert set(got.ids) == good and got.shape == (16, 16, 3)
    assert names(got.skipped) == bad
    # The first frame of an animation, and grey as three equal channels.
    at = {name: got.images[row].astype(int) for row, name in enumerate(got.ids)}
    assert abs(at["moving.gif"] - 200).max() <= 3
    for name in ("grey.png", "deep.png", "grey.jpg", "bits.png"):
        assert (at[name][..., 0] == at[name][..., 2]).all(), name
    np.testing.assert_array_equal(at["deep.png"], at["grey.png"])
    assert abs(at["cmyk.jpg"] - at["flat.bmp"]).mean() < 20
    assert all(image.std() > 5 for name, image in at.items() if name[0] not in "mt")


@pytest.mark.slow
def test_such_a_folder_trains_and_the_summary_counts(tmp_path):
    folder = tmp_path / "photos"
    pictures(folder)
    corrupt(folder)
    with pytest.warns(UserWarning, match="Skipped 3 of 13"):
        summary = runs.train(config(f"folder:{folder}", tmp_path / "run"), finish=False)
    assert summary["skipped_files"] == 3
    assert summary["train_images"] + summary["test_images"] == 10
    written = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert written["skipped_files"] == 3


@pytest.mark.slow
def test_corrupt_files_in_both_parts_are_counted_once_each(tmp_path):
    for part in ("train", "test"):
        for name in ("a", "b"):
            pictures(tmp_path / part / name, 4)
    (tmp_path / "train" / "a" / "x.png").write_bytes(b"")
    (tmp_path / "test" / "b" / "y.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="Skipped 1 of 9"):
        train, test = data.load_splits(f"folder:{tmp_path}")
    assert names(train.skipped) == {"x.png"} and names(test.skipped) == {"y.png"}
    assert train.labels.tolist() == [0] * 4 + [1] * 4


@pytest.mark.parametrize(
    ("prepare", "options", "message"),
    [
        (lambda folder: None, {}, "Found no image"),
        (lambda folder: (folder / "a.txt").write_text("x"), {}, "Found no image"),
        (lambda folder: (folder / "a.jxl").write_bytes(b"x"), {}, "convert it to PNG"),
        (lambda folder: corrupt(folder), {}, "None of the 3 images"),
        (
            lambda folder: pictures(folder, 6),
            {"batch_size": 64},
            "batch_size=64",
        ),
        (
            lambda folder: pictures(folder, 6),
            {"settings": {"data.pattern": r"(?P<who>\d+)_cat"}},
            "matches none of the 6 file names",
        ),
        (
            lambda folder: pictures(folder, 6),
            {"settings": {"data.pattern": r"good_\d"}},
            "named group",
        ),
        (
            lambda folder: pictures(folder, 6),
            {"settings": {"data.pattern": r"(?P<a>good)_(?P<b>\d)"}},
            "several kinds of labels.*a, b",
        ),
        (
            lambda folder: pictures(folder, 6),
            {"settings": {"data.label": "who"}},
            "`label` names a group of `pattern`",
        ),
        (
            lambda folder: pictures(folder, 6),
            {"settings": {"data.patern": "x"}},
            "Did you mean 'pattern'",
        ),
        (lambda folder: pictures(folder, 1), {}, "1|one|held out"),
    ],
)
def test_errors_come_before_training(tmp_path, prepare, options, message):
    folder = tmp_path / "photos"
    folder.mkdir()
    prepare(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=message):
            runs.train(config(f"folder:{folder}", tmp_path / "run", **options))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_labels_from_file_names(tmp_path):
    for who, count in (("anna", 4), ("ben", 3)):
        for index in range(count):
            Image.fromarray(noise(index)).save(tmp_path / f"{who}_{index}_x.png")
    Image.fromarray(noise(9)).save(tmp_path / "other.png")
    spec, pattern = f"folder:{tmp_path}", r"^(?P<who>[a-z]+)_(?P<number>\d+)"
    with pytest.warns(UserWarning, match="does not match the pattern"):
        got = data.load(spec, pattern=pattern, label="who")
    assert got.class_names == ("anna", "ben")
    assert got.labels.tolist() == [0] * 4 + [1] * 3
    assert names(got.skipped) == {"other.png"}
    with pytest.warns(UserWarning):
        numbers = data.load(spec, pattern=pattern, label="number")
    assert numbers.labels.tolist() == [0, 1, 2, 3, 0, 1, 2]
    with pytest.raises(ValueError, match="Did you mean 'who'"):
        data.load(spec, pattern=pattern, label="whom")
    with pytest.warns(UserWarning):
        train, test = data.load_splits(spec, pattern=pattern, label="who")
    assert len(train) + len(test) == 7 and set(test.labels) == {0, 1}
    assert set(train.ids).isdisjoint(test.ids)


def test_a_pattern_goes_before_class_folders(tmp_path):
    for folder in ("x", "y", "."):
        (tmp_path / folder).mkdir(exist_ok=True)
        for kind in ("cat", "dog"):
            path = tmp_path / folder / f"{kind}{ord(folder)}.png"
            Image.fromarray(noise(1)).save(path)
    got = data.load(f"folder:{tmp_path}", pattern="(?P<kind>cat|dog)")
    assert got.class_names == ("cat", "dog") and len(got) == 6
    assert got.labels.tolist() == [0, 1] * 3


def test_pattern_and_label_are_of_folders():
    with pytest.raises(ValueError, match="`pattern` is of folders"):
        data.load("digits", pattern="(?P<a>x)")
    with pytest.raises(ValueError, match="of folders"):
        data.load_splits("digits", label="a")
