# SPDX-License-Identifier: Apache-2.0
"""Files of records that hold images, and what they are made of."""

import warnings

import numpy as np
import tensorflow as tf

from cl_keras import data


def image(value, size=(6, 6), channels=3):
    array = np.random.default_rng(value).integers(0, 256, (*size, channels), np.uint8)
    array[0, 0] = value
    return array


def record(encoded, label=None, text=None, key="image/encoded"):
    def raw(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {} if encoded is None else {key: raw(encoded)}
    if isinstance(label, int):
        features["image/class/label"] = tf.train.Feature(
            int64_list=tf.train.Int64List(value=[label])
        )
    elif label is not None:
        features["label"] = raw(label)
    if text is not None:
        features["image/class/text"] = raw(text.encode())
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString()


def write(path, records, compression=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for serialized in records:
            writer.write(serialized)


def png(value, **options):
    return tf.io.encode_png(image(value, **options)).numpy()


def load(spec, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return data.load(spec, **options)
