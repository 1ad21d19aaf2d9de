# SPDX-License-Identifier: Apache-2.0
"""Encoders and their weights: `.keras`, safetensors, SavedModels."""

import functools
import io
import json
import struct
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np

from cl_keras import checkpoints, runs
from fuzz.kind import Kind, damaged, files
from fuzz.kinds.graphs import zipped
from fuzz.kinds.tables import lying


@functools.cache
def encoder() -> dict[str, bytes]:
    """The members of a `.keras` archive."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")])
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/a.keras")
        with zipfile.ZipFile(f"{folder}/a.keras") as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def read_encoder(place: Path) -> str:
    model, _ = runs.load_encoder(str(place / "a.keras"))
    features = model.predict(np.ones((1, 4), np.float32), verbose=0)
    return f"features {features.shape}"


def archives() -> dict[str, Callable[[], bytes]]:
    def packed(**changes: bytes | None) -> bytes:
        members = encoder() | {k.replace("__", "."): v for k, v in changes.items()}
        return zipped({k: v for k, v in members.items() if v is not None})

    def config(change: Callable[[dict], object]) -> Callable[[], bytes]:
        def make() -> bytes:
            content = json.loads(encoder()["config.json"])
            content = change(content) or content
            return packed(config__json=json.dumps(content).encode())

        return make

    def layer(**fields: object) -> Callable[[], bytes]:
        """In place of the dense layer another thing."""

        def change(content: dict) -> None:
            content["config"]["layers"][1] = fields

        return config(change)

    def dense(**fields: object) -> Callable[[], bytes]:
        return config(lambda x: x["config"]["layers"][1]["config"].update(fields))

    def weights(change: Callable[[h5py.File], object]) -> Callable[[], bytes]:
        def make() -> bytes:
            stream = io.BytesIO(encoder()["model.weights.h5"])
            with h5py.File(stream, "r+") as file:
                change(file)
            return packed(model__weights__h5=stream.getvalue())

        return make

    def kernel(**options: object) -> Callable[[], bytes]:
        def change(file: h5py.File) -> None:
            place = file["layers/dense/vars"]
            del place["0"]
            place.create_dataset("0", **options)

        return weights(change)

    def linked(link: object) -> Callable[[], bytes]:
        def change(file: h5py.File) -> None:
            place = file["layers/dense/vars"]
            del place["0"]
            place["0"] = link

        return weights(change)

    def keras_layer(name: str, **fields: object) -> Callable[[], bytes]:
        return layer(
            module="keras.layers", class_name=name, config=fields, registered_name=None
        )

    whole = zipped(encoder())
    code = {
        "class_name": "__lambda__",
        "config": {"code": "4wEAAAA=", "defaults": None},
    }
    return damaged(whole) | {
        "no configuration": lambda: packed(config__json=None),
        "no weights": lambda: packed(model__weights__h5=None),
        "a configuration that is no JSON": lambda: packed(config__json=b"{"),
        "a configuration of brackets": lambda: packed(config__json=b"[" * 100_000),
        "a configuration of a list": lambda: packed(config__json=b"[]"),
        "weights that are text": lambda: packed(model__weights__h5=b"hello"),
        "weights cut in half": lambda: packed(
            model__weights__h5=encoder()["model.weights.h5"][:5000]
        ),
        "a member that leads out": lambda: zipped(encoder() | {"../../out.txt": b"x"}),
        "an absolute member": lambda: zipped(encoder() | {"/tmp/out.txt": b"x"}),
        "a member that says it is 4 GB": lambda: lying(whole, 2**32 - 2),
        "a Lambda": keras_layer("Lambda", function=code),
        "a Lambda of a name": keras_layer("Lambda", function="os.system"),
        "a class of the system's": layer(
            module="os",
            class_name="system",
            config={"command": "touch ran"},
            registered_name=None,
        ),
        "a function of the system's": layer(
            module="builtins",
            class_name="function",
            config="os.system",
            registered_name="function",
        ),
        "a module that does something": layer(
            module="antigravity", class_name="fly", config={}, registered_name=None
        ),
        "a function that downloads": layer(
            module="keras.utils",
            class_name="get_file",
            registered_name=None,
            config={"fname": "x", "origin": "http://127.0.0.1:9/x"},
        ),
        "a function that writes": layer(
            module="keras.utils",
            class_name="save_img",
            registered_name=None,
            config={"path": "out.png", "x": [[[0]]]},
        ),
        "a SavedModel from elsewhere": keras_layer("TFSMLayer", filepath="/tmp/evil"),
        "a pickle of PyTorch's": keras_layer("TorchModuleWrapper", module="gASVAAAA"),
        "words from a file of the system's": keras_layer(
            "StringLookup", vocabulary="/etc/passwd"
        ),
        "an activation of the system's": dense(activation="os.system"),
        "an activation that is a Lambda": dense(activation=code),
        "an initializer of the system's": dense(
            kernel_initializer={
                "module": "os",
                "class_name": "system",
                "config": {"command": "touch ran"},
            }
        ),
        "a class that nobody has": layer(
            module="mine", class_name="Mine", config={}, registered_name="mine>Mine"
        ),
        "2 billion units": dense(units=2**31 - 1),
        "minus 3 units": dense(units=-3),
        "units that are text": dense(units="many"),
        "a layer within itself 2,000 deep": config(_nested),
        "no layers": config(lambda x: x["config"].update(layers=[])),
        "layers that are text": config(lambda x: x["config"].update(layers="none")),
        "a kernel of another shape": kernel(data=np.ones((3, 2), np.float32)),
        "a kernel of 4 TB that is not there": kernel(
            shape=(10**6, 10**6), dtype="f4", chunks=(100, 100)
        ),
        "a kernel of text": kernel(data=np.full((4, 2), b"x")),
        "a kernel of NaN": kernel(data=np.full((4, 2), np.nan, np.float32)),
        "a kernel in a file of the system's": kernel(
            shape=(4, 2), dtype="f4", external=[("/etc/passwd", 0, 32)]
        ),
        "a kernel that is linked elsewhere": linked(
            h5py.ExternalLink("/etc/x.h5", "/a")
        ),
        "a kernel that is linked to itself": linked(
            h5py.SoftLink("/layers/dense/vars/0")
        ),
        "a kernel that is a group": linked(h5py.SoftLink("/layers")),
    }


def _nested(content: dict) -> dict:
    inner = content
    for _ in range(100):
        inner = {
            "module": "keras",
            "class_name": "Sequential",
            "registered_name": "Sequential",
            "config": {"name": "s", "layers": [inner]},
        }
    return inner


def safe(header: object, data: bytes = bytes(16), size: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data


def safetensors() -> dict[str, bytes]:
    def tensor(**changes: object) -> dict:
        return {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | changes

    def of(**changes: object) -> bytes:
        return safe({"conv1.weight": tensor(**changes)})

    return damaged(of()) | {
        "a header of 16 EB": safe({}, size=2**64 - 1),
        "a header of 100 MB that is not there": safe({}, size=10**8),
        "a header that is no JSON": safe(b"{"),
        "a header of brackets": safe(b"[" * 100_000),
        "a header that is a list": safe([]),
        "no tensors": safe({}, b""),
        "a shape of 4 TB": of(shape=[10**12, 1]),
        "a negative shape": of(shape=[-2, 2]),
        "a shape beyond 64 bits": of(shape=[2**70, 2]),
        "places beyond the file": of(data_offsets=[0, 10**9]),
        "places that go back": of(data_offsets=[16, 0]),
        "a dtype that nobody has": of(dtype="F3"),
        "half floats of brains": safe(
            {"conv1.weight": tensor(dtype="BF16", data_offsets=[0, 8])}, bytes(8)
        ),
        "two tensors at one place": safe(
            {"a": tensor(), "b": tensor(data_offsets=[8, 24])}
        ),
        "a tensor twice": safe(
            b'{"a":%s,"a":%s}' % ((json.dumps(tensor()).encode(),) * 2)
        ),
        "names with separators": safe({"../../conv1.weight": tensor()}),
        "a network that nobody knows": safe({"a.b": tensor()}),
        "a ResNet of one weight": of(shape=[4], data_offsets=[0, 16]),
        "weights of NaN": safe(
            {"conv1.weight": tensor(shape=[1, 1, 2, 2])},
            struct.pack("<4f", *[float("nan")] * 4),
        ),
    }


SAFE = safe(
    {"conv1.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
)


def read_checkpoint(place: Path) -> str:
    (path,) = place.iterdir()
    return checkpoints.open_checkpoint(path).architecture


def kinds() -> list[Kind]:
    return [
        *files(".keras", "a.keras", archives(), read_encoder),
        *files("safetensors", "a.safetensors", safetensors(), read_checkpoint),
    ]
