# SPDX-License-Identifier: Apache-2.0
"""What this machine can do at best: the limits that other results are shares of.

    python benchmarks/limits.py
    python benchmarks/limits.py --images cifar10/train

Matrix products, memory bandwidth, exponentials, convolutions and JPEG decoding, each
as TensorFlow's own kernels do it on all the threads given. Prints a table and one JSON
line.
"""

import json
import os
import sys
import time
from pathlib import Path

import turns


def best(call, seconds=2.0):
    """Shortest time of one call, of as many as fit into some seconds."""
    call()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(threads, images=None):
    tf = turns.tensorflow(threads)
    found = {"threads": threads}

    def product(rows, inner, columns):
        a, b = tf.ones((rows, inner)), tf.ones((inner, columns))
        call = tf.function(lambda: tf.matmul(a, b)[0, 0])
        return 2e-9 * rows * inner * columns / best(lambda: call().numpy())

    found["square_product_gflops"] = product(2048, 2048, 2048)
    found["block_product_gflops"] = product(1024, 128, 1024)
    found["wide_product_gflops"] = product(8192, 128, 8192)

    size = 64 * 2**20
    rows = tf.ones((size,))
    double = tf.function(lambda: (rows + 1.0)[0])
    # One read and one write of each value.
    found["bandwidth_gb"] = 8e-9 * size / best(lambda: double().numpy())
    small = tf.ones((2**20,))
    exp = tf.function(lambda: tf.exp(small)[0])
    found["exp_giga"] = 1e-9 * 2**20 / best(lambda: exp().numpy())

    x, kernel = tf.ones((256, 16, 16, 64)), tf.ones((3, 3, 64, 64))
    conv = tf.function(lambda: tf.nn.conv2d(x, kernel, 1, "SAME")[0, 0, 0, 0])
    operations = 2e-9 * 256 * 16 * 16 * 9 * 64 * 64
    found["convolution_gflops"] = operations / best(lambda: conv().numpy())

    if images:
        files = sorted(Path(images).rglob("*.jp*g"))[:4096]
        contents = tf.constant([file.read_bytes() for file in files])
        dataset = (
            tf.data.Dataset.from_tensor_slices(contents)
            .batch(64)
            .map(
                lambda batch: tf.map_fn(
                    lambda image: tf.io.decode_jpeg(image)[0, 0, 0],
                    batch,
                    fn_output_signature=tf.uint8,
                    parallel_iterations=1,
                ),
                num_parallel_calls=threads,
            )
        )
        seconds = best(lambda: dataset.reduce(0, lambda n, _: n + 1).numpy())
        found["jpeg_images_per_second"] = len(files) / seconds
    return {k: round(v, 2) if isinstance(v, float) else v for k, v in found.items()}


def main():
    import argparse

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--images", help="folder of JPEG files, at any depth")
    args = parser.parse_args()
    found = measure(args.threads, args.images)
    for name, value in found.items():
        print(f"{name:26} {value:12,}", file=sys.stderr)
    print(json.dumps({"benchmark": "limits", **found}))


if __name__ == "__main__":
    main()
