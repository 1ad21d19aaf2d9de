# SPDX-License-Identifier: Apache-2.0
"""Small encoders, a folder with broken files, and the job that embeds it."""

import json

import keras
import pytest
import tensorflow as tf

from cl_keras import encoders, runs


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "conv.keras"
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, activation="relu")(inputs)
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)).save(path)
    return path


@pytest.fixture(scope="module")
def audio_encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "audio.keras"
    encoders.audio_conv(channels=4, context=3).save(path)
    return path


@pytest.fixture
def photos(tmp_path, paint):
    folder = tmp_path / "photos"
    for index in range(9):
        paint(folder / "red" / f"{index}.png", index, size=(8, 8 + index))
        paint(folder / "blue" / "deep" / f"{index}.jpg", 100 + index, size=(20, 9))
    whole = (folder / "blue" / "deep" / "3.jpg").read_bytes()
    (folder / "blue" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "red" / "4a.png").write_bytes(b"no image")
    (folder / "red" / "empty.png").write_bytes(b"")
    (folder / "red" / "later.jxl").write_bytes(b"\0\0\0\x0cJXL " + bytes(40))
    return folder


@pytest.fixture(scope="session")
def embed():
    def embed(encoder, source, out, **options):
        return runs.embed_in_bulk(str(encoder), str(source), out=str(out), **options)

    return embed


@pytest.fixture(scope="session")
def rejected():
    """The reasons why examples were left out, by their names."""

    def rejected(out):
        lines = (out / "_rejected.jsonl").read_text().splitlines()
        return {row["id"]: row["reason"] for row in map(json.loads, lines)}

    return rejected


@pytest.fixture(scope="session")
def example():
    """Serialises an encoded image, with its label and class, as a tf.train.Example."""

    def example(content, label=None, text=None):
        def raw(value):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

        features = {"image/encoded": raw(content)}
        if label is not None:
            features["label"] = tf.train.Feature(
                int64_list=tf.train.Int64List(value=[label])
            )
        if text is not None:
            features["class_name"] = raw(text.encode())
        features = tf.train.Features(feature=features)
        return tf.train.Example(features=features).SerializeToString()

    return example
