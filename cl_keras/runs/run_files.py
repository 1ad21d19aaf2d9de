# SPDX-License-Identifier: Apache-2.0
"""What a run's folder holds, and how it is read."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cl_keras import files

CONFIG_FILE = "config.json"
SUMMARY_FILE = "summary.json"
METRICS_FILE = "metrics.jsonl"
REPORT_FILE = "report.html"
FIGURES_FOLDER = "figures"
CHECKPOINT_FOLDER = "checkpoints"
SERVING_FOLDER = "serving"
TENSORBOARD_FOLDER = "tensorboard"
_LOCK_FILE = ".lock"


def side_folder(run: Path, name: str) -> Path:
    """The folder of one of several encoders of a run; its own without a name."""
    return run / "encoders" / name if name else run


def resume_command(run: Path | str) -> str:
    """The command that goes on with a run, by what its folder says of it."""
    return f"cl-keras train --resume --out {shlex.quote(str(run))}"


def require_run(run: Path) -> None:
    """Checks that a run's folder exists."""
    if not run.is_dir():
        raise FileNotFoundError(f"A run's folder is expected. Received: {run}")


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON object."""
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path} must hold a JSON object. Received: {value!r:.80}")
    return value


def read_history(run: Path) -> list[dict[str, Any]]:
    """Reads what a run logged; a last line that is cut off is none."""
    path = run / METRICS_FILE
    if not path.is_file():
        return []
    # What follows the last end of a line is not whole: the disk was full, or a kill.
    *lines, _ = path.read_text(encoding="utf-8").split("\n")
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        raise ValueError(f"{path} must hold one JSON object a line: {error}") from error


def cut_history(run: Path, epochs: int) -> None:
    """Takes back what a run logged after its first epochs."""
    kept = [row for row in read_history(run) if row["epoch"] <= epochs]
    text = "".join(json.dumps(row) + "\n" for row in kept)
    files.write_text(run / METRICS_FILE, text)


def check_writable(run: Path) -> None:
    """Checks that a run's folder can be made, or written to, without making it."""
    if "\0" in str(run):
        raise ValueError(f"Expected a folder for the run. Received: {str(run)!r}")
    # The path of a run may be relative: its parents then end before the root.
    place = next(p for p in (run, *run.absolute().parents) if p.exists())
    if not place.is_dir():
        raise NotADirectoryError(
            f"Expected a folder for the run. Received: {run}, and {place} is a file"
        )
    if not os.access(place, os.W_OK | os.X_OK):
        raise PermissionError(
            f"Expected a folder for the run that can be written to. Received: {run}, "
            f"and {place} cannot"
        )


@contextlib.contextmanager
def alone(run: Path) -> Iterator[None]:
    """Lets one process at a time write into a run's folder; a kill sets it free."""
    run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run / _LOCK_FILE, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise RuntimeError(
            f"Another process trains into {run}: wait for its end, or choose another "
            "folder."
        ) from None
    except NotImplementedError:  # A file system without locks.
        yield
        return
    try:
        yield
    finally:
        lock.release()


def read_summary(run: Path) -> dict[str, Any]:
    """Reads the summary of a trained run."""
    if not (run / SUMMARY_FILE).is_file():
        raise FileNotFoundError(
            f"{run} holds no finished run: {SUMMARY_FILE} is missing there."
        )
    return read_json(run / SUMMARY_FILE)


def write_summary(run: Path, summary: dict[str, Any]) -> None:
    """Writes the summary of a run: the old one stays until the new one is whole."""
    path = run / SUMMARY_FILE
    try:
        files.write_text(path, json.dumps(summary, indent=2) + "\n")
    except OSError as error:
        raise OSError(
            error.errno,
            f"The summary of the run could not be written ({error.strerror}). What "
            f"was trained is kept: make room, then {resume_command(run)}",
            str(path),
        ) from error


def saved_model(run: Path, summary: dict[str, Any]) -> Path:
    """Finds the SavedModel of a run, from wherever the run is looked at."""
    if "saved_model" not in summary:
        raise ValueError(
            f"Expected a run with a SavedModel. Received: {run}, whose summary names "
            f"none; `cl-keras export {run} {run / SERVING_FOLDER}` writes one."
        )
    return run / SERVING_FOLDER / Path(summary["saved_model"]).name
