# SPDX-License-Identifier: Apache-2.0
"""TFRecord files: of images, packed with an index, and of GraphTensors."""

import functools
import gzip
import json
import shutil
import struct
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras import data
from fuzz.kind import Kind, damaged, files, flipped, patched
from fuzz.kinds.pictures import PNG

Feature = tf.train.Feature


def example(**features: object) -> bytes:
    """A serialized example of bytes, integers or floats."""
    made = {}
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        if isinstance(values[0], bytes):
            feature = Feature(bytes_list=tf.train.BytesList(value=values))
        elif isinstance(values[0], float):
            feature = Feature(float_list=tf.train.FloatList(value=values))
        else:
            feature = Feature(int64_list=tf.train.Int64List(value=values))
        made[name.replace("__", "/")] = feature
    features = tf.train.Features(feature=made)
    return tf.train.Example(features=features).SerializeToString(deterministic=True)


@functools.cache
def framed(*examples: bytes) -> bytes:
    """A TFRecord file."""
    with tempfile.NamedTemporaryFile() as file:
        with tf.io.TFRecordWriter(file.name) as writer:
            for content in examples:
                writer.write(content)
        return Path(file.name).read_bytes()


GOOD = example(image__encoded=PNG, image__class__label=1)


FILE = framed(GOOD, GOOD)


def read(place: Path) -> str:
    found = data.load(f"tfrecord:{place / 'a.tfrecord'}", image_size=8)
    return f"{len(found)} images, labels {found.labels}"


def records() -> dict[str, bytes]:
    huge = struct.pack("<Q", 2**62)
    return damaged(FILE) | {
        "a length of 4 exabytes": patched(FILE, 0, huge),
        "a length of 4 exabytes with its checksum": huge
        + struct.pack("<I", _masked(huge))
        + FILE[12:],
        "a length of 4 GB with its checksum": _length(2**32) + FILE[12:],
        "a record of no bytes": framed(b"", GOOD),
        "a record that is no example": framed(b"\xff\xff\xff", GOOD),
        "a record of text": framed(b"hello", GOOD),
        "no image": framed(example(label=1)),
        "an image that is text": framed(example(image=b"hello"), GOOD),
        "an image that is a number": framed(example(image=1), GOOD),
        "an image of no bytes": framed(example(image=b""), GOOD),
        "two images in one record": framed(example(image=[PNG, PNG]), GOOD),
        "a label of minus 5": framed(example(image=PNG, label=-5), GOOD),
        "the largest label": framed(example(image=PNG, label=2**63 - 1), GOOD),
        "a label that is a fraction": framed(example(image=PNG, label=0.5), GOOD),
        "a label that is not UTF-8": framed(example(image=PNG, label=b"\xff"), GOOD),
        "some labels missing": framed(example(image=PNG), GOOD),
        "a name that is not UTF-8": framed(
            example(image=PNG, label=0, cl_keras__id=b"\xff\xfe"), GOOD
        ),
        "a name that leads out": framed(
            example(image=PNG, label=0, cl_keras__id=b"../../etc/passwd"), GOOD
        ),
        "compressed, though its name does not say so": gzip.compress(FILE, mtime=0),
        "a PNG under this name": PNG,
    }


def _masked(content: bytes) -> int:
    """TFRecord's checksum: a CRC-32C, turned and moved."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _length(size: int) -> bytes:
    head = struct.pack("<Q", size)
    return head + struct.pack("<I", _masked(head))


def read_compressed(place: Path) -> str:
    found = data.load(f"tfrecord:{place / 'a.tfrecord.gz'}", image_size=8)
    return f"{len(found)} images"


def compressed() -> dict[str, bytes]:
    whole = gzip.compress(FILE, mtime=0)
    return {
        "cut in half": whole[: len(whole) // 2],
        "not compressed": FILE,
        "a flipped byte in the middle": flipped(whole, len(whole) // 2),
        "zeros that unpack to 64 MB": gzip.compress(bytes(2**26), mtime=0),
        "a record of 64 MB of zeros": gzip.compress(
            _length(2**26) + bytes(2**26 + 4), mtime=0
        ),
    }


@functools.cache
def _packed() -> dict[str, bytes]:
    """A packed folder of two images."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a", "b"):
            Path(folder, "in", name).mkdir(parents=True)
            Path(folder, "in", name, "x.png").write_bytes(PNG)
        data.write_records(f"folder:{folder}/in", f"{folder}/out", shards=2, name="p")
        return {path.name: path.read_bytes() for path in Path(folder, "out").iterdir()}


def packed() -> list[Kind]:
    def kind(damage, change, names="index.json"):
        def make(place: Path) -> None:
            for name, content in _packed().items():
                (place / name).write_bytes(content)
            change(place)

        return Kind("packed records", damage, make, read_packed, names)

    def index(damage, names="index.json", **changes):
        def change(place: Path) -> None:
            content = json.loads((place / "index.json").read_text())
            for key, value in changes.items():
                content[key] = value(content[key]) if callable(value) else value
            (place / "index.json").write_text(json.dumps(content))

        return kind(damage, change, names)

    def written(damage, text, names="index.json"):
        def change(place: Path) -> None:
            (place / "index.json").write_bytes(text)

        return kind(damage, change, names)

    def shard(key, value):
        return lambda shards: [{**shards[0], key: value}, *shards[1:]]

    def rows(**changes):
        def change(place: Path) -> None:
            with np.load(place / "rows.npz") as file:
                arrays = {**file, **changes}
            np.savez(
                place / "rows.npz", **{k: v for k, v in arrays.items() if v is not None}
            )
            from cl_keras.file_record import FileRecord

            content = json.loads((place / "index.json").read_text())
            content["rows"] = vars(FileRecord.of(place, "rows.npz"))
            (place / "index.json").write_text(json.dumps(content))

        return change

    one, two = "p-00000-of-00002.tfrecord", "p-00001-of-00002.tfrecord"
    big = 2**40
    return [
        written("an empty index", b""),
        written("an index cut in half", b'{"cl_keras_records": 1, "name"'),
        written("an index of nothing but brackets", b"[" * 100_000),
        written("an index that is not UTF-8", b'{"cl_keras_records": "\xff"}'),
        written("an index of another format", b'{"cl_keras_records": 99}'),
        index("no shards", shards=[]),
        index("shards that are a number", shards=1),
        index("a shard that leads out", shards=shard("path", "../x.tfrecord")),
        index("a shard of the system's", shards=shard("path", "/etc/passwd")),
        index("a shard of another drive", shards=shard("path", "C:\\x.tfrecord")),
        index("a shard of 1 TB", names=one, shards=shard("size", big)),
        index("a shard of a negative size", shards=shard("size", -1)),
        index(
            "a shard of a million records",
            names="rows.npz",
            shards=shard("count", 10**6),
        ),
        index("a number of records that is text", shards=shard("count", "many")),
        index("a checksum that is none", shards=shard("sha256", "x")),
        index("a part that nobody has", shards=shard("part", "other")),
        index("a modality that is none", modality="smell"),
        index("a rate that is text", sample_rate="fast"),
        index("names of classes that are numbers", class_names={"label": 3}),
        index("too few names of classes", class_names={"label": []}),
        index("skipped files that are a number", skipped=3),
        kind("a shard missing", lambda p: (p / one).unlink(), one),
        kind("rows missing", lambda p: (p / "rows.npz").unlink(), "rows.npz"),
        kind("a shard cut", lambda p: (p / one).write_bytes(FILE[:9]), one),
        kind("shards swapped", lambda p: shutil.copy(p / one, p / two), two),
        kind("a shard that is a link out of the folder", _linked, one),
        kind(
            "a shard more", lambda p: (p / "q.tfrecord").write_bytes(FILE), "q.tfrecord"
        ),
        kind("rows without places", rows(offset=None), "rows.npz"),
        kind(
            "rows of places beyond the file",
            rows(offset=np.array([big, big])),
            "rows.npz",
        ),
        kind("rows of negative lengths", rows(length=np.array([-1, -1])), "rows.npz"),
        kind(
            "rows of shards that are not there",
            rows(shard=np.array([7, 7])),
            "rows.npz",
        ),
        kind("too many rows", rows(offset=np.arange(9)), "rows.npz"),
        kind("rows of fractions", rows(offset=np.array([0.5, 0.5])), "rows.npz"),
    ]


def _linked(place: Path) -> None:
    path = place / "p-00000-of-00002.tfrecord"
    other = place.parent / "elsewhere"
    path.rename(other)
    path.symlink_to(other)


def read_packed(place: Path) -> str:
    """The packed images, read by row as training from large folders does."""
    found = data.record_images(place)
    images = [image for image, _ in found.dataset(8).as_numpy_iterator()]
    return f"{len(images)} images, labels {found.labels}"


def kinds() -> list[Kind]:
    return [
        *files("TFRecord", "a.tfrecord", records(), read),
        *files("TFRecord.gz", "a.tfrecord.gz", compressed(), read_compressed),
        *packed(),
    ]
