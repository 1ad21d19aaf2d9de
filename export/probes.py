# SPDX-License-Identifier: Apache-2.0
"""Inputs to try exported signatures with.

Shared with `conformance.py`, which runs where neither Keras, cl_keras nor TF-GNN can
be imported: TensorFlow and NumPy only.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

Arrays = Mapping[str, np.ndarray]

# Rows of the parts that are sent one by one and all together.
PARTS = (1, 3, 3)
GRAPHS = (4, 1, 0, 3, 2, 5, 3)  # Nodes of the graphs that are sent serialized.
# What an open time axis is tried with: samples, and vectors.
SAMPLES, VECTORS = 20_480, 256
# A prime number of samples.
PERIOD = 1_999
#: Inputs of strings.
STRINGS = ("image_bytes", "audio_bytes", "examples", "graph_tensor")


def floats(count: int, shape: Sequence[int]) -> np.ndarray:
    """Random inputs in [0, 1], each row brighter than the one before."""
    rng = np.random.default_rng(0)
    # So that statistics over a batch would show.
    level = np.linspace(0.1, 1.0, max(count, 1))[:count]
    values = rng.random((count, *shape)) * level.reshape(-1, *[1] * len(shape))
    return values.astype(np.float32)


def pictures(count: int, shape: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The same as pixels and as PNG files."""
    pixels = np.round(floats(count, shape) * 255).astype(np.uint8)
    files = [tf.io.encode_png(p).numpy() for p in pixels]
    return pixels, np.array(files, dtype=object)


def fits(shape: Sequence[int | None], given: Sequence[int]) -> bool:
    """Says whether sides are those of a shape, of which None is open."""
    return len(shape) == len(given) and all(
        side in (None, n) for side, n in zip(shape, given, strict=True)
    )


def closed(shape: Sequence[int | None]) -> tuple[int, ...]:
    """Fills an open time axis of one example's shape with a length to try."""
    wave = len(shape) == 1 or shape[-1] == 1
    return tuple((SAMPLES if wave else VECTORS) if n is None else n for n in shape)


def random_graph(nodes: int, width: int) -> dict[str, np.ndarray]:
    """Makes a ring of random nodes, its first with a self loop; one node is alone."""
    here = np.arange(nodes if nodes > 1 else 0, dtype=np.int32)
    there = np.roll(here, -1)
    pairs = [*zip(here, there, strict=True), *zip(there, here, strict=True)]
    edges = np.array([*pairs, *([(0, 0)] if pairs else [])], np.int32).reshape(-1, 2)
    features = np.random.default_rng(nodes).random((nodes, width)).astype(np.float32)
    return {"features": features, "edges": edges}


def serialized(graph: Arrays, facts: Mapping[str, Any]) -> bytes:
    """A graph as TF-GNN's Example; written by hand, since a server has no TF-GNN."""
    example = tf.train.Example()
    fields = example.features.feature
    nodes, edges = f"nodes/{facts['node_set']}.", f"edges/{facts['edge_set']}."
    fields[f"{nodes}#size"].int64_list.value.append(len(graph["features"]))
    fields[f"{edges}#size"].int64_list.value.append(len(graph["edges"]))
    pair = graph["edges"].T
    if facts["receiver"] == "source":
        pair = pair[::-1]
    fields[f"{edges}#source"].int64_list.value.extend(pair[0].tolist())
    fields[f"{edges}#target"].int64_list.value.extend(pair[1].tolist())
    start = 0
    for column in facts["features"]:
        values = graph["features"][:, start : start + column["width"]].ravel()
        start += column["width"]
        if tf.dtypes.as_dtype(column["dtype"]).is_floating:
            fields[nodes + column["name"]].float_list.value.extend(values.tolist())
        else:
            integers = values.astype(np.int64).tolist()
            fields[nodes + column["name"]].int64_list.value.extend(integers)
    return example.SerializeToString()


def graphs(facts: Mapping[str, Any]) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """Random graphs as tensors and serialized."""
    parts = facts["graph_tensor"]
    made = [random_graph(nodes, facts["shape"][0]) for nodes in GRAPHS]
    if not all(tf.dtypes.as_dtype(c["dtype"]).is_floating for c in parts["features"]):
        for graph in made:
            graph["features"] = np.round(graph["features"])
    return made, np.array([serialized(graph, parts) for graph in made], dtype=object)


def recordings(count: int, facts: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Random waveforms, as 16-bit samples and as WAV files."""
    samples = facts["samples"] or min(
        SAMPLES, int(facts["max_seconds"] * facts["sample_rate"])
    )
    # Noise that comes again: what is cut or shifted shows, and warm-ups compress.
    noise = floats(count, (min(samples, PERIOD),))
    repeated = np.tile(noise, (1, -(-samples // PERIOD)))[:, :samples]
    values = np.round((repeated - 0.5) * 2**16).clip(-(2**15))
    pcm = values.astype("<i2")
    files = [wav(row, facts["sample_rate"]) for row in pcm]
    return pcm, np.array(files, dtype=object)


def wav(pcm: np.ndarray, rate: int) -> bytes:
    """A WAV file of one channel of 16 bits; by the standard library alone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.astype("<i2").tobytes())
    return buffer.getvalue()


def rows(
    inputs: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any], count: int
) -> Arrays | None:
    """Inputs of some rows for a signature, as a warm-up or a check sends them."""
    if facts.get("modality") == "graph" and inputs.keys() == {"features", "edges"}:
        return random_graph(count, facts["shape"][0])
    if len(inputs) != 1:
        return None
    ((key, spec),) = inputs.items()
    if spec["dtype"] == "string":
        return {key: strings(key, facts, count)} if key in STRINGS else None
    if spec["dtype"] == "float32":
        return {key: floats(count, closed(spec["shape"][1:]))}
    return None


def strings(key: str, facts: Mapping[str, Any], count: int) -> np.ndarray:
    """Valid strings for an input."""
    if key == "graph_tensor":
        return np.resize(graphs(facts)[1], count)
    return numbers_and_strings(key, facts, count)[1]


def numbers_and_strings(
    key: str, facts: Mapping[str, Any], count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as the encoder takes them, and valid strings that hold them."""
    if key == "image_bytes":
        pixels, files = pictures(count, facts["shape"])
        return pixels.astype(np.float32) / 255, files
    if key == "audio_bytes":
        pcm, files = recordings(count, facts)
        values = pcm.astype(np.float32) / 2**15
        return values.reshape(*values.shape, *facts["shape"][1:]), files
    packed = facts["examples"]
    if packed["dtype"] == "string":
        values, contents = numbers_and_strings(packed["feature"], facts, count)
    else:
        values = contents = floats(count, closed(facts["shape"]))
    made = [example(packed["feature"], content) for content in contents]
    return values, np.array(made, dtype=object)


def example(feature: str, value: bytes | np.ndarray) -> bytes:
    """A serialized `tf.train.Example` of one feature, a file or numbers."""
    made = tf.train.Example()
    field = made.features.feature[feature]
    if isinstance(value, bytes):
        field.bytes_list.value.append(value)
    else:
        field.float_list.value.extend(value.ravel().tolist())
    return made.SerializeToString()


def parts(
    inputs: Mapping[str, Mapping[str, Any]], facts: Mapping[str, Any]
) -> list[Arrays] | None:
    """Inputs with 1, 3 and 3 rows for a signature, or None if it is unknown."""
    if len(inputs) > 1:
        made = [rows(inputs, facts, count) for count in PARTS]
        return None if None in made else [part for part in made if part is not None]
    batch = rows(inputs, facts, sum(PARTS))
    if batch is None:
        return None
    ((key, values),) = batch.items()
    return [{key: part} for part in np.split(values, np.cumsum(PARTS)[:-1])]


def join(parts: Sequence[Arrays]) -> Arrays:
    """Puts inputs together: rows one after the other, graphs side by side."""
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    if "edges" in joined:
        sizes = [len(part["features"]) for part in parts]
        starts = np.cumsum([0, *sizes[:-1]]).astype(np.int32)
        shifted = [p["edges"] + start for p, start in zip(parts, starts, strict=True)]
        joined["edges"] = np.concatenate(shifted)
    return joined


def concatenate(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Rows one after the other, filled up with zeros to the longest."""
    sides = np.max([array.shape[1:] for array in arrays], axis=0).astype(int)
    filled = []
    for array in arrays:
        missing = zip(sides, array.shape[1:], strict=True)
        filled.append(np.pad(array, [(0, 0), *((0, n - m) for n, m in missing)]))
    return np.concatenate(filled)
