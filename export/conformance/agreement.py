# SPDX-License-Identifier: Apache-2.0
"""Files give what the numbers in them give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cl_keras.export import probes
from cl_keras.export.conformance.loading import Bundle
from cl_keras.export.conformance.report import Arrays, Row, compare

_COUNT = sum(probes.PARTS)


def agreement_rows(bundle: Bundle) -> Iterator[Row]:
    """Compares each signature that takes strings with the one that takes numbers."""
    for name, spec in sorted(bundle.specs.items()):
        (key, given), *others = spec["inputs"].items()
        if given["dtype"] != "string" or others:
            continue
        reference = "neighbors" if "ids" in spec["outputs"] else "serving_default"
        if reference not in bundle.specs:
            continue
        if key == "graph_tensor":
            output, expected = _graphs(bundle, name, key)
        else:
            values, files = _files(bundle, key)
            output = dict(bundle.call(name, {key: files}))
            (float_input,) = bundle.specs[reference]["inputs"]
            expected = dict(bundle.call(reference, {float_input: values}))
        if "valid" in output:
            expected = {**expected, "valid": np.ones(len(output["valid"]), bool)}
        label = f"{bundle.loader}: {name}: equals {reference}"
        yield label, *compare(output, expected, bundle.tolerance)


def _files(bundle: Bundle, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers, and the strings that hold them."""
    facts = bundle.facts
    if key == "examples":
        packed = facts["examples"]
        if packed["dtype"] == "float32":
            values = probes.floats(_COUNT, probes.closed(facts["shape"]))
            contents: Any = values
        else:
            values, contents = _files(bundle, packed["feature"])
        made = [probes.example(packed["feature"], content) for content in contents]
        return values, np.array(made, dtype=object)
    if key == "audio_bytes":
        pcm, files = probes.recordings(_COUNT, facts)
        values = pcm.astype(np.float32) / 2**15
        return values.reshape(*values.shape, *facts["shape"][1:]), files
    pixels, files = probes.pictures(_COUNT, facts["shape"])
    return pixels.astype(np.float32) / 255, files


def _graphs(bundle: Bundle, name: str, key: str) -> tuple[Arrays, Arrays]:
    """Serialized graphs give what each gives alone as tensors, and its mean."""
    graphs, files = probes.graphs(bundle.facts)
    rows = [bundle.call("serving_default", graph)["embedding"] for graph in graphs]
    means = [r.mean(axis=0) if len(r) else np.zeros(r.shape[1]) for r in rows]
    return bundle.call(name, {key: files}), {
        "embedding": probes.concatenate([r[np.newaxis] for r in rows]),
        "graph_embedding": np.stack(means),
        "nodes": np.array(probes.GRAPHS),
    }
