# SPDX-License-Identifier: Apache-2.0
"""Checks an exported folder offline, as TensorFlow Serving would load it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cl_keras import artifact
from cl_keras.export import probes
from cl_keras.export.signatures import features
from cl_keras.specification import specification

if TYPE_CHECKING:
    import keras

_SCRIPT = Path(__file__).with_name("conformance") / "__main__.py"
_PROBES = 7


class CheckRow(NamedTuple):
    """One thing that was checked: its name, whether it holds, and the reason."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Args:
        ok: Whether every row holds.
        rows: The rows, in the order they were checked.
    """

    ok: bool
    rows: tuple[CheckRow, ...]

    @property
    def failures(self) -> tuple[CheckRow, ...]:
        """The rows that do not hold."""
        return tuple(row for row in self.rows if not row.ok)

    def __str__(self) -> str:
        width = max((len(row.name) for row in self.rows), default=0)
        return "\n".join(
            f"{'ok    ' if row.ok else 'FAILED'}  {row.name:<{width}}  {row.detail}"
            for row in self.rows
        )


def check(
    folder: str | os.PathLike[str],
    *,
    encoder: keras.Model | None = None,
    timeout: float = 600.0,
) -> CheckReport:
    """Checks an exported version folder.

    The manifest and all checksums are verified; then a fresh process that cannot
    import Keras or cl_keras loads the folder with `tf.saved_model.load` and with
    `tf.compat.v1.saved_model.load` and a session. Through both it checks, for each
    signature: dtypes and shapes as the manifest says; batches of 1, 7, 0 and the
    largest in `batching_params.pbtxt`; that rows do not depend on their batch, or a
    graph's on other graphs beside it; that a second call repeats the first; that files
    (images, recordings, Examples, GraphTensors) give what the numbers in them give;
    that rows which cannot be read are masked, or fail their request, as the manifest
    says; that an open time axis takes another length. The warm-up requests are
    replayed, where the package tensorflow-serving-api is installed. What the signatures
    reach must hold no random and no Python operation, and none that servers have not
    long had.

    A broken folder never raises: its rows say what is wrong.

    Args:
        folder: A version folder that `saved_model` wrote.
        encoder: The encoder that was exported, to compare embeddings with: to
            1e-5, relative and absolute (2e-2 if it computes in half precision).
        timeout: Seconds the process may take.

    Returns:
        The report.

    Raises:
        TypeError: If `encoder` is not a Keras model.
        ValueError: If `encoder` cannot be exported.

    Example:
    >>> report = check("no/such/folder")
    >>> report.ok, report.rows[0].name
    (False, 'manifest')
    """
    folder = Path(folder)
    rows = _manifest_rows(folder)
    if (folder / "saved_model.pb").is_file():
        with tempfile.TemporaryDirectory(prefix="cl-keras-check-") as scratch:
            rows += _process_rows(folder.resolve(), Path(scratch), encoder, timeout)
    return CheckReport(all(row.ok for row in rows), tuple(rows))


def _manifest_rows(folder: Path) -> list[CheckRow]:
    problems = artifact.problems(folder)
    if not problems:
        manifest = artifact.read_manifest(folder)
        count = len(manifest["files"])
        rows = [CheckRow("manifest", True, f"{count} files have their SHA-256")]
        if steps := manifest.get("input", {}).get("preprocessing"):
            rows.append(CheckRow("files are read so", True, steps))
    else:
        rows = [
            CheckRow("manifest", False, f"{type(p).__name__}: {p}") for p in problems
        ]
    if not (folder / "saved_model.pb").is_file():
        versions = sorted(p.parent.name for p in folder.glob("*/saved_model.pb"))
        hint = f"; pass one of its versions: {', '.join(versions)}" if versions else ""
        detail = f"{folder} holds no saved_model.pb{hint}"
        rows.append(CheckRow("saved_model.pb", False, detail))
    return rows


def _process_rows(
    folder: Path, scratch: Path, encoder: keras.Model | None, timeout: float
) -> list[CheckRow]:
    report = scratch / "report.jsonl"
    command = [sys.executable, "-P", str(_SCRIPT), str(folder), str(report)]
    if encoder is not None:
        _write_probe(scratch / "probe.npz", encoder)
        command.append(str(scratch / "probe.npz"))
    # On the CPU: it is the reference, and the caller may hold the GPU's memory.
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    failure = ""
    try:
        # -P and a working folder of its own: nothing lying about is importable.
        done = subprocess.run(
            command,
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        if done.returncode:
            tail = done.stderr.strip().splitlines()[-3:]
            failure = f"ended with code {done.returncode}: {' | '.join(tail)}"
    except subprocess.TimeoutExpired:
        failure = f"did not end within {timeout:g} s"
    # Written row by row, so that what was checked before a crash is still told.
    lines = report.read_text("utf-8").splitlines() if report.is_file() else []
    rows = [CheckRow(*json.loads(line)) for line in lines]
    rows.append(CheckRow("process", not failure, failure or "ended, without Keras"))
    return rows


def _write_probe(path: Path, encoder: keras.Model) -> None:
    import tensorflow as tf

    spec = specification(encoder)
    facts = {"modality": spec.modality, "shape": spec.shape}
    feed = probes.rows(features.inputs(spec), facts, _PROBES) or {}
    value: Any = {name: tf.constant(array) for name, array in feed.items()}
    if spec.modality != "graph":
        (value,) = value.values()
    with tf.device("CPU:0"):
        expected = np.asarray(tf.cast(encoder(value, training=False), tf.float32))
    tolerance = 1e-5 if encoder.compute_dtype in ("float32", "float64") else 2e-2
    inputs: dict[str, Any] = {f"input_{name}": a for name, a in feed.items()}
    np.savez(path, expected=expected, tolerance=tolerance, **inputs)
