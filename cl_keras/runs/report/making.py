# SPDX-License-Identifier: Apache-2.0
"""How a run was made: facts, command, settings and environment."""

from __future__ import annotations

import html
import re
from typing import Any

from cl_keras.runs.report.marks import csv_link, flat, rows, section, words
from cl_keras.runs.report.run_data import RunData
from cl_keras.runs.report.scores import BASELINES, score_keys

# In the title, the facts or the settings already, or of no interest once read here.
_KNOWN = ("method", "data", "seed", "epochs", "seconds", "train_seconds", "loss")
_OWN = ("report", "saved_model", "saved_model_ok", "diagnosis")


def facts(run: RunData) -> str:
    """What the run was, in one line."""
    summary, config = run.summary, run.config
    found = []
    epochs = summary.get("epochs", len(run.history) or None)
    if epochs is not None:
        found.append(f"{epochs:,} epoch{'' if epochs == 1 else 's'}")
    seconds = summary.get("seconds")
    if isinstance(seconds, int | float):
        found.append(duration(seconds))
    loss = summary.get("loss")
    if isinstance(loss, int | float):
        found.append(f"final loss {loss:.4g}")
    if config.get("encoder"):
        size = summary.get("parameters")
        weights = f" of {size:,} parameters" if isinstance(size, int) else ""
        found.append(f"encoder {config['encoder']}{weights}")
    seed = summary.get("seed", config.get("seed"))
    if seed is not None:
        found.append(f"seed {seed}")
    return f'<p class="facts">{html.escape(" · ".join(found))}</p>'


def duration(seconds: float) -> str:
    """A time span in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def making(run: RunData) -> str:
    """The exact command, all settings, what the data was and the environment."""
    parts = []
    if run.command:
        command = html.escape(run.command)
        parts.append(f"<h3>Command</h3><pre><code>{command}</code></pre>")
    for title, values in (
        ("Data and files", _facts_left(run.summary)),
        ("Settings", _settings(run.config)),
        ("Environment", flat(run.environment)),
    ):
        table = rows(values)
        if table:
            parts.append(f"<div><h3>{title}</h3>{table}</div>")
    if "curves" in run.tables:
        parts.append(f"<p>All that was logged: {csv_link('curves')}</p>")
    if not parts:
        return ""
    return section("How it was made", f'<div class="making">{"".join(parts)}</div>')


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in config.items() if key != "settings"}
    # As on the command line: `--set key=value`.
    return flat(values) | dict(config.get("settings") or {})


def _facts_left(summary: dict[str, Any]) -> dict[str, str]:
    scores = {
        f"{pattern.format(key)}{end}"
        for key in score_keys(summary)
        for pattern in BASELINES
        for end in ("", "_low", "_high", "_sd")
    }
    shown = {}
    for key, value in flat(summary).items():
        if key in scores or key in _KNOWN or key in _OWN or value is None:
            continue
        exact = isinstance(value, int) and not isinstance(value, bool)
        name = re.sub(r"[_.]", " ", key)
        shown[name] = f"{value:,}" if exact else words(value)
    return shown
