# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import http.server
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import keras
import numpy as np
import pytest

from cl_keras import artifact, export, zoo
from cl_keras.zoo import store

layers = keras.layers
NAME = "simclr_tiny_digits"
FACTS = {
    "name": NAME,
    "method": "simclr",
    "encoder": "tiny",
    "data": "digits",
    "recipe": 'cl-keras train simclr --set "a=b: c"',
    "seed": 0,
    "epochs": 3,
    "scores": {"knn_accuracy": 0.91},
    "baselines": {"knn_accuracy_random_init": 0.5},
    "license_data": "CC-BY-4.0",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A trained encoder's two forms, and features to compare with."""
    keras.utils.set_random_seed(2)
    folder = tmp_path_factory.mktemp("made")
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )
    encoder.save(folder / "encoder.keras")
    version = export.saved_model(encoder, folder / "serving")
    x = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    return folder / "encoder.keras", version, x, encoder.predict(x, verbose=0)


@pytest.fixture(scope="module")
def published(made, tmp_path_factory):
    directory = tmp_path_factory.mktemp("published")
    zoo.publish(made[0], made[1], directory, **FACTS)
    return directory


@pytest.fixture
def registry(published, tmp_path, monkeypatch):
    monkeypatch.setenv("CL_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CL_KERAS_OFFLINE", raising=False)
    monkeypatch.delenv("CL_KERAS_ZOO", raising=False)
    return shutil.copytree(published, tmp_path / "registry")


def change_row(registry, **changes):
    path = registry / "rows" / f"{NAME}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return zoo.info(NAME, registry=registry)


def test_published_features_come_back_in_a_fresh_process(registry, made, tmp_path):
    _, _, x, expected = made
    np.savez(tmp_path / "x.npz", x=x)
    code = f"""
import numpy as np, tensorflow as tf
from cl_keras import zoo
x = np.load({str(tmp_path / "x.npz")!r})["x"]
encoder = zoo.load("{NAME}")
served = tf.saved_model.load(str(zoo.saved_model("{NAME}")))
np.savez(
    {str(tmp_path / "y.npz")!r},
    keras=encoder.predict(x, verbose=0),
    served=served.signatures["serving_default"](images=tf.constant(x))["embedding"],
)
"""
    environment = {"CL_KERAS_ZOO": str(registry), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    got = np.load(tmp_path / "y.npz")
    np.testing.assert_allclose(got["keras"], expected, atol=1e-6)
    np.testing.assert_allclose(got["served"], expected, atol=1e-6)


def test_row_says_what_the_files_hold(registry, made):
    row = zoo.info(NAME, registry=registry)
    assert row.input_shape == (8, 8, 3)
    assert row.features == 5
    assert row.parameters == keras.saving.load_model(made[0]).count_params()
    assert row.scores == {"knn_accuracy": {"mean": 0.91, "spread": None}}
    assert row.library_versions["keras"] == keras.__version__
    assert "central crop" in row.preprocessing
    assert {"encoder.keras", "saved_model/1/saved_model.pb"} <= {
        r.path for r in row.files
    }
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    assert zoo.saved_model(NAME, registry=registry).name == "1"


def test_load_trainable_or_frozen(registry):
    encoder = zoo.load(NAME, registry=registry)
    assert encoder.trainable_weights
    assert not encoder.compiled
    frozen = zoo.load(NAME, trainable=False, registry=registry)
    assert not frozen.trainable_weights


def test_card(registry):
    text = (registry / "cards" / f"{NAME}.md").read_text()
    _, front, body = text.split("---\n", 2)
    fields = {
        key: json.loads(value)
        for key, value in (line.split(": ", 1) for line in front.splitlines())
    }
    assert fields["license"] == "Apache-2.0"
    assert fields["recipe"] == FACTS["recipe"]
    assert fields["scores"]["knn_accuracy"]["mean"] == 0.91
    assert fields["sha256"] == artifact.sha256(
        registry / "files" / NAME / "encoder.keras"
    )
    assert f'zoo.load("{NAME}")' in body
    assert "| knn_accuracy | 0.91 |" in body


def test_publishing_again(registry, made):
    with pytest.raises(FileExistsError, match="overwrite=True"):
        zoo.publish(made[0], made[1], registry, **FACTS)
    card = registry / "cards" / f"{NAME}.md"
    card.write_text(card.read_text().replace("Write where", "My words: where"))
    facts = {**FACTS, "version": "2", "scores": {"knn_accuracy": 0.95}}
    zoo.publish(made[0], made[1], registry, overwrite=True, **facts)
    assert zoo.info(NAME, registry=registry).version == "2"
    assert zoo.saved_model(NAME, registry=registry).name == "2"
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    assert "My words: where" in card.read_text()
    assert "0.95" in card.read_text() and "0.91" not in card.read_text()
    assert [p.name for p in (registry / "files").iterdir()] == [NAME]


def test_publish_refuses_what_does_not_fit(made, tmp_path):
    other = keras.Sequential([keras.Input((4, 4, 3)), layers.Flatten()])
    other.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="same encoder"):
        zoo.publish(tmp_path / "other.keras", made[1], tmp_path / "r", **FACTS)
    with pytest.raises(ValueError, match="name='../up'"):
        zoo.publish(made[0], made[1], tmp_path / "r", **{**FACTS, "name": "../up"})
    with pytest.raises(ValueError, match="`seed`"):
        zoo.publish(made[0], made[1], tmp_path / "r", **{**FACTS, "seed": -1})
    assert not [p for p in (tmp_path / "r").rglob("*") if p.is_file()]
    damaged = shutil.copytree(made[1], tmp_path / "damaged")
    (damaged / "saved_model.pb").write_bytes(b"")
    with pytest.raises(artifact.TruncatedFileError):
        zoo.publish(made[0], damaged, tmp_path / "r", **FACTS)


def test_any_flipped_byte_in_any_file_is_detected(registry):
    base = registry / "files" / NAME
    rng = np.random.default_rng(0)
    files = [p for p in base.rglob("*") if p.is_file()]
    assert len(files) == 6
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
            if name == "encoder.keras":
                zoo.load(NAME, registry=registry)
            else:
                zoo.saved_model(NAME, registry=registry)
        path.write_bytes(original)
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))


def test_truncated_missing_and_extra_files(registry):
    base = registry / "files" / NAME
    path = base / "encoder.keras"
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(artifact.TruncatedFileError, match=r"encoder\.keras"):
        zoo.load(NAME, registry=registry)
    path.unlink()
    with pytest.raises(artifact.MissingFileError, match=r"encoder\.keras"):
        zoo.load(NAME, registry=registry)
    path.write_bytes(data)
    (base / "saved_model" / "1" / "extra").write_bytes(b"")
    with pytest.raises(artifact.ExtraFileError, match="extra"):
        zoo.saved_model(NAME, registry=registry)
    bad = [c for c in zoo.verify(NAME, registry=registry) if not c.ok]
    assert [c.path for c in bad] == ["saved_model/1/extra"]


def test_links_out_of_the_registry_are_refused(registry, tmp_path):
    path = registry / "files" / NAME / "encoder.keras"
    shutil.move(path, tmp_path / "elsewhere.keras")
    path.symlink_to(tmp_path / "elsewhere.keras")
    with pytest.raises(artifact.UnsafeNameError, match="symbolic link"):
        zoo.load(NAME, registry=registry)


def test_names_cannot_leave_the_folder(registry):
    row = json.loads((registry / "rows" / f"{NAME}.json").read_text())
    row["files"][0]["path"] = "../../secret"
    with pytest.raises(ValueError, match="`files`.*secret"):
        change_row(registry, files=row["files"])
    with pytest.raises(ValueError, match="Unknown zoo entry"):
        zoo.info(f"../rows/{NAME}", registry=registry)


def test_list_patterns_modalities_and_places(registry, monkeypatch, tmp_path):
    assert NAME not in zoo.list()
    assert zoo.list("simclr*", registry=registry) == zoo.list(
        registry=registry, modality="image", pattern="simclr*"
    )
    assert NAME in zoo.list("simclr*", registry=registry)
    assert NAME not in zoo.list("cpc*", registry=registry)
    assert NAME not in zoo.list(modality="audio", registry=registry)
    monkeypatch.setenv("CL_KERAS_ZOO", str(registry))
    assert NAME in zoo.list()
    monkeypatch.setenv("CL_KERAS_ZOO", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"CL_KERAS_ZOO=.*absent"):
        zoo.list()
    with pytest.raises(ValueError, match="Did you mean 'image'"):
        zoo.list(modality="imag", registry=registry)


def test_unknown_names_suggest_near_ones(registry):
    with pytest.raises(ValueError, match=f"Did you mean '{NAME}'"):
        zoo.load("simclr_tiny_digit", registry=registry)
    row = zoo.info(NAME, registry=registry)
    with pytest.raises(ValueError, match=r"Did you mean 'encoder\.keras'"):
        zoo.fetch(row, "encoder.kers")
    with pytest.raises(ValueError, match="without `root`"):
        zoo.fetch(dataclasses.replace(row, root=None), "encoder.keras")


@pytest.mark.parametrize("kind", ["file", "absolute", "relative"])
def test_other_local_sources(registry, kind, made):
    moved = registry / "else where"
    shutil.move(registry / "files" / NAME, moved)
    source = {
        "file": moved.as_uri(),
        "absolute": str(moved),
        "relative": "else where",
    }[kind]
    change_row(registry, source=source)
    got = zoo.load(NAME, registry=registry).predict(made[2], verbose=0)
    np.testing.assert_allclose(got, made[3], atol=1e-6)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.asked.append(self.path)

    def copyfile(self, source, outputfile):
        data = source.read()
        outputfile.write(self.server.damage(data))


@pytest.fixture
def remote(registry):
    """The registry's files behind a server; `.damage` changes what it sends."""
    handler = partial(Handler, directory=registry / "files" / NAME)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.damage = [], lambda data: data
        shutil.copytree(registry / "files" / NAME, registry / "served")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        change_row(registry, source=f"http://127.0.0.1:{server.server_port}/")
        yield server
        server.shutdown()
        thread.join()


def cached(tmp_path):
    return [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_download_once_and_use_offline(remote, registry, tmp_path, made, monkeypatch):
    got = zoo.load(NAME, registry=registry).predict(made[2], verbose=0)
    np.testing.assert_allclose(got, made[3], atol=1e-6)
    folder = zoo.saved_model(NAME, registry=registry)
    assert folder.is_relative_to(tmp_path / "cache")
    assert len(remote.asked) == len(cached(tmp_path)) == 6
    monkeypatch.setenv("CL_KERAS_OFFLINE", "1")
    assert zoo.saved_model(NAME, registry=registry) == folder
    assert len(remote.asked) == 6

    target = next(p for p in cached(tmp_path) if p.name == "encoder.keras")
    target.unlink()
    with pytest.raises(store.OfflineError) as caught:
        zoo.load(NAME, registry=registry)
    assert str(target) in str(caught.value)
    assert "encoder.keras" in str(caught.value)
    bad = [c for c in zoo.verify(NAME, registry=registry) if not c.ok]
    assert [c.path for c in bad] == ["encoder.keras"]
    assert len(remote.asked) == 6


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda d: d[:-100], OSError, "could not be downloaded"),
        (lambda d: bytes([d[0] ^ 1]) + d[1:], artifact.ChangedFileError, "other bytes"),
    ],
)
def test_bad_downloads_are_refused(remote, registry, tmp_path, damage, error, message):
    remote.damage = damage
    with pytest.raises(error, match=rf"{NAME}: encoder\.keras .*{message}"):
        zoo.load(NAME, registry=registry)
    assert cached(tmp_path) == []
    remote.damage = lambda data: data
    zoo.load(NAME, registry=registry)


def test_absent_and_unreachable_downloads(remote, registry, tmp_path):
    (registry / "files" / NAME / "encoder.keras").unlink()
    with pytest.raises(OSError, match="404"):
        zoo.load(NAME, registry=registry)
    assert cached(tmp_path) == []


def test_swapped_cache_file_is_fetched_again(remote, registry, tmp_path):
    zoo.load(NAME, registry=registry)
    (path,) = cached(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[::-1])
    zoo.load(NAME, registry=registry)
    assert path.read_bytes() == data


def test_downloads_at_once(remote, registry, tmp_path):
    row = zoo.info(NAME, registry=registry)
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: zoo.fetch(row, "encoder.keras"), range(16)))
    assert len(set(paths)) == 1
    assert cached(tmp_path) == paths[:1]


def encoder_with(tmp_path, made, layer):
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.GlobalAveragePooling2D(), layer]
    )
    encoder.save(tmp_path / "unsafe.keras")
    return tmp_path / "unsafe.keras"


def plant(registry, path):
    """Puts a file into the registry as if it had been published."""
    target = registry / "files" / NAME / "encoder.keras"
    shutil.copyfile(path, target)
    record = artifact.FileRecord.of(target.parent, "encoder.keras")
    change_row(registry, files=[dataclasses.asdict(record)])


def test_lambda_layers_are_refused(registry, made, tmp_path):
    path = encoder_with(tmp_path, made, layers.Lambda(lambda x: x * 2))
    plant(registry, path)
    with pytest.raises(ValueError, match="[Ll]ambda"):
        zoo.load(NAME, registry=registry)
    with pytest.raises(ValueError, match="[Ll]ambda"):
        zoo.publish(path, made[1], tmp_path / "r", **FACTS)


def test_pickles_are_refused(registry, made, tmp_path):
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
    plant(registry, tmp_path / "bomb.keras")
    with pytest.raises(ValueError):
        zoo.load(NAME, registry=registry)
    assert not (tmp_path / "exploded").exists()


def test_entry_without_a_saved_model(registry, made):
    plant(registry, made[0])
    with pytest.raises(ValueError, match="no SavedModel"):
        zoo.saved_model(NAME, registry=registry)


def test_listing_imports_neither_keras_nor_tensorflow(registry):
    code = f"""
import sys
from cl_keras import zoo
assert zoo.list(registry={str(registry)!r})
assert zoo.info("{NAME}", registry={str(registry)!r}).features == 5
loaded = {{"tensorflow", "keras", "numpy", "cl_keras.encoders", "cl_keras.export"}}
assert not loaded & sys.modules.keys(), loaded & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
