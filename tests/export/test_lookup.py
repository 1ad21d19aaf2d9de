# SPDX-License-Identifier: Apache-2.0
"""Encoders with Keras's preprocessing layers are exported with their tables."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import artifact, export

layers = keras.layers
GIVEN = np.array([[7, 300, 5], [20, 20, 8], [-1, 7, 300]], np.float32)

# As TensorFlow Serving loads, in a process that has nothing of the exporter.
LOAD = """
import sys
sys.modules.update(keras=None, cl_keras=None)
import numpy as np, tensorflow as tf
*folders, given, answer = sys.argv[1:]
answers = {}
for folder in folders:
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
    signature = meta.signature_def["serving_default"]
    feed = {signature.inputs["inputs"].name: np.load(given)}
    answers[folder] = session.run(signature.outputs["embedding"].name, feed)
np.savez(answer, **answers)
"""


class Held(layers.Layer):
    """Finds whole numbers with a layer or a table in a dict of its own."""

    def __init__(self, find, width, text=False):
        super().__init__()
        self.parts, self.width, self.text = {"find": [find]}, width, text

    def call(self, x):
        x = tf.cast(x, tf.int64)
        found = self.parts["find"][0](tf.strings.as_string(x) if self.text else x)
        return tf.reshape(tf.one_hot(found, self.width), (-1, 3 * self.width))

    def compute_output_shape(self, shape):
        return shape[0], 3 * self.width


class Words(layers.Layer):
    """Finds words in a file, which becomes an asset."""

    def __init__(self, path):
        super().__init__()
        index = tf.lookup.TextFileIndex
        words = tf.lookup.TextFileInitializer(
            path, tf.string, index.WHOLE_LINE, tf.int64, index.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(words, 3)

    def call(self, x):
        words = tf.strings.as_string(tf.cast(x, tf.int64))
        return tf.reshape(tf.one_hot(self.table.lookup(words), 4), (-1, 12))

    def compute_output_shape(self, shape):
        return shape[0], 12


def model(make):
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Dense(2)(make(inputs)))


def whole(x):
    return keras.ops.cast(x, "int64")


def adapted():
    layer = layers.IntegerLookup(output_mode="multi_hot")
    layer.adapt(np.array([7, 7, 20, 300]))
    return layer


def nested():
    ids = layers.IntegerLookup(vocabulary=[7, 20, 300], num_oov_indices=2)
    return model(lambda x: layers.Flatten()(layers.Embedding(6, 4)(ids(whole(x)))))


def words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("7\n20\n300\n")
    return Words(str(path))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Encoders by name, each with its folder."""
    base = tmp_path_factory.mktemp("lookup")
    strings = layers.StringLookup(vocabulary=["7", "20", "300"])
    encoders = {
        "adapted": model(lambda x: adapted()(whole(x))),
        "nested": model(nested()),
        "strings": model(Held(strings, 4, text=True)),
        "file": model(words(base)),
        "bins": model(layers.Discretization([10.0, 100.0], output_mode="count")),
        "counts": model(
            lambda x: layers.CategoryEncoding(400, "count")(whole(keras.ops.abs(x)))
        ),
        "hashed": model(Held(layers.Hashing(5, salt=3), 5)),
    }
    return {k: (e, export.saved_model(e, base / k)) for k, e in encoders.items()}


@pytest.mark.slow
def test_a_server_has_the_tables(exported, tmp_path):
    np.save(tmp_path / "given.npy", GIVEN)
    folders = [str(folder) for _, folder in exported.values()]
    answer = tmp_path / "answer.npz"
    words = [*folders, str(tmp_path / "given.npy"), str(answer)]
    subprocess.run([sys.executable, "-c", LOAD, *words], check=True)
    with np.load(answer) as answers:
        for name, (encoder, folder) in exported.items():
            got = answers[str(folder)]
            np.testing.assert_allclose(got, encoder(GIVEN), atol=1e-5, err_msg=name)
            assert np.ptp(got, axis=0).all(), name


def test_files_of_tables_are_in_the_manifest(exported):
    _, folder = exported["file"]
    assert "assets/words.txt" in {f["path"] for f in artifact.verify(folder)["files"]}
    (folder / "assets" / "words.txt").write_text("300\n20\n7\n")
    with pytest.raises(artifact.ChangedFileError, match=r"words\.txt"):
        artifact.verify(folder)
    (folder / "assets" / "words.txt").write_text("7\n20\n300\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adapted", "file", "hashed"])
def test_tables_pass_the_check(exported, name):
    encoder, folder = exported[name]
    report = export.check(folder, encoder=encoder)
    assert report.ok, str(report)


def test_a_table_that_no_layer_has_is_named(tmp_path):
    held = layers.IntegerLookup(vocabulary=[7, 20, 300])

    class Elsewhere(layers.Layer):
        def call(self, x):
            return tf.cast(held(tf.cast(x, tf.int64)), tf.float32)

    with pytest.raises(ValueError, match="attributes of the encoder's layers"):
        export.saved_model(model(Elsewhere()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_strings_as_inputs_are_refused(tmp_path):
    encoder = keras.Sequential(
        [keras.Input((), dtype="string"), layers.TextVectorization(vocabulary=["a"])]
    )
    with pytest.raises(ValueError, match=r"float input.*Received.*string"):
        export.saved_model(encoder, tmp_path)
