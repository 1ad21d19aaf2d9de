# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import zipfile

import keras
import numpy as np
import pytest

from cl_keras import artifact, zoo

layers = keras.layers
NAME = "simclr_tiny_digits"


@pytest.mark.slow
def test_load_trainable_or_frozen(registry):
    encoder = zoo.load(NAME, registry=registry)
    assert encoder.trainable_weights
    assert not encoder.compiled
    frozen = zoo.load(NAME, trainable=False, registry=registry)
    assert not frozen.trainable_weights


@pytest.mark.slow
def test_any_flipped_byte_in_any_file_is_detected(registry):
    base = registry / "files" / NAME
    rng = np.random.default_rng(0)
    files = [p for p in base.rglob("*") if p.is_file()]
    assert len(files) == 8
    for path in files:
        name = path.relative_to(base).as_posix()
        original = path.read_bytes()
        places = {0, len(original) - 1, *rng.integers(0, len(original), 20).tolist()}
        for place in places:
            changed = bytearray(original)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            bad = [c for c in zoo.verify(NAME, registry=registry) if not c.ok]
            assert [c.path for c in bad] == [name]
            assert "ChangedFileError" in bad[0].detail
        with pytest.raises(artifact.ChangedFileError, match=path.name):
            if name == "encoder.json":
                zoo.load(NAME, registry=registry)
            else:
                zoo.saved_model(NAME, registry=registry)
        path.write_bytes(original)
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))


def test_truncated_missing_and_extra_files(registry):
    base = registry / "files" / NAME
    path = base / "encoder.json"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(artifact.TruncatedFileError, match=r"encoder\.json"):
        zoo.load(NAME, registry=registry)
    path.unlink()
    with pytest.raises(artifact.MissingFileError, match=r"encoder\.json"):
        zoo.load(NAME, registry=registry)
    path.write_bytes(data)
    (base / "saved_model" / "1" / "extra").write_bytes(b"")
    with pytest.raises(artifact.ExtraFileError, match="extra"):
        zoo.saved_model(NAME, registry=registry)
    bad = [c for c in zoo.verify(NAME, registry=registry) if not c.ok]
    assert [c.path for c in bad] == ["saved_model/1/extra"]


def test_links_out_of_the_registry_are_refused(registry, tmp_path):
    path = registry / "files" / NAME / "encoder.json"
    shutil.move(path, tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(artifact.UnsafeNameError, match="symbolic link"):
        zoo.load(NAME, registry=registry)


def test_lambda_layers_are_refused(registry, made, tmp_path, plant, facts):
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.GlobalAveragePooling2D(),
            layers.Lambda(lambda x: x * 2),
        ]
    )
    path = tmp_path / "unsafe.keras"
    encoder.save(path)
    plant(path)
    with pytest.raises(ValueError, match="[Ll]ambda"):
        zoo.load(NAME, registry=registry)
    with pytest.raises(ValueError, match="[Ll]ambda"):
        zoo.publish(path, made[1], tmp_path / "r", **facts)


def test_pickles_are_refused(registry, made, tmp_path, plant):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    np.savez(tmp_path / "bomb.npz", __root__=np.array([Bomb()], dtype=object))
    with zipfile.ZipFile(made[0]) as source:
        members = {n: source.read(n) for n in source.namelist()}
    del members["model.weights.h5"]
    members["model.weights.npz"] = (tmp_path / "bomb.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w") as bomb:
        for name, data in members.items():
            bomb.writestr(name, data)
    plant(tmp_path / "bomb.keras")
    with pytest.raises(ValueError):
        zoo.load(NAME, registry=registry)
    assert not (tmp_path / "exploded").exists()


def test_entry_without_a_saved_model(registry, made, plant):
    plant(made[0])  # As entries of earlier releases may be.
    loaded = zoo.load(NAME, registry=registry)
    np.testing.assert_array_equal(loaded.predict(made[2], verbose=0), made[3])
    with pytest.raises(ValueError, match="no SavedModel"):
        zoo.saved_model(NAME, registry=registry)
