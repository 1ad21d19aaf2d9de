# SPDX-License-Identifier: Apache-2.0
"""Contrastive losses: pure functions first, thin Keras losses second."""

from cl_keras.losses.dcl import dcl
from cl_keras.losses.info_nce import InfoNCE, info_nce
from cl_keras.losses.nt_xent import NTXent, nt_xent
from cl_keras.losses.redundancy import barlow_twins, cca_ssg, vicreg

__all__ = [
    "InfoNCE",
    "NTXent",
    "barlow_twins",
    "cca_ssg",
    "dcl",
    "info_nce",
    "nt_xent",
    "vicreg",
]
