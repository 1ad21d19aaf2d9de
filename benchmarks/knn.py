# SPDX-License-Identifier: Apache-2.0
"""Weighted kNN against the matrix product that it cannot do without.

    python benchmarks/knn.py

Both sides hold the same bank and queries. `product` is their similarities alone, by
blocks, none kept, in the form that is fastest here: rows times columns. `extra_mb` is
the peak of a fresh process above what it held with the data made and a small search
done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness


def side(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    tf = harness.tensorflow(args.threads)
    import numpy as np

    from cl_keras import evaluate

    rng = np.random.default_rng(0)
    # Ten clouds that overlap: neighbours as features of a trained encoder have them.
    centers = 0.4 * rng.standard_normal((10, args.width), np.float32)

    def cloud(count: int) -> tuple[Any, Any]:
        labels = rng.integers(0, 10, count)
        noise = rng.standard_normal((count, args.width), np.float32)
        return centers[labels] + 3.0 * noise, labels

    bank, queries = cloud(args.bank), cloud(args.queries)

    def knn(rows: int) -> float:
        first = [array[:rows] for array in (*bank, *queries)]
        return evaluate.knn(*first, k=args.neighbors)

    def product(rows: int) -> float:
        value = 0.0
        for first in range(0, rows, 20_000):
            columns = tf.transpose(bank[0][first : min(first + 20_000, rows)])
            for start in range(0, min(rows, args.queries), 512):
                block = tf.matmul(queries[0][start : start + 512], columns)
                value += float(block[0, 0])
        return value

    search = knn if args.side == "cl_keras" else product
    return harness.with_memory(lambda rows: lambda: search(rows), 256, args.bank)


if __name__ == "__main__":
    harness.compare(
        __doc__,
        {"cl_keras": side, "product": side},
        {"products": ("cl_keras", "product")},
        options={"bank": 50_000, "queries": 10_000, "width": 512, "neighbors": 200},
    )
