# SPDX-License-Identifier: Apache-2.0
"""Training step of compact_resnet: our batch normalisation against Keras's own.

    python benchmarks/encoders.py

The same network on the same images, forward and backward, by turns; medians.
Prints a table and one JSON line.
"""

import argparse
import json
import os
import statistics
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf

from cl_keras import batch_norm, encoders


def keras_layers(layer):
    """Rebuilds a layer, ours replaced by the Keras layer it stands for."""
    config = layer.get_config()
    if isinstance(layer, batch_norm.BatchNormalization):
        return keras.layers.BatchNormalization.from_config(config)
    return type(layer).from_config(config)


def make_step(encoder, images):
    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(encoder(images, training=True) ** 2)
        gradients = tape.gradient(loss, encoder.trainable_variables)
        return tf.add_n([tf.reduce_sum(g) for g in gradients])

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    ours = encoders.compact_resnet()
    theirs = keras.models.clone_model(ours, clone_function=keras_layers)
    images = tf.random.uniform((args.batch, 32, 32, 3))
    steps = {"cl_keras": make_step(ours, images), "keras": make_step(theirs, images)}
    seconds = {side: [] for side in steps}
    for step in steps.values():
        step()
    for _ in range(args.rounds):
        for side, step in steps.items():
            start = time.perf_counter()
            step().numpy()
            seconds[side].append(time.perf_counter() - start)
    rates = {s: args.batch / statistics.median(t) for s, t in seconds.items()}
    for side, rate in rates.items():
        print(f"{side:10} {rate:8.0f} images/s", file=sys.stderr)
    result = {"benchmark": "encoders", "batch": args.batch, "rounds": args.rounds}
    result |= {f"{side}_images_per_second": round(r) for side, r in rates.items()}
    result["ratio"] = round(rates["cl_keras"] / rates["keras"], 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
