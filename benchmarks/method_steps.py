# SPDX-License-Identifier: Apache-2.0
"""Seconds and memory of a training step of every method on images, by turns.

    python benchmarks/method_steps.py --width 16 --blocks 1
    python benchmarks/method_steps.py --sides simclr byol swav

A step is forward and backward pass and update, with the encoder, batch and number of
views that `cl-keras compare` trains on 32x32 images; views are drawn in advance.
`extra_mb` is the peak of a fresh process after one step above what it needed for a step
of 8 examples.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import harness

from cl_keras.method_table import METHODS

SHAPE = (32, 32, 3)
NAMES = [name for name, row in METHODS.items() if row.modalities[0] == "image"]


def side(args: harness.Args) -> tuple[Callable[[], float], dict[str, Any]]:
    tf = harness.tensorflow(args.threads)
    import keras

    from cl_keras.runs.config import TrainConfig
    from cl_keras.runs.jobs.model import build_model

    keras.utils.set_random_seed(0)
    sizes = {"encoder.width": args.width, "encoder.blocks": args.blocks}
    usual = {} if args.side == "cmc" else {"encoder": "compact_resnet"}
    config = TrainConfig.for_method(
        args.side, data="", out="", settings=sizes, batch_size=args.batch, **usual
    )
    model = build_model(config, SimpleNamespace(input_shape=SHAPE, encoder_options={}))
    model.compile(keras.optimizers.SGD(0.003, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    row = METHODS[args.side]
    # Made first: the images themselves do not count.
    views = [
        tf.random.stateless_uniform((config.batch_size, *SHAPE), (0, number))
        for number in range(row.views)
    ]
    labels = tf.range(config.batch_size) % 10
    step = tf.function(model.train_step, autograph=False)

    def make(rows: int) -> Callable[[], float]:
        made = tuple(view[:rows] for view in views)
        batch = (made, labels[:rows]) if "labels" in row.needs else made
        return lambda: float(step(batch)["loss"])

    turn, facts = harness.with_memory(make, 8, config.batch_size)
    return turn, facts | {"batch": config.batch_size, "views": row.views}


if __name__ == "__main__":
    harness.compare(
        __doc__,
        dict.fromkeys(NAMES, side),
        {f"{name}_ratio": (name, "simclr") for name in NAMES if name != "simclr"},
        options={"batch": 256, "width": 16, "blocks": 1},
    )
