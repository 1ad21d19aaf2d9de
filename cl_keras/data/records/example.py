# SPDX-License-Identifier: Apache-2.0
"""What one record holds: an encoded image or recording with its name and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

# What `data.write_records` writes; nobody else has an id of this name.
ID_KEY, IMAGE_KEY, AUDIO_KEY = "cl_keras/id", "image/encoded", "audio/encoded"
_CONTENT_KEYS = {"image": (IMAGE_KEY, "image"), "audio": (AUDIO_KEY,)}
# Names of the label and of its text: the first are written, all are read.
_IMAGE_LABELS = ("image/class/label", "label")
_IMAGE_TEXTS = ("image/class/text", "class_name")
_UNITS = {"image": "image", "audio": "recording"}


class Example(NamedTuple):
    """A record taken apart: a file, its name, labels and their names by kind."""

    content: bytes
    id: str | None
    labels: dict[str, int]
    classes: dict[str, str]


def read_example(serialized: bytes, modality: str) -> Example:
    """Takes a serialized `tf.train.Example` with an image or a recording apart."""
    try:
        features = tf.train.Example.FromString(serialized).features.feature
    except Exception as error:  # protobuf's DecodeError; its module is not ours.
        raise ValueError("is no tf.train.Example") from error
    keys = _CONTENT_KEYS[modality]
    content = _bytes(features, keys)
    if content is None:
        present = ", ".join(sorted(features)) or "none"
        raise ValueError(
            f"has no {_UNITS[modality]} under {' or '.join(keys)}; keys: {present}"
        )
    name = _bytes(features, (ID_KEY,))
    read_labels = _image_labels if modality == "image" else _audio_labels
    return Example(
        content, None if name is None else name.decode(), *read_labels(features)
    )


def write_example(
    modality: str,
    content: bytes,
    id_: str,
    size: tuple[int, ...],
    labels: Mapping[str, int],
    class_names: Mapping[str, tuple[str, ...]],
) -> bytes:
    """Serializes an image or a recording as `read_example` reads it."""

    def raw(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def number(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    features = {_CONTENT_KEYS[modality][0]: raw(content), ID_KEY: raw(id_.encode())}
    if modality == "image":
        features |= {"image/height": number(size[0]), "image/width": number(size[1])}
    for kind, value in labels.items():
        label, text = _label_keys(modality, kind)
        features[label] = number(value)
        features[text] = raw(class_names[kind][value].encode())
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # The same bytes for the same folder: maps have no order of their own.
    return example.SerializeToString(deterministic=True)


def schema_of(modality: str, kinds: Iterable[str]) -> dict[str, str]:
    """Names the features that `write_example` writes, with their types."""
    schema = {ID_KEY: "bytes", _CONTENT_KEYS[modality][0]: "bytes"}
    for kind in kinds:
        label, text = _label_keys(modality, kind)
        schema |= {label: "int64", text: "bytes"}
    if modality == "image":
        schema |= {"image/height": "int64", "image/width": "int64"}
    return schema


def _label_keys(modality: str, kind: str) -> tuple[str, str]:
    if modality == "image":
        return _IMAGE_LABELS[0], _IMAGE_TEXTS[0]
    return ("label", "class") if kind == "label" else (f"label_{kind}", f"class_{kind}")


def _image_labels(features: Any) -> tuple[dict[str, int], dict[str, str]]:
    """A label and its text; a text alone may also stand where labels do."""
    integers = [_integer(features, key) for key in _IMAGE_LABELS]
    label = next((value for value in integers if value is not None), None)
    text = _bytes(features, _IMAGE_TEXTS)
    if label is None and text is None:
        text = _bytes(features, _IMAGE_LABELS)
    return (
        {} if label is None else {"label": label},
        {} if text is None else {"label": text.decode()},
    )


def _audio_labels(features: Any) -> tuple[dict[str, int], dict[str, str]]:
    labels: dict[str, int] = {}
    classes: dict[str, str] = {}
    for key in features:
        name, _, kind = key.partition("_")
        label, text = _integer(features, key), _bytes(features, (key,))
        if name == "label" and label is not None:
            labels[kind or name] = label
        elif name == "class" and text is not None:
            classes[kind or "label"] = text.decode()
    return labels, classes


def _integer(features: Any, key: str) -> int | None:
    if key not in features or not len(features[key].int64_list.value):
        return None
    value: int = features[key].int64_list.value[0]
    return value


def _bytes(features: Any, keys: Sequence[str]) -> bytes | None:
    for key in keys:
        if key in features and len(features[key].bytes_list.value):
            content: bytes = features[key].bytes_list.value[0]
            return content
    return None
