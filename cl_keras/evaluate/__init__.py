# SPDX-License-Identifier: Apache-2.0
"""Evaluation of representations: kNN, linear probe, baselines, health, plots.

scikit-learn and matplotlib are imported by the functions that need them, so this
package costs no more than TensorFlow.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from cl_keras import metrics as representation
from cl_keras.evaluate import agreement, diagnosis, view_pairs
from cl_keras.evaluate.baselines import scores, scores_beside
from cl_keras.evaluate.channels import channel_statistics
from cl_keras.evaluate.clustering import clustering
from cl_keras.evaluate.embedding import NotFiniteError, embed
from cl_keras.evaluate.few_labels import few_label_probe
from cl_keras.evaluate.fine_tuning import fine_tune
from cl_keras.evaluate.intervals import bootstrap_interval, seed_interval
from cl_keras.evaluate.knn import knn, knn_predict, nearest
from cl_keras.evaluate.knn_choice import choose_knn
from cl_keras.evaluate.linear_probe import linear_probe, linear_probe_predict
from cl_keras.evaluate.online import OnlineEvaluation
from cl_keras.evaluate.retrieval import retrieval
from cl_keras.evaluate.sequences import (
    embed_sequences,
    mean_mfcc,
    mfcc_statistics,
)
from cl_keras.rebuilding import random_encoder

__all__ = [
    "NotFiniteError",
    "OnlineEvaluation",
    "agreement",
    "bootstrap_interval",
    "channel_statistics",
    "choose_knn",
    "clustering",
    "diagnosis",
    "embed",
    "embed_sequences",
    "few_label_probe",
    "fine_tune",
    "image_plots",
    "knn",
    "knn_predict",
    "linear_probe",
    "linear_probe_predict",
    "mean_mfcc",
    "mfcc_statistics",
    "nearest",
    "plots",
    "random_encoder",
    "representation",
    "retrieval",
    "score_plots",
    "scores",
    "scores_beside",
    "seed_interval",
    "view_pairs",
]


def __getattr__(name: str) -> ModuleType:
    # Drawing is of `cl_keras.show`, which builds on this package: the names stay here.
    if name in ("image_plots", "plots", "score_plots"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
