# SPDX-License-Identifier: Apache-2.0
"""How a run was made, in words: facts, settings and environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cl_keras.score_names import TITLES, title_of
from cl_keras.show.charts import is_number
from cl_keras.show.run_data import RunData
from cl_keras.show.scores import score_keys

# In the title, the facts or the settings already, or of no interest once read here.
_SHOWN = ("method", "data", "seed", "epochs", "seconds", "train_seconds", "loss")
_OF_THE_PAGE = ("report", "saved_model", "saved_model_ok", "diagnosis", "chosen")


def facts(run: RunData) -> list[str]:
    """What the run was, in one line."""
    summary, config = run.summary, run.config
    texts = []
    epochs = summary.get("epochs", len(run.history) or None)
    if epochs is not None:
        texts.append(f"{epochs:,} epoch{'' if epochs == 1 else 's'}")
    if is_number(seconds := summary.get("seconds")):
        texts.append(duration(seconds))
    if is_number(loss := summary.get("loss")):
        texts.append(f"final loss {loss:.4g}")
    if config.get("encoder"):
        size = summary.get("parameters")
        weights = f" of {size:,} parameters" if isinstance(size, int) else ""
        texts.append(f"encoder {config['encoder']}{weights}")
    seed = summary.get("seed", config.get("seed"))
    if seed is not None:
        texts.append(f"seed {seed}")
    return texts


def duration(seconds: float) -> str:
    """A time span in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def making(run: RunData) -> dict[str, dict[str, Any]]:
    """All settings, what the data was and the environment; None is left out."""
    config = {key: value for key, value in run.config.items() if key != "settings"}
    parts = {
        "Data and files": _other_values(run.summary),
        "Chosen for the scores": _chosen(run.summary),
        # As on the command line: `--set key=value`.
        "Settings": _in_words(config) | dict(run.config.get("settings") or {}),
        "Environment": _in_words(run.environment),
    }
    shown = {
        title: {name: value for name, value in values.items() if value is not None}
        for title, values in parts.items()
    }
    return {title: values for title, values in shown.items() if values}


def words(value: Any) -> str:
    """A value as one would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(words, value)) or "none"
    return str(value)


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted names."""
    values: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            values |= flat(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = value
    return values


def _other_values(summary: Mapping[str, Any]) -> dict[str, str]:
    """What of a summary stands nowhere else on the page."""
    scores = {
        f"{pattern.format(key)}{end}"
        for key in score_keys(summary)
        for pattern in TITLES
        for end in ("", "_low", "_high", "_sd")
    }
    shown = {}
    others = {key: value for key, value in summary.items() if key not in _OF_THE_PAGE}
    for key, value in flat(others).items():
        if key in scores or key in _SHOWN or value is None:
            continue
        exact = isinstance(value, int) and not isinstance(value, bool)
        shown[re.sub(r"[_.]", " ", key)] = f"{value:,}" if exact else words(value)
    return shown


def _chosen(summary: Mapping[str, Any]) -> dict[str, str]:
    """What a score's classifier was set to on the training part, by its title."""
    chosen = summary.get("chosen") or {}
    return {
        f"{title_of(key)}, {name.lower()}": chosen[pattern.format(key)]
        for key in score_keys(summary)
        for pattern, name in TITLES.items()
        if pattern.format(key) in chosen
    }


def _in_words(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("_", " "): value for key, value in flat(config).items()}
