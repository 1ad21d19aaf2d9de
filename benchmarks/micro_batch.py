# SPDX-License-Identifier: Apache-2.0
"""Peak memory and time of a SimCLR step, whole and by `micro_batch`, by turns.

    python benchmarks/micro_batch.py --batch 4096 --micro 256
    python benchmarks/micro_batch.py --batch 16384 --micro 256 --width 8

A step is forward and backward pass and update of a compact ResNet on two views of 32x32
images. `extra_mb` is the peak of a fresh process after one step above what it needed
for a step of 8 examples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import harness


def side(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    tf = harness.tensorflow(args.threads)
    import keras

    from cl_keras import encoders, methods

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(args.precision)
    encoder = encoders.compact_resnet((32, 32, 3), width=args.width)
    micro = args.micro if args.side == "micro_batch" else None
    model = methods.SimCLR(encoder, temperature=0.2, micro_batch=micro)
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    # Made first: the images themselves do not count.
    views = [
        tf.random.stateless_uniform((args.batch, 32, 32, 3), (0, i)) for i in range(2)
    ]
    step = tf.function(model.train_step, autograph=False)
    return harness.with_memory(
        lambda rows: lambda: float(step(tuple(v[:rows] for v in views))["loss"]),
        8,
        args.batch,
    )


if __name__ == "__main__":
    harness.compare(
        __doc__,
        {"plain": side, "micro_batch": side},
        {
            "memory_ratio": ("micro_batch", "plain", "extra_mb"),
            "time_ratio": ("micro_batch", "plain"),
        },
        options={"batch": 4096, "micro": 256, "width": 32, "precision": "float32"},
        rounds=1,
    )
