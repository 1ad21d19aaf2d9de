# SPDX-License-Identifier: Apache-2.0
"""Search by example: the nearest of a data set to files of one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras import check, data, evaluate
from cl_keras.data.file_kinds import kind_of, sorted_suffixes
from cl_keras.data.folder_walk import modality_of_folder
from cl_keras.data.images.decode_all import decode_all
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.own_size import height_width
from cl_keras.data.listing import find_examples
from cl_keras.data.sequences.recording import common_rate, read_recording
from cl_keras.data.spec import data_string
from cl_keras.runs.embed import check_fit, embed_data
from cl_keras.runs.encoder_names import load_target
from cl_keras.runs.features import Features, read_features
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.runs.targets import image_format
from cl_keras.show.image_plots import found_grid

_SHOWN = 8  # Columns, and so at most that many neighbours, of the grid.


def neighbors(
    target: str,
    queries: Sequence[str],
    *,
    source: str | None = None,
    features: str | None = None,
    k: int = 8,
    out: str | None = None,
    registry: str | None = None,
    pattern: str | None = None,
    label: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Finds the nearest examples to each query file, by cosine similarity.

    Args:
        target: A run folder, a `.keras` file, a SavedModel folder or a zoo name.
        queries: Files, or folders of them: images or recordings, as the encoder
            takes. A query that is itself in the data is not its own neighbour.
        source: What to search, as in `embed`.
        features: Instead, a file that `embed` wrote with the same encoder.
        k: Neighbours for each query.
        out: Where to draw a grid of images, `.png`; not drawn for other data, or
            where the images of the features are no longer there.
        registry: Registry directory for zoo names.
        pattern: Labels in the names of a folder's files, as in `data.load`.
        label: The group of `pattern` that gives the labels, as in `data.load`.
        settings: Settings of the data, as in `embed`.

    Returns:
        `queries`: for each its `query` and its `neighbors`, nearest first, with `id`,
        `file` (None if it is not there), `similarity` and `label`; `searched`: the
        number of examples; `grid`: the drawing, or None.

    Raises:
        ValueError: If there is nothing to search or no query, or data, queries and
            encoder do not fit together.

    Example:
    >>> neighbors("runs/photos", ["cat.jpg"], source="photos")  # doctest: +SKIP
    {'queries': [{'query': 'cat.jpg', 'neighbors': [...]}], ...}
    """
    if (source is None) == (features is None):
        raise ValueError(
            "Expected either data or features to search. Received: "
            f"source={source!r}, features={features!r}"
        )
    check.at_least(1, k=k)
    if out is not None and Path(out).suffix != ".png":
        raise ValueError(f"Expected a file that ends in .png. Received: {out}")
    files = _query_files(queries)
    encoder, known = load_target(target, registry)
    parts: dict[str, Any] = {}
    if features is not None:
        bank = read_features(Path(features))
    else:
        spec = data_string(str(source))
        bank, _, parts = embed_data(
            encoder, spec, known=known, pattern=pattern, label=label, settings=settings
        )
    if bank.facts.get("modality") == "graph":
        raise ValueError("Nodes of graphs are not in files: nothing to query by.")
    rate = None
    if bank.facts.get("modality") == "audio":
        # Queries are read as the examples were, and both as the encoder knows them.
        rate = rate_to_read(encoder, known, bank.facts.get("sample_rate"))
    of_queries, images = _embed_files(encoder, files, rate)
    if features is not None:
        _check_same_encoder(encoder, bank, features, rate, of_queries.shape[1])
    indices, similarities = _search(bank, of_queries, files, k)
    grid = None
    if out is not None and images is not None:
        grid = _draw(Path(out), bank, parts, images, indices, similarities)
    answers = [
        {"query": file, "neighbors": _described(bank, rows, values)}
        for file, rows, values in zip(files, indices, similarities, strict=True)
    ]
    return {"queries": answers, "searched": len(bank), "grid": grid}


def _described(
    bank: Features, rows: np.ndarray, similarities: np.ndarray
) -> list[dict[str, Any]]:
    files = _files_of(bank, rows)
    return [
        {
            "id": str(bank.ids[row]),
            "file": None if files is None else files[place],
            "similarity": round(float(similarity), 6),
            "label": bank.label_text(row),
        }
        for place, (row, similarity) in enumerate(zip(rows, similarities, strict=True))
    ]


def _query_files(queries: Sequence[str]) -> list[str]:
    files: list[str] = []
    for query in queries:
        path = Path(query).expanduser()
        if path.is_dir():
            files += find_examples(path, modality_of_folder(path) or "image").files
        elif path.is_file():
            files.append(str(path))
        else:
            raise ValueError(f"Found no query file at {query}.")
    if not files:
        raise ValueError("Expected at least one query file. Received: none")
    return files


def _embed_files(
    encoder: keras.Model, files: list[str], sample_rate: int | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Features of files, and the images of which they were made, if they are."""
    shape = encoder.input_shape
    if len(shape) == 4:
        size, channels = image_format(encoder)
        images, bad = decode_all(
            files, height_width(size), channels=channels if channels in (1, 3) else 3
        )
        if bad:
            row, why = next(iter(bad.items()))
            raise ValueError(f"Cannot use {files[row]}: {why}")
        check_fit(encoder, images.shape[1:], files[0])
        return evaluate.embed(encoder, images), images
    if not all(kind_of(file) == ("audio", True) for file in files):
        raise ValueError(
            f"The encoder takes sequences: expected {sorted_suffixes('audio')} "
            f"files. Received: {files}"
        )
    rate = sample_rate or common_rate(files)
    sequences = [read_recording(file, rate) for file in files]
    return evaluate.embed_sequences(encoder, sequences), None


def _files_of(bank: Features, rows: np.ndarray) -> list[str] | None:
    """The files of some rows, if they are still there."""
    root = bank.facts.get("root")
    if root is None:
        return None
    files = [os.path.join(root, str(bank.ids[row])) for row in rows]
    return files if all(map(os.path.isfile, files)) else None


def _check_same_encoder(
    encoder: keras.Model,
    bank: Features,
    features: str,
    sample_rate: int | None,
    width: int,
) -> None:
    """Embeds one example again: features of two encoders have nothing in common."""
    if width != bank.features.shape[1]:
        raise ValueError(
            f"The encoder gives {width} features, and {features} holds "
            f"{bank.features.shape[1]}: another encoder made them."
        )
    files = _files_of(bank, np.array([0]))
    if files is None:
        return
    again, _ = _embed_files(encoder, files, sample_rate)
    _, cosine = evaluate.nearest(bank.features[:1], again, 1)
    if cosine[0, 0] < 0.99:
        raise ValueError(
            f"{features} was made with another encoder, or {files[0]} has changed: its "
            f"features there and now have cosine similarity {cosine[0, 0]:.2f}."
        )


def _search(
    bank: Features, found: np.ndarray, files: list[str], k: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Neighbours of each query, itself left out: rows and similarities."""
    root = bank.facts.get("root")
    own = (
        {}
        if root is None
        else {
            os.path.realpath(os.path.join(root, str(name))): row
            for row, name in enumerate(bank.ids)
        }
    )
    # One more, in case the query is among them.
    indices, similarities = evaluate.nearest(bank.features, found, k + 1)
    rows, values = [], []
    for line, file in enumerate(files):
        other = indices[line] != own.get(os.path.realpath(file), -1)
        rows.append(indices[line][other][:k])
        values.append(similarities[line][other][:k])
    if not len(rows[0]):
        raise ValueError("The data holds nothing but the query.")
    return rows, values


def _draw(
    path: Path,
    bank: Features,
    parts: dict[str, Any],
    queries: np.ndarray,
    indices: list[np.ndarray],
    similarities: list[np.ndarray],
) -> str | None:
    k = min(_SHOWN, *(len(rows) for rows in indices))
    rows = np.array([line[:k] for line in indices])
    images = _images(bank, parts, rows.ravel(), queries.shape[1:])
    if images is None:
        return None
    images = images.reshape(*rows.shape, *images.shape[1:])
    labels = bank.labels.get("label")
    figure = found_grid(
        queries,
        images,
        np.array([line[:k] for line in similarities]),
        neighbor_labels=None if labels is None else labels[rows],
        class_names=bank.class_names.get("label"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, bbox_inches="tight")
    return str(path)


def _images(
    bank: Features, parts: dict[str, Any], rows: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray | None:
    """The images of some rows: loaded already, from their files, or loaded anew."""
    files = None if parts else _files_of(bank, rows)
    if files is not None:
        images, bad = decode_all(files, (shape[0], shape[1]), channels=shape[2])
        return None if bad else images
    if not parts and "data" in bank.facts and "root" not in bank.facts:
        try:
            source = data.open(bank.facts["data"])
            parts = dict(source.load_parts(image_size=shape[:2], channels=shape[2]))
        except (ValueError, ImportError):
            return None
    loaded = [part.images for part in parts.values() if isinstance(part, ImageData)]
    if sum(map(len, loaded)) != len(bank):
        return None
    return np.concatenate(loaded)[rows]
