# SPDX-License-Identifier: Apache-2.0
"""What an exported encoder tells of where it comes from and how it was written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

import cl_keras
from cl_keras import artifact, gnn

_AS_THEY_ARE = ("sample_rate", "samples", "max_seconds", "on_error", "max_pixels")


def checked_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Checks that what is to be kept with an export is JSON."""
    try:
        values: dict[str, Any] = json.loads(
            json.dumps(dict(metadata or {}), allow_nan=False)
        )
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Expected metadata of JSON values ({error}). Received: {metadata!r}"
        ) from error
    return values


def library_versions() -> dict[str, str]:
    """Returns the versions of the libraries that export."""
    return {
        "cl_keras": cl_keras.__version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
    }


def written_options(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads from a manifest what `export.saved_model` was asked for."""
    manifest = artifact.read_manifest(folder)
    facts = manifest["input"]
    options = {key: facts[key] for key in _AS_THEY_ARE if key in facts}
    names = set(manifest["signatures"])
    options["bytes_input"] = bool(names - {artifact.FLOAT_SIGNATURE})
    options["train"] = bool(manifest.get("functions"))
    if graph := facts.get("graph_tensor"):
        columns = graph["features"]
        options["graph_schema"] = gnn.Layout(
            graph["node_set"],
            graph["edge_set"],
            tuple(column["name"] for column in columns),
            tuple(column["width"] for column in columns),
            tuple(column["dtype"] for column in columns),
            graph["receiver"],
        )
    return options
