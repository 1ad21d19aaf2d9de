# SPDX-License-Identifier: Apache-2.0
"""Contrastive losses: pure functions first, thin Keras losses second."""

from cl_keras.losses.coding_rate import coding_rate
from cl_keras.losses.dcl import dcl
from cl_keras.losses.info_nce import InfoNCE, info_nce
from cl_keras.losses.margins import contrastive_pairs, triplet_semi_hard
from cl_keras.losses.nt_xent import NTXent, nt_xent
from cl_keras.losses.redundancy import barlow_twins, cca_ssg, vicreg
from cl_keras.losses.sigreg import sigreg
from cl_keras.losses.sinkhorn import sinkhorn
from cl_keras.losses.supervised import supcon
from cl_keras.losses.swapped import swapped_prediction

__all__ = [
    "InfoNCE",
    "NTXent",
    "barlow_twins",
    "cca_ssg",
    "coding_rate",
    "contrastive_pairs",
    "dcl",
    "info_nce",
    "nt_xent",
    "sigreg",
    "sinkhorn",
    "supcon",
    "swapped_prediction",
    "triplet_semi_hard",
    "vicreg",
]
