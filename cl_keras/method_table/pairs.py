# SPDX-License-Identifier: Apache-2.0
"""Methods of two inputs that belong together, with an encoder each."""

from __future__ import annotations

from cl_keras.method_table.row import Method

ROWS: dict[str, Method] = {
    "clip": Method(
        title="CLIP",
        path="cl_keras.methods.clip:CLIP",
        modalities=("pair",),
        paper="Radford et al. 2021, arXiv:2103.00020",
        summary="finds the partner of each input of a pair among those of all pairs",
        views=1,
        defaults={"encoder": "vector_sequence", "learning_rate": 1e-3},
    ),
}
