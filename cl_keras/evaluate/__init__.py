# SPDX-License-Identifier: Apache-2.0
"""Evaluation of representations: kNN, linear probe, baselines, health, plots.

scikit-learn and matplotlib are imported by the functions that need them, so this
package costs no more than TensorFlow.
"""

from cl_keras.evaluate import image_plots, plots, representation
from cl_keras.evaluate.baselines import embed, random_encoder, scores
from cl_keras.evaluate.knn import knn, knn_predict, nearest
from cl_keras.evaluate.linear_probe import linear_probe, linear_probe_predict

__all__ = [
    "embed",
    "image_plots",
    "knn",
    "knn_predict",
    "linear_probe",
    "linear_probe_predict",
    "nearest",
    "plots",
    "random_encoder",
    "representation",
    "scores",
]
