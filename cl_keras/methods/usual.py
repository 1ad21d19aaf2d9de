# SPDX-License-Identifier: Apache-2.0
"""Settings of a training that rows of the table of methods share."""

from typing import Any

# On one graph.
GRAPHS: dict[str, Any] = {
    "encoder": "gcn",
    "learning_rate": 1e-3,
    "schedule": "constant",
    "weight_decay": 0.0,
}
# On sets of graphs.
GRAPH_SETS: dict[str, Any] = {
    **GRAPHS,
    "encoder": "gin",
    "batch_size": 128,
    "epochs": 20,
    "settings": {
        "encoder.units": (32, 32, 32),
        "encoder.batch_norm": True,
        "encoder.concatenate": True,
    },
}
