# SPDX-License-Identifier: Apache-2.0
"""What runs have come to, and whether two of them came to the same."""

import json
from pathlib import Path

import keras
import numpy as np

import cl_keras.runs  # noqa: F401  All classes that a run may hold.

# Times, and where things are, which differ.
_APART = {"seconds", "train_seconds", "data_wait", "created"}


def weights(out):
    model = keras.saving.load_model(Path(out, "encoder.keras"), compile=False)
    return model.get_weights()


def same(weights, others):
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, other)


def log(out):
    """The rows of a run's log without times."""
    rows = map(json.loads, Path(out, "metrics.jsonl").open())
    return [{k: v for k, v in row.items() if k not in _APART} for row in rows]


def check_resumed(out, whole):
    """The same weights and the same log."""
    same(weights(out), weights(whole))
    assert log(out) == log(whole)


def summary(out):
    """The summary of a run, without what differs from one time to the next."""
    text = Path(out, "summary.json").read_text().replace(str(out), "RUN")
    return {k: v for k, v in json.loads(text).items() if k not in _APART}
