# SPDX-License-Identifier: Apache-2.0
"""A SavedModel through the two loaders: Python's, and the one that a server uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
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

    Args:
        loader: Name of the loader, as it stands in rows.
        specs: Its signatures.
        call: Calls one of them.
        facts: The manifest's `input`.
        tolerance: How far numbers may differ.
        largest: The largest batch that a server makes; None if it makes none.
    """

    loader: str
    specs: Specs
    call: Call
    facts: Mapping[str, Any]
    tolerance: float
    largest: int | None


def load_eager(folder: Path) -> tuple[Specs, Call]:
    """Loads with `tf.saved_model.load`."""
    loaded = tf.saved_model.load(str(folder))
    specs: Specs = {}
    for name, function in loaded.signatures.items():
        specs[name] = {
            "inputs": {
                k: {"dtype": s.dtype.name, "shape": s.shape.as_list()}
                for k, s in function.structured_input_signature[1].items()
            },
            "outputs": {
                k: {"dtype": s.dtype.name, "shape": s.shape.as_list()}
                for k, s in function.structured_outputs.items()
            },
        }

    def call(name: str, feed: Arrays) -> Arrays:
        # `loaded` has to stay alive: the signatures hold its variables weakly.
        out = loaded.signatures[name](**{k: tf.constant(v) for k, v in feed.items()})
        return {k: v.numpy() for k, v in out.items()}

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
        return {
            k: {
                "dtype": tf.dtypes.as_dtype(t.dtype).name,
                "shape": tf.TensorShape(t.tensor_shape).as_list(),
            }
            for k, t in tensors.items()
        }

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
