# SPDX-License-Identifier: Apache-2.0
"""Estimators of mutual information: bounds from scores, and critics that score."""

from cl_keras.estimators.bounds import club, donsker_varadhan, info_nce, jsd, nwj
from cl_keras.estimators.critics import Bilinear, Concat, Gaussian, Separable
from cl_keras.estimators.map_critics import ConcatMapCritic, DotMapCritic, dot_scores
from cl_keras.estimators.mine import MINE, mine

__all__ = [
    "MINE",
    "Bilinear",
    "Concat",
    "ConcatMapCritic",
    "DotMapCritic",
    "Gaussian",
    "Separable",
    "club",
    "donsker_varadhan",
    "dot_scores",
    "info_nce",
    "jsd",
    "mine",
    "nwj",
]
