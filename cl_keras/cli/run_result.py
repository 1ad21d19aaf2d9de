# SPDX-License-Identifier: Apache-2.0
"""What a finished run says: scores, findings, and where things are."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from cl_keras.cli.output import console, print_sentences, print_table
from cl_keras.cli.score_table import print_scores
from cl_keras.score_names import FEW_LABELS, KNN, LINEAR, SCORES

_NEXT = (
    ("cl-keras train --data folder:PHOTOS --minutes 30", "learn from your photos"),
    ("cl-keras demo --method byol", "with another method"),
    ("cl-keras zoo list", "encoders trained before"),
)


def print_run(summary: Mapping[str, Any], folder: str) -> None:
    """Prints the summary of `cl-keras train` for people."""
    # After a run TensorFlow is there; --help shall not wait for it.
    from cl_keras.runs.finishing import NOT_ASKED
    from cl_keras.runs.training_length import baseline_findings

    to = console()
    encoders = {"": summary, **summary.get("encoders", {})}
    # Said before the first step, or as it came up, and again where it belongs.
    findings = [*summary.get("warnings", ()), *summary.get("diagnosis", ())]
    findings += [
        x.text for scores in encoders.values() for x in baseline_findings(scores)
    ]
    findings += [
        f"without {what}: {reason}"
        for what, reason in summary.get("left_out", {}).items()
        if reason != NOT_ASKED
    ]
    if findings:
        to.print()
        print_sentences(dict.fromkeys(findings), to)
    for name, scores in encoders.items():
        if not any(score in scores for score in SCORES):
            continue
        to.print(f"\nEncoder of {name}" if name else "")
        print_scores(scores, to)
    to.print()
    print_table((), _places(summary, folder), to)


def print_demo(summary: Mapping[str, Any], folder: str) -> None:
    """Prints how the demo ended: a table, what to open, what to try next."""
    to = console()
    to.print()
    names = [name for name in (KNN, LINEAR, FEW_LABELS) if name in summary]
    print_scores(summary, to, names)
    to.print()
    to.print(f"Open  {summary['report']}")
    rows = [("" if i else "Try", *line) for i, line in enumerate(_NEXT)]
    print_table((), rows, to)


def _places(summary: Mapping[str, Any], folder: str) -> list[tuple[str, str]]:
    path = shlex.quote(folder)
    rows = [("Run", f"{folder} ({summary.get('seconds', 0):,.0f} s)")]
    if "report" in summary:
        rows.append(("Report", summary["report"]))
    if "saved_model" in summary:
        rows.append(("SavedModel", f"{summary['saved_model']}, checked"))
    if skipped := summary.get("skipped_files"):
        files = f"{skipped:,} file{'s' * (skipped > 1)}"
        rows.append(("Skipped", f"{files}, named in {folder}/summary.json"))
    rows.append(("Next", f"cl-keras evaluate {path} --metrics all"))
    return rows
