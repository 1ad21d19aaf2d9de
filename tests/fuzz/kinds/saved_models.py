# SPDX-License-Identifier: Apache-2.0
"""SavedModels of which a file is damaged."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.runs.encoder_names import load_target
from fuzz.kind import Kind, damaged


@functools.cache
def model_files() -> dict[str, bytes]:
    """A SavedModel's files by their names."""

    class Twice(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(np.ones((4, 2), np.float32))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
        def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"embedding": x @ self.w}

    with tempfile.TemporaryDirectory() as folder:
        module = Twice()
        tf.saved_model.save(module, folder, {"serving_default": module.serve})
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in Path(folder).rglob("*")
            if path.is_file()
        }


def read_model(place: Path) -> str:
    model, _ = load_target(str(place))
    return f"features {model(np.ones((1, 4), np.float32)).shape}"


def models() -> list[Kind]:
    def kind(part: str, damage: str, change: Callable[[bytes], bytes | None]) -> Kind:
        def make(place: Path) -> None:
            (name,) = (x for x in model_files() if x.endswith(part))
            for other, content in model_files().items():
                (place / other).parent.mkdir(exist_ok=True)
                if (
                    content := change(content) if other == name else content
                ) is not None:
                    (place / other).write_bytes(content)

        return Kind("SavedModel", f"{part}: {damage}", make, read_model, ".")

    def nth(damage: str) -> Callable[[bytes], bytes]:
        return lambda content: damaged(content)[damage]

    parts = ("saved_model.pb", "variables.index", ".data-00000-of-00001")
    names = (
        "empty",
        "cut in half",
        "zeros from the middle on",
        "a flipped byte in the middle",
    )
    names += ("first byte flipped", "a web page under this name")
    return [
        *(kind(part, name, nth(name)) for part in parts for name in names),
        *(kind(part, "missing", lambda content: None) for part in parts[1:]),
    ]


def kinds() -> list[Kind]:
    return models()
