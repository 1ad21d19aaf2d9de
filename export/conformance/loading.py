# SPDX-License-Identifier: Apache-2.0
"""A SavedModel through the two loaders: Python's, and the one that a server uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from cl_keras.export.conformance.report import Arrays

#: Parts of a path that TensorFlow takes for a pattern when it reads variables.
PATTERN = re.compile(r"\[.+\]|\\")

#: By signature, `inputs` and `outputs`: by name, `dtype` and `shape`.
Specs = dict[str, dict[str, dict[str, dict[str, Any]]]]
Call = Callable[[str, Arrays], Arrays]


@dataclass(frozen=True)
class Bundle:
    """A loaded SavedModel and what is known of it.

    `facts` are the manifest's `input`; `largest` is the largest batch that a server
    makes, None if it makes none.
    """

    loader: str
    specs: Specs
    call: Call
    facts: Mapping[str, Any]
    tolerance: float
    largest: int | None

    def takers_of_strings(self) -> Iterator[tuple[str, str]]:
        """Finds the signatures with one input, of strings, and that input."""
        for name, spec in sorted(self.specs.items()):
            (key, given), *others = spec["inputs"].items()
            if given["dtype"] == "string" and not others:
                yield name, key


def _described(tensors: Mapping[str, tf.TensorSpec]) -> dict[str, dict[str, Any]]:
    return {
        key: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for key, spec in tensors.items()
    }


def load_eager(folder: Path) -> tuple[Specs, Call]:
    """Loads with `tf.saved_model.load`."""
    loaded = tf.saved_model.load(str(folder))

    def call(name: str, feed: Arrays) -> Arrays:
        # `loaded` has to stay alive: the signatures hold its variables weakly.
        out = loaded.signatures[name](**{k: tf.constant(v) for k, v in feed.items()})
        return {k: v.numpy() for k, v in out.items()}

    specs = {
        name: {
            "inputs": _described(function.structured_input_signature[1]),
            "outputs": _described(function.structured_outputs),
        }
        for name, function in loaded.signatures.items()
    }
    return specs, call


def load_session(folder: Path) -> tuple[Specs, Call]:
    """Loads with `tf.compat.v1.saved_model.load` and a session, as a server does."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    signatures = {
        name: definition
        for name, definition in meta.signature_def.items()
        if not name.startswith("__")
    }

    def side(tensors: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        return _described(
            {k: tf.TensorSpec(t.tensor_shape, t.dtype) for k, t in tensors.items()}
        )

    def call(name: str, feed: Arrays) -> Arrays:
        definition = signatures[name]
        fetches = {k: t.name for k, t in definition.outputs.items()}
        feeds = {definition.inputs[k].name: v for k, v in feed.items()}
        return session.run(fetches, feeds)

    specs = {
        name: {"inputs": side(d.inputs), "outputs": side(d.outputs)}
        for name, d in signatures.items()
    }
    return specs, call
