# SPDX-License-Identifier: Apache-2.0
"""All checks of a version folder, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cl_keras.export.conformance.loading import (
    PATTERN,
    Bundle,
    Specs,
    load_eager,
    load_session,
)
from cl_keras.export.conformance.operations import harmful, operation_rows
from cl_keras.export.conformance.report import Arrays, Row, guarded, short
from cl_keras.export.conformance.serving_files import (
    batching_rows,
    largest_batch,
    warm_up_rows,
)
from cl_keras.export.conformance.signature_rows import (
    signature_rows,
    specification_rows,
)
from cl_keras.export.conformance.string_rows import agreement_rows, corrupt_rows

TOLERANCE = 1e-5
HALF_TOLERANCE = 2e-2
_LOADERS = (("saved_model", load_eager), ("session", load_session))


def examine(folder: Path, probe: Arrays | None = None) -> Iterator[Row]:
    """Checks a version folder."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        wanted: Specs = manifest["signatures"]
        facts = manifest["input"]
        tuple(facts["shape"])
        half = manifest["compute_dtype"] not in ("float32", "float64")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        yield "signatures", False, f"the manifest does not tell them: {error!r}"
        wanted, facts, half = {}, {"shape": []}, False
    yield from guarded("graph", operation_rows, folder)
    yield from guarded("batching parameters", batching_rows, folder)
    if reason := _not_loaded(folder):
        for loader, _ in _LOADERS:
            yield f"{loader}: load", False, reason
        return

    largest = largest_batch(folder)
    tolerance = HALF_TOLERANCE if half else TOLERANCE
    for loader, load in _LOADERS:
        try:
            specs, call = load(folder)
        except Exception as error:
            yield f"{loader}: load", False, short(error)
            continue
        yield f"{loader}: load", True, f"signatures {', '.join(sorted(specs))}"
        bundle = Bundle(loader, specs, call, facts, tolerance, largest)
        yield from specification_rows(bundle, wanted)
        for name in sorted(specs):
            label = f"{loader}: {name}"
            yield from guarded(label, signature_rows, bundle, name, probe)
        yield from guarded(f"{loader}: files and floats", agreement_rows, bundle)
        yield from guarded(f"{loader}: corrupt rows", corrupt_rows, bundle)
        if load is load_session:
            yield from guarded("warm-up", warm_up_rows, folder, bundle)


def _not_loaded(folder: Path) -> str | None:
    """Why a folder is not loaded: it cannot be, or loading would run its graph."""
    if PATTERN.search(folder.resolve().as_posix()):
        return (
            "not loaded: TensorFlow takes [...] and backslashes in a path for a pattern"
        )
    try:
        wrong = harmful(folder)
    except Exception as error:
        return f"not loaded, as its graph cannot be read: {short(error)}"
    return f"not loaded, for operations outside of the list: {wrong}" if wrong else None


def write_report(folder: str, report: str, probe: str | None = None) -> None:
    """Writes the rows of a folder, each as soon as it is known."""
    arrays = None
    if probe:
        with np.load(probe, allow_pickle=False) as stored:
            arrays = dict(stored)
    with open(report, "w", encoding="utf-8") as file:
        for row in examine(Path(folder), arrays):
            print(json.dumps(row), file=file, flush=True)
