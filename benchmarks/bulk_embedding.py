# SPDX-License-Identifier: Apache-2.0
"""Bulk embedding on Beam's direct runner: images a second, and each image once.

    python benchmarks/bulk_embedding.py --data cifar10

`--data` is a folder with the 60,000 JPEG files of CIFAR-10, in `train/` and `test/` or
not; any other folder of images works. Prints one JSON line. `once` counts the images
whose name is in the output exactly once; `largest_difference` is that of the features
to `cl_keras.evaluate.embed` on a sample.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, evaluate, runs
from cl_keras.data.listing import find_files
from cl_keras.preprocessing.decoding import decode_rgb
from cl_keras.preprocessing.resizing import resize_and_crop
from cl_keras.runs.features import read_features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="Folder of images.")
    parser.add_argument("--out", help="Folder to write; by default a temporary one.")
    parser.add_argument("--width", type=int, default=16, help="Of compact_resnet.")
    parser.add_argument("--shards", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--runner-options", nargs="*", default=[])
    parser.add_argument("--sample", type=int, default=500, help="Rows to compare.")
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    encoder = encoders.compact_resnet((32, 32, 3), width=args.width)
    root = Path(args.data)
    names = [os.path.relpath(file, root) for file in find_files(root, "image").files]
    with tempfile.TemporaryDirectory() as folder:
        encoder.save(f"{folder}/encoder.keras")
        out = args.out or f"{folder}/features"
        start = time.perf_counter()
        result = runs.embed_in_bulk(
            f"{folder}/encoder.keras",
            f"folder:{root}",
            out=out,
            shards=args.shards,
            batch_size=args.batch_size,
            runner_options=args.runner_options,
        )
        seconds = time.perf_counter() - start
        found = read_features(Path(out))
    counts = Counter(found.ids.tolist())
    rows = np.random.default_rng(0).choice(
        len(found), min(args.sample, len(found)), replace=False
    )
    images = np.stack(
        [
            resize_and_crop(
                decode_rgb(tf.constant((root / found.ids[row]).read_bytes())), (32, 32)
            ).numpy()
            for row in rows
        ]
    )
    difference = np.abs(evaluate.embed(encoder, images) - found.features[rows]).max()
    line = {
        "benchmark": "bulk_embedding",
        "runner": "direct",
        "files": len(names),
        "rows": result["rows"],
        "rejected_rows": result["rejected_rows"],
        "once": sum(counts[name] == 1 for name in names),
        "twice_or_more": sum(count > 1 for count in counts.values()),
        "unknown": len(set(counts) - set(names)),
        "dimensions": result["dimensions"],
        "shards": result["shards"],
        "seconds": round(seconds, 1),
        "rows_per_second": round(result["rows"] / seconds, 1),
        "largest_difference": float(difference),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
