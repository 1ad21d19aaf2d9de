# SPDX-License-Identifier: Apache-2.0
"""What this machine can do at best: the limits that other results are shares of.

    python benchmarks/limits.py
    python benchmarks/limits.py --images cifar10/train

Matrix products, memory bandwidth, exponentials, convolutions and JPEG decoding, each
as TensorFlow's own kernels do it on all the threads given.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import harness


def best(call: Callable[[], object], seconds: float = 2.0) -> float:
    """Shortest time of one call, of as many as fit into some seconds."""
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def arithmetic(tf: Any) -> dict[str, float]:
    def rate(amount: float, function: Callable[[], Any]) -> float:
        compiled = tf.function(function)
        return 1e-9 * amount / best(lambda: compiled().numpy())

    def product(rows: int, inner: int, columns: int) -> float:
        a, b = tf.ones((rows, inner)), tf.ones((inner, columns))
        return rate(2 * rows * inner * columns, lambda: tf.matmul(a, b)[0, 0])

    many, some = tf.ones((64 * 2**20,)), tf.ones((2**20,))
    x, kernel = tf.ones((256, 16, 16, 64)), tf.ones((3, 3, 64, 64))
    return {
        "square_product_gflops": product(2048, 2048, 2048),
        "block_product_gflops": product(1024, 128, 1024),
        "wide_product_gflops": product(8192, 128, 8192),
        # One read and one write of each value.
        "bandwidth_gb": rate(8 * 64 * 2**20, lambda: (many + 1.0)[0]),
        "exp_giga": rate(2**20, lambda: tf.exp(some)[0]),
        "convolution_gflops": rate(
            2 * 256 * 16 * 16 * 9 * 64 * 64,
            lambda: tf.nn.conv2d(x, kernel, 1, "SAME")[0, 0, 0, 0],
        ),
    }


def jpegs_per_second(tf: Any, images: str, threads: int, count: int = 4096) -> float:
    contents = [file.read_bytes() for file in harness.jpeg_files(images, count)]

    def decode(batch: Any) -> Any:
        return tf.map_fn(
            lambda image: tf.io.decode_jpeg(image)[0, 0, 0],
            batch,
            fn_output_signature=tf.uint8,
            parallel_iterations=1,
        )

    dataset = tf.data.Dataset.from_tensor_slices(tf.constant(contents)).batch(64)
    dataset = dataset.map(decode, num_parallel_calls=threads)
    return count / best(lambda: dataset.reduce(0, lambda n, _: n + 1).numpy())


def main() -> None:
    args = harness.parse(__doc__, {"images": None, **harness.THREADS})
    tf = harness.tensorflow(args.threads)
    figures = arithmetic(tf)
    if args.images:
        figures["jpeg_images_per_second"] = jpegs_per_second(
            tf, args.images, args.threads
        )
    figures = {name: round(value, 2) for name, value in figures.items()}
    harness.table({name: {"is": value} for name, value in figures.items()})
    harness.emit(args, figures)


if __name__ == "__main__":
    main()
