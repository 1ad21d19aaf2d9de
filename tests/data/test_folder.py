# SPDX-License-Identifier: Apache-2.0
import io
import os
import warnings
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cl_keras import data
from cl_keras.data.images.folder import load_folder


def pattern(value, size=(8, 8)):
    image = np.full((*size, 3), value, np.uint8)
    image[0, 0] = (250, 20, 90)
    return image


def write(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, **options)


def load(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return data.load(f"folder:{path}", **options)


def test_classes_in_sorted_order_nested_and_case_insensitive(tmp_path):
    write(tmp_path / "dog" / "b.png", pattern(10))
    write(tmp_path / "dog" / "deeper" / "down" / "a.PNG", pattern(20))
    write(tmp_path / "cat" / "c.Bmp", pattern(30))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "cat" / "._c.png").write_bytes(b"hidden")
    (tmp_path / "empty").mkdir()
    got = load(tmp_path)
    assert got.class_names == ("cat", "dog")
    assert got.labels.tolist() == [0, 1, 1]
    assert got.images[:, 4, 4, 0].tolist() == [30, 10, 20]
    assert got.skipped == ()


@pytest.mark.slow
def test_flat_and_lone_folders_are_unlabelled(tmp_path):
    write(tmp_path / "set" / "b.png", pattern(2))
    write(tmp_path / "set" / "a.png", pattern(1))
    for path in (tmp_path, tmp_path / "set"):
        got = load(path)
        assert got.labels is None
        assert got.class_names is None
        assert got.images[:, 4, 4, 0].tolist() == [1, 2]
    # A lone folder around class folders is entered.
    write(tmp_path / "set" / "x" / "c.png", pattern(3))
    write(tmp_path / "set" / "y" / "c.png", pattern(4))
    (tmp_path / "set" / "a.png").unlink()
    (tmp_path / "set" / "b.png").unlink()
    assert load(tmp_path).class_names == ("x", "y")


@pytest.mark.slow
def test_every_format_and_mode_becomes_rgb_bytes(tmp_path):
    rgb = pattern(100)
    grey = rgb[..., 0]
    write(tmp_path / "a.png", rgb)
    write(tmp_path / "b.png", grey)
    write(tmp_path / "c.png", np.dstack([rgb, np.full((8, 8), 128, np.uint8)]))
    write(tmp_path / "d.png", grey.astype(np.uint16) * 257)  # 16 bits a channel
    Image.fromarray(rgb).convert("P").save(tmp_path / "e.png")
    write(tmp_path / "f.bmp", rgb)
    write(tmp_path / "g.bmp", grey)
    Image.fromarray(rgb).convert("RGBA").save(tmp_path / "h.bmp")
    second = Image.fromarray(pattern(200))
    Image.fromarray(rgb).save(tmp_path / "i.gif", save_all=True, append_images=[second])
    write(tmp_path / "j.jpg", np.full((8, 8, 3), 100, np.uint8), quality=95)
    write(tmp_path / "k.jpeg", np.full((8, 8), 100, np.uint8), quality=95)
    Image.fromarray(np.full((8, 8, 3), 100, np.uint8)).convert("CMYK").save(
        tmp_path / "l.jpg", quality=95
    )
    got = load(tmp_path)
    assert got.images.shape == (12, 8, 8, 3)
    for name, image in zip("abcdefghijkl", got.images, strict=True):
        np.testing.assert_allclose(image[4, 4].astype(int), 100, atol=3, err_msg=name)
        corner = {"b": 250, "d": 250, "g": 250}.get(name, (250, 20, 90))
        if name not in "jkl":
            tolerance = 60 if name in "ei" else 0  # Palettes are approximate.
            np.testing.assert_allclose(
                image[0, 0].astype(int), corner, atol=tolerance, err_msg=name
            )


@pytest.mark.slow
def test_mixed_sizes_cover_and_cut(tmp_path):
    write(tmp_path / "a.png", pattern(10, (20, 40)))
    write(tmp_path / "b.png", pattern(20, (30, 30)))
    assert load(tmp_path).shape == (224, 224, 3)
    got = load(tmp_path, image_size=10)
    assert got.shape == (10, 10, 3)
    assert got.images[:, 5, 5, 1].tolist() == [10, 20]


@pytest.mark.slow
def test_a_common_size_is_kept_though_not_square(tmp_path):
    write(tmp_path / "a.png", pattern(10, (6, 9)))
    write(tmp_path / "b.png", pattern(20, (6, 9)))
    got = load(tmp_path)
    assert got.shape == (6, 9, 3)
    np.testing.assert_array_equal(got.images[0], pattern(10, (6, 9)))


@pytest.mark.slow
def test_a_late_odd_size_is_noticed(tmp_path):
    for index in range(300):  # More than one batch of the reader.
        write(tmp_path / f"{index:03}.png", pattern(index % 256, (4, 4)))
    write(tmp_path / "999.png", pattern(7, (5, 4)))
    assert load(tmp_path).shape == (224, 224, 3)


def test_bad_files_are_skipped_named_and_counted(tmp_path):
    write(tmp_path / "x" / "a.jpg", np.full((8, 8), 1, np.uint8))
    write(tmp_path / "x" / "c.jpg", np.full((8, 8), 3, np.uint8))
    write(tmp_path / "y" / "e.png", pattern(5))
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(whole, "jpeg")
    (tmp_path / "x" / "b.jpg").write_bytes(whole.getvalue()[:1500])  # Truncated.
    (tmp_path / "y" / "d.png").write_bytes(b"not a picture")
    (tmp_path / "y" / "f.png").write_bytes(b"")
    (tmp_path / "y" / "g.jxl").write_bytes(b"RIFF")
    write(tmp_path / "loose.png", pattern(9))
    with pytest.warns(UserWarning, match="Skipped 5 of 8 files") as caught:
        got = data.load(f"folder:{tmp_path}")
        data.load_splits(f"folder:{tmp_path}")
    # The warning points at the line that asked for the data.
    assert [warning.filename for warning in caught] == [__file__] * 2
    assert got.labels.tolist() == [0, 0, 1]
    assert got.images[:, 4, 4, 0].tolist() == [1, 3, 5]
    found = {os.path.basename(text.split(" (")[0]): text for text in got.skipped}
    assert sorted(found) == ["b.jpg", "d.png", "f.png", "g.jxl", "loose.png"]
    assert "not supported" in found["g.jxl"]
    assert "beside the class folders" in found["loose.png"]
    assert "(" in found["d.png"]
    assert "{{" not in found["d.png"]


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="Found no image"):
        data.load(f"folder:{tmp_path}")
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(ValueError, match="None of the 1 images .* can be read.*a.png"):
        data.load(f"folder:{tmp_path}")
    with pytest.raises(ValueError, match="Found no folder"):
        data.load(f"folder:{tmp_path}/missing")


def test_a_set_beyond_the_memory_limit_is_refused(tmp_path):
    write(tmp_path / "a.png", pattern(1))
    with pytest.raises(ValueError, match="Choose a smaller `image_size`"):
        load_folder(tmp_path, (100, 100), max_bytes=29_999)
    assert load_folder(tmp_path, (100, 100), max_bytes=30_000).shape == (100, 100, 3)


def test_linked_folders_are_followed_once(tmp_path):
    write(tmp_path / "real" / "a.png", pattern(1))
    (tmp_path / "set").mkdir()
    os.symlink(tmp_path / "real", tmp_path / "set" / "x")
    os.symlink(tmp_path / "set", tmp_path / "real" / "loop")
    assert len(load(tmp_path / "set")) == 1


@pytest.mark.slow
def test_cifar_images_are_what_tensorflow_decodes(real_data, tmp_path):
    with zipfile.ZipFile(real_data / "images" / "cifar10_jpeg.zip") as archive:
        names = [name for name in archive.namelist() if "test/" in name]
        archive.extractall(tmp_path, [name for name in names if "/000" in name])
    got = data.load(f"folder:{tmp_path}")
    assert got.shape == (32, 32, 3)
    assert np.bincount(got.labels).tolist() == [10] * 10
    files = sorted(tmp_path.rglob("*.jpg"))
    assert len(files) == 100
    for image, label, file in zip(got.images, got.labels, files, strict=True):
        assert got.class_names[label] == file.parent.name
        np.testing.assert_array_equal(image, tf.io.decode_jpeg(file.read_bytes()))
