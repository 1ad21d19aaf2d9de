# SPDX-License-Identifier: Apache-2.0
"""TensorFlow's faster kernels for CPUs, in the processes that are ours."""

from __future__ import annotations

import os


def use_onednn() -> None:
    """Has TensorFlow compute with oneDNN, unless the user's environment says otherwise.

    By itself TensorFlow turns oneDNN on only on CPUs with AVX-512 VNNI or AMX, though
    a training step of a ResNet takes two thirds of the time with it on AVX2 too
    (docs/benchmarks.md). It must be said before TensorFlow is loaded, and rounds
    differently, so the library leaves it to its user: only the command line, whose
    process is its own, calls this.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
