# SPDX-License-Identifier: Apache-2.0
"""Whether an index built with one encoder survives another, before a label moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from cl_keras.data.spec import data_string
from cl_keras.evaluate import agreement
from cl_keras.evaluate.intervals import bootstrap_interval
from cl_keras.runs.embed import embed_data
from cl_keras.runs.encoder_names import load_target
from cl_keras.runs.features import Features
from cl_keras.score_names import ends_of


class Limit(NamedTuple):
    """What a measure has to be.

    Attributes:
        bound: The value up to which, or from which on, it is good.
        least: Whether `bound` is the least good value, or the greatest.
    """

    bound: float
    least: bool

    def holds(self, value: float | None) -> bool:
        """Whether a value is good; one that cannot be measured is not."""
        if value is None:
            return False
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.bound:g}"


#: What must hold for an index to be kept; docs/guides/new_encoder.md says why.
LIMITS = {
    "cross_recall": Limit(0.9, True),
    "neighbor_overlap": Limit(0.8, True),
    "linear_cka": Limit(0.95, True),
    "cosine_drift": Limit(0.05, False),
    "norm_drift": Limit(0.1, False),
}
# What must hold for an index to give about the same results once it is built anew.
_OF_NEIGHBOURS = ("neighbor_overlap", "linear_cka")

COMPATIBLE, REBUILD, DIFFERENT = "compatible", "rebuild", "different"
MEANING = {
    COMPATIBLE: "the index can stay: queries by B find in it what queries by A find",
    REBUILD: "the index must be built anew with B; results stay much the same then",
    DIFFERENT: "the index must be built anew with B, and results will be others",
}


def compare_encoders(
    a: str,
    b: str,
    *,
    source: str | None = None,
    k: int = 10,
    registry: str | None = None,
    pattern: str | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """Compares two encoders on the same examples: may B take A's place at an index?

    Args:
        a: The encoder that the index was built with: a run folder, a `.keras` file, a
            SavedModel folder or a zoo name.
        b: The encoder that is to take its place.
        source: A data string or a plain path, as in `embed`: examples like those of
            the index. By default what A was trained on, if that is known.
        k: Neighbours looked at.
        registry: Registry directory for zoo names.
        pattern: Labels in the names of a folder's files, as in `data.load`.
        label: The group of `pattern` that gives the labels, as in `data.load`.

    Returns:
        The measures of `evaluate.agreement`, means over the examples: `cross_recall`
        and `neighbor_overlap`, with `_low` and `_high` of their 95 % intervals,
        `linear_cka`, `cosine_drift` and `norm_drift` (of its absolute values);
        `cross_recall` and `cosine_drift` are None where the widths differ. `checks`:
        each with its `limit` and whether it is `ok`. `verdict`: `"compatible"` if all
        are, `"rebuild"` if the neighbours stay the same but the vectors do not, else
        `"different"`; `compatible` and `meaning` say it in other words. And `a`,
        `b`, `data`, `k`, `examples` and `widths`.

    Raises:
        ValueError: If no data is named or known, it does not suit both encoders, or
            has not more than `k` examples.

    Example:
    >>> compare_encoders("m/1", "m/2", source="photos")  # doctest: +SKIP
    {'verdict': 'rebuild', 'compatible': False, 'cross_recall': 0.011, ...}
    """
    first, known = load_target(a, registry)
    second, others = load_target(b, registry)
    source = source or known.get("data")
    if source is None:
        raise ValueError(f"Name the data to compare {a} and {b} on with --data.")
    spec = data_string(source)
    # What one run knows of its data, such as the sample rate, holds for a successor
    # of which nothing is known.
    others = others if others.get("settings") else {**known, **others}
    found = [
        embed_data(encoder, spec, known=facts, pattern=pattern, label=label)[0]
        for encoder, facts in ((first, known), (second, others))
    ]
    values = _measures(*found, k=k)
    checks = [
        {"name": name, "value": values[name], "limit": str(limit)}
        | {"ok": limit.holds(values[name])}
        for name, limit in LIMITS.items()
    ]
    verdict = _verdict(values)
    return {
        "a": a,
        "b": b,
        "data": spec,
        "k": k,
        "examples": len(found[0]),
        "widths": [x.features.shape[1] for x in found],
        "verdict": verdict,
        "compatible": verdict == COMPATIBLE,
        "meaning": MEANING[verdict],
        **values,
        "checks": checks,
    }


def _measures(a: Features, b: Features, *, k: int) -> dict[str, float | None]:
    if not np.array_equal(a.ids, b.ids):
        raise ValueError(
            "Expected the same examples by both encoders. Received: "
            f"{len(a)} and {len(b)}, not all of the same names"
        )
    x, y = a.features, b.features
    values: dict[str, float | None] = {"cross_recall": None, "cosine_drift": None}
    if x.shape[1] == y.shape[1]:
        values |= _interval("cross_recall", agreement.cross_recall(x, y, k))
        values["cosine_drift"] = float(np.mean(agreement.cosine_drift(x, y)))
    return {
        **values,
        **_interval("neighbor_overlap", agreement.neighbor_overlap(x, y, k)),
        "linear_cka": agreement.linear_cka(x, y),
        "norm_drift": float(np.mean(np.abs(agreement.norm_drift(x, y)))),
    }


def _interval(name: str, outcomes: np.ndarray) -> dict[str, float | None]:
    value, *ends = bootstrap_interval(outcomes)
    return {name: value, **dict(zip(ends_of(name), ends, strict=True))}


def _verdict(values: Mapping[str, float | None]) -> str:
    if all(limit.holds(values[name]) for name, limit in LIMITS.items()):
        return COMPATIBLE
    if all(LIMITS[name].holds(values[name]) for name in _OF_NEIGHBOURS):
        return REBUILD
    return DIFFERENT
