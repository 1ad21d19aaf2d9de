# SPDX-License-Identifier: Apache-2.0
"""Several devices and several workers: how they start, agree, and are lost.

A worker is one process on one machine with its devices; all run the same program.
Worker 0 is the chief: it alone writes files. What happens inside a training step is
`cl_keras.distribute`'s.
"""

from cl_keras.workers.cluster import Cluster
from cl_keras.workers.lost import WorkerLost, leave, losses_explained
from cl_keras.workers.starting import own_share, start
from cl_keras.workers.team import Team

__all__ = [
    "Cluster",
    "Team",
    "WorkerLost",
    "leave",
    "losses_explained",
    "own_share",
    "start",
]
