# SPDX-License-Identifier: Apache-2.0
"""Weighted kNN against the matrix product that it cannot do without.

    python benchmarks/knn.py

Both sides hold the same bank and queries. `product` is their similarities alone, by
blocks, none kept, in the form that is fastest here: rows times columns. `extra_mb` is
the peak of a fresh process above what it held with the data made and a small search
done. Prints a table and one JSON line.
"""

import sys

import turns


def main():
    parser = turns.parser(__doc__, rounds=5, peer=False)
    parser.add_argument("--bank", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--neighbors", type=int, default=200)
    args = parser.parse_args()
    if args.side:
        return side(args)
    settings = {
        name: getattr(args, name)
        for name in ("bank", "queries", "width", "neighbors", "threads")
    }
    sides = dict.fromkeys(("cl_keras", "product"), sys.executable)
    results = turns.compare(sides, settings, args.rounds)
    ratios = {"products": turns.ratio(results, "cl_keras", "product")}
    turns.report("knn", settings, results, ratios)


def side(args):
    tf = turns.tensorflow(args.threads)
    import numpy as np

    from cl_keras import evaluate

    rng = np.random.default_rng(0)
    # Ten clouds that overlap: neighbours as features of a trained encoder have them.
    centers = 0.4 * rng.standard_normal((10, args.width), np.float32)

    def cloud(count):
        labels = rng.integers(0, 10, count)
        noise = rng.standard_normal((count, args.width), np.float32)
        return centers[labels] + 3.0 * noise, labels

    bank, bank_labels = cloud(args.bank)
    queries, labels = cloud(args.queries)

    def knn(rows):
        score = evaluate.knn(
            bank[:rows],
            bank_labels[:rows],
            queries[:rows],
            labels[:rows],
            k=args.neighbors,
        )
        return round(score, 4)

    def product(rows):
        value = 0.0
        for first in range(0, rows, 20_000):
            columns = tf.transpose(bank[first : min(first + 20_000, rows)])
            for start in range(0, min(rows, args.queries), 512):
                block = tf.matmul(queries[start : start + 512], columns)
                value += float(block[0, 0])
        return round(value, 4)

    turn = {"cl_keras": knn, "product": product}[args.side]
    turn(256)
    before = turns.peak_mb()
    value = turn(args.bank)
    extra = round(turns.peak_mb() - before, 1)
    turns.answer(lambda: turn(args.bank), extra_mb=extra, value=value)


if __name__ == "__main__":
    main()
