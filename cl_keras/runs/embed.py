# SPDX-License-Identifier: Apache-2.0
"""Features of whole data sets, to be used elsewhere."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras import data, evaluate
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.shared_classes import label_kinds
from cl_keras.data.spec import data_string
from cl_keras.labels import one_numbering
from cl_keras.runs.config import TrainConfig, check_options
from cl_keras.runs.encoder_names import check_fit, load_target
from cl_keras.runs.features import Features, check_path, write_features
from cl_keras.runs.jobs.job import READ_BY, load_job, open_source
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.runs.targets import data_settings, image_format

_SETTINGS = ("pattern", "label", "sample_rate")


def embed(
    target: str,
    source: str,
    *,
    out: str,
    registry: str | None = None,
    pattern: str | None = None,
    label: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes the features of a data set, with ids and labels, to a file.

    Args:
        target: A run folder, a `.keras` file, a SavedModel folder or a zoo name.
        source: A data string, or a plain path: a folder of images or recordings, a
            `.npz`, or TFRecords. Data with a training and a test part is embedded
            whole, and its rows say which part they are of.
        out: The file, `.npz` or `.parquet`; see `features.write_features`.
        registry: Registry directory for zoo names.
        pattern: Labels in the names of a folder's files, as in `data.load`.
        label: The group of `pattern` that gives the labels, as in `data.load`.
        settings: Settings of the data, such as `{"data.columns": "x,y,z"}`. A run's
            own are the default, of its data and, where that is series, of others.

    Returns:
        `features` (the file), `rows`, `dimensions`, `skipped_files`, `skipped` (each
        with its reason) and `seconds`.

    Raises:
        ValueError: If the data or the file is not understood, or the data does not
            suit the encoder.
        ImportError: If pyarrow is needed and not installed.

    Example:
    >>> embed("runs/demo", "digits", out="features.npz")  # doctest: +SKIP
    {'features': 'features.npz', 'rows': 1797, 'dimensions': 128, ...}
    """
    start = time.perf_counter()
    check_path(Path(out))
    spec = data_string(source)
    encoder, known = load_target(target, registry)
    found, skipped, _ = embed_data(
        encoder, spec, known=known, pattern=pattern, label=label, settings=settings
    )
    found = dataclasses.replace(found, facts={"encoder": target, **found.facts})
    write_features(Path(out), found)
    return {
        "features": out,
        "rows": len(found),
        "dimensions": found.features.shape[1],
        "skipped_files": len(skipped),
        "skipped": list(skipped),
        "seconds": round(time.perf_counter() - start, 1),
    }


def embed_data(
    encoder: keras.Model,
    spec: str,
    *,
    known: Mapping[str, Any],
    pattern: str | None = None,
    label: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> tuple[Features, tuple[str, ...], dict[str, Any]]:
    """Computes the features of all that a data string names."""
    kind = spec.partition(":")[0]
    taken = (*_SETTINGS, *READ_BY.get(kind, ()))
    check_options([x.removeprefix("data.") for x in settings or ()], "data", taken)
    rules = data_settings(spec, known, settings, pattern, label)
    source = open_source(TrainConfig("", spec, out="", settings=rules))
    if source.modality == "graph":
        return _embed_graph(encoder, source)
    options: dict[str, Any] = {}
    if source.modality == "audio":
        rate = (settings or {}).get("data.sample_rate")
        options["sample_rate"] = rate_to_read(encoder, known, rate)
    else:
        options["image_size"], options["channels"] = image_format(encoder)
    parts: dict[str, Any] = source.load_parts(**options)
    first = next(iter(parts.values()))
    check_fit(encoder, first.shape, spec)
    blocks = [_embed_part(encoder, part) for part in parts.values()]
    ids = [_ids(name, part, source) for name, part in parts.items()]
    names = [name for name, part in parts.items() for _ in range(len(part))]
    labels, class_names = _labels(list(parts.values()))
    facts: dict[str, Any] = {"data": spec, "modality": source.modality}
    if source.kind == "folder":
        facts["root"] = str(source.path)
    if isinstance(first, SequenceData) and first.sample_rate:
        facts["sample_rate"] = first.sample_rate
    found = Features(
        np.concatenate(blocks),
        np.concatenate(ids),
        labels,
        class_names,
        np.array(names) if len(parts) > 1 else None,
        facts,
    )
    skipped = tuple(dict.fromkeys(x for part in parts.values() for x in part.skipped))
    return found, skipped, parts


def _embed_part(encoder: keras.Model, part: Any) -> np.ndarray:
    if isinstance(part, ImageData):
        return evaluate.embed(encoder, part.images)
    return evaluate.embed_sequences(encoder, part.sequences)


def _ids(name: str, part: Any, source: data.Source) -> np.ndarray:
    if source.kind == "folder":
        # From the folder that was named, also where the part is one inside it.
        inside = os.path.relpath(source.folders[name], source.path)
        return np.array([os.path.normpath(f"{inside}/{text}") for text in part.ids])
    texts = part.ids or tuple(map(str, range(len(part))))
    return np.array([f"{name}/{text}" if name else text for text in texts])


def _labels(
    parts: list[Any],
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Labels of all parts under one numbering, by kind."""
    tables = [label_kinds(part) for part in parts]
    labels: dict[str, np.ndarray] = {}
    class_names: dict[str, tuple[str, ...]] = {}
    for kind in tables[0]:
        if any(kind not in table for table in tables):
            continue
        columns = [table[kind][0] for table in tables]
        given = [x for table in tables if (x := table[kind][1]) is not None]
        if len(given) == len(tables) and len(set(given)) > 1:
            columns, union = one_numbering(columns, given)
            given = [union]
        labels[kind] = np.concatenate(columns)
        if given:
            class_names[kind] = given[0]
    return labels, class_names


def _embed_graph(
    encoder: keras.Model, source: data.Source
) -> tuple[Features, tuple[str, ...], dict[str, Any]]:
    spec = source.spec
    if isinstance(encoder.input_shape, tuple):  # One tensor, not nodes and edges.
        raise ValueError(
            f"The encoder takes examples of shape {encoder.input_shape[1:]}. Received: "
            f"{spec}, which is graph data"
        )
    job: Any = load_job(TrainConfig("", spec, out=""), source)
    graph: GraphData = job.graph
    features = job.embed(encoder)
    found = graph.labels if graph.graph_ids is None else graph.graph_labels
    facts = {"data": spec, "modality": "graph"}
    names = {} if graph.class_names is None else {"label": tuple(graph.class_names)}
    texts = None if job.is_set else graph.node_ids
    ids = np.array(texts or tuple(map(str, range(len(features)))))
    if found is None:
        return Features(features, ids, facts=facts), (), {}
    return Features(features, ids, {"label": found}, names, facts=facts), (), {}
