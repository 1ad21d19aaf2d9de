# SPDX-License-Identifier: Apache-2.0
"""An encoder as one file of another runtime: converted, tried, described, published."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras import artifact, files
from cl_keras.export import images, probes
from cl_keras.export.provenance import checked_metadata, library_versions
from cl_keras.export.signatures import features
from cl_keras.file_record import FileRecord
from cl_keras.rebuilding import in_float32
from cl_keras.specification import Specification, specification

#: Features by a runtime: `(batch, ...)` float32 to `(batch, D)` float32.
Runner = Callable[[np.ndarray], np.ndarray]

TOLERANCE = 1e-5
_ROWS = 3


@dataclass(frozen=True)
class Runtime:
    """How encoders get into files of a runtime, by `keras.Model.export`, and run there.

    `finish` changes a file that was just written; `versions` are of the packages.
    """

    name: str
    suffix: str
    runner: Callable[[Path], Runner]
    versions: Mapping[str, str]
    options: Mapping[str, Any]
    finish: Callable[[Path], None] = lambda path: None


def write_model(
    encoder: keras.Model,
    path: str | os.PathLike[str],
    runtime: Runtime,
    *,
    batch: int | None,
    metadata: Mapping[str, Any] | None,
) -> Path:
    """Converts an encoder, compares it with itself in the runtime, and publishes it."""
    path = Path(path)
    if path.suffix != runtime.suffix or path.is_dir():
        raise ValueError(
            f"Expected a file that ends in {runtime.suffix}. Received: {path}"
        )
    spec = specification(encoder)
    if spec.modality == "graph":
        raise ValueError(
            f"{runtime.name} takes encoders of images and of sequences. Received: a "
            "graph encoder; export.saved_model takes it"
        )
    notes = checked_metadata(metadata)
    (name,) = features.inputs(spec)
    model = _named(in_float32(encoder), name)
    description = path.with_name(f"{path.name}.json")
    # Cut off between the two, the description is of another file, as its SHA-256 tells.
    with files.replacing(description) as facts_draft, files.replacing(path) as draft:
        difference = _convert(model, (batch, *spec.shape), draft, runtime, spec)
        facts = {
            "format": artifact.MANIFEST_FORMAT,
            "runtime": runtime.name,
            "file": {
                **asdict(FileRecord.of(draft.parent, draft.name)),
                "path": path.name,
            },
            "inputs": {name: {"dtype": "float32", "shape": [batch, *spec.shape]}},
            "outputs": {
                artifact.OUTPUT: {"dtype": "float32", "shape": [batch, spec.features]}
            },
            "input": {
                "modality": spec.modality,
                "preprocessing": images.PREPROCESSING
                if spec.modality == "image"
                else None,
            },
            "largest_difference": difference,
            "library_versions": {**library_versions(), **runtime.versions},
            "metadata": notes,
        }
        text = json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
        facts_draft.write_text(text, encoding="utf-8")
    return path


def _named(encoder: keras.Model, name: str) -> keras.Model:
    """The encoder with the input's and the output's names of its SavedModel."""
    inputs = keras.Input(encoder.inputs[0].shape[1:], name=name)
    return keras.Model({name: inputs}, {artifact.OUTPUT: encoder(inputs)})


def _convert(
    model: keras.Model,
    shape: tuple[int | None, ...],
    path: Path,
    runtime: Runtime,
    spec: Specification,
) -> float:
    """Writes the file; returns how far its features are off."""
    (name,) = model.input
    try:
        with warnings.catch_warnings():
            # Of Keras's own patch for tf2onnx: it looks for a name NumPy has dropped.
            warnings.simplefilter("ignore", FutureWarning)
            model.export(
                path,
                verbose=False,
                input_signature=[
                    {name: keras.InputSpec(shape=shape, dtype="float32", name=name)}
                ],
                **runtime.options,
            )
        runtime.finish(path)
        run = runtime.runner(path)
        pairs = [
            (np.asarray(model({name: x}, training=False)[artifact.OUTPUT]), run(x))
            for x in _trials(spec)
        ]
    except OSError as error:
        raise OSError(f"Cannot write {path.parent}: {error}") from error
    # Converters and runtimes raise whatever they like, in many lines.
    except Exception as error:
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        raise ValueError(
            f"{runtime.name} cannot run this encoder: "
            f"{lines[0][:300] if lines else type(error).__name__}"
        ) from error
    differences = [float(np.abs(got - wanted).max()) for wanted, got in pairs]
    largest = max(float(np.abs(wanted).max()) for wanted, _ in pairs)
    if not max(differences) <= TOLERANCE * largest:
        raise ValueError(
            f"{runtime.name} computes other features than this encoder: they are up "
            f"to {max(differences):.1e} apart, and {largest:.1e} large"
        )
    return max(differences)


def _trials(spec: Specification) -> list[np.ndarray]:
    """Inputs of one length or, where it is open, of two."""
    shape = probes.closed(spec.shape)
    trials = [probes.floats(_ROWS, shape)]
    if spec.shape[0] is None:
        trials.append(trials[0][:, : 2 * shape[0] // 3])
    return trials
