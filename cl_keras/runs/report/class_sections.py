# SPDX-License-Identifier: Apache-2.0
"""Accuracy of each class, and which are taken for which."""

from __future__ import annotations

import html

from cl_keras.runs.report.marks import figure, section
from cl_keras.runs.report.run_data import RunData

# More classes than this give a list of the hardest, and a matrix without numbers.
_LISTED, _NUMBERED = 20, 20


def classes(run: RunData) -> str:
    """Per-class accuracy and the confusion matrix."""
    parts = [_accuracies(run), _confusion(run)]
    if not any(parts):
        return ""
    note = "A weighted kNN vote on the test examples of the map, hardest class first."
    return section("Classes", f'<div class="panels wide">{"".join(parts)}</div>', note)


def _accuracies(run: RunData) -> str:
    if "classes" not in run.tables:
        return ""
    rows = [
        (name, int(examples), float(accuracy))
        for name, examples, _, accuracy in run.tables["classes"].rows
        if int(examples)
    ]
    rows.sort(key=lambda row: row[2])
    lines = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        f'<td><i class="bar"><i style="width:{100 * accuracy:.1f}%"></i></i></td>'
        f"<td><b>{100 * accuracy:.1f} %</b> <small>of {examples:,}</small></td></tr>"
        for name, examples, accuracy in rows[:_LISTED]
    )
    left = len(rows) - _LISTED
    note = f"The {_LISTED} hardest of {len(rows)} classes." if left > 0 else ""
    content = f'<table class="score">{lines}</table>'
    return figure("Accuracy of each class", content, note, "classes")


def _confusion(run: RunData) -> str:
    if "confusion" not in run.tables:
        return ""
    table = run.tables["confusion"]
    names = table.header[1:]
    numbered = len(names) <= _NUMBERED
    lines = []
    for name, *cells in table.rows:
        counts = [int(cell) for cell in cells]
        total = max(1, sum(counts))
        marks = []
        for other, count in zip(names, counts, strict=True):
            share = 100 * count / total
            text = f"{share:.0f}" if numbered and count else ""
            dark = " class=dark" if share > 55 else ""
            tip = html.escape(f"{name} taken for {other}: {count}")
            marks.append(
                f'<td{dark} style="--share:{share:.0f}%" title="{tip}">{text}</td>'
            )
        lines.append(
            f'<tr><th scope="row">{html.escape(name)}</th>{"".join(marks)}</tr>'
        )
    heads = "".join(
        f'<th scope="col"><span>{html.escape(x)}</span></th>' for x in names
    )
    small = "" if numbered else " small"
    content = (
        f'<div class="scroll"><table class="confusion{small}"><tr><td></td>{heads}</tr>'
        f"{''.join(lines)}</table></div>"
    )
    note = "True class by row, predicted class by column, in percent of the true class."
    return figure("Which class is taken for which", content, note, "confusion")
