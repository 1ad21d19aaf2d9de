# SPDX-License-Identifier: Apache-2.0
"""With which options a version was written, so that it can be written anew."""

from __future__ import annotations

import os
from typing import Any

from cl_keras import artifact, gnn

_AS_THEY_ARE = ("sample_rate", "samples", "max_seconds", "on_error", "max_pixels")


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
