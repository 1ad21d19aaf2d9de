# SPDX-License-Identifier: Apache-2.0
"""Peak memory and time of a SimCLR step, whole and by `micro_batch`.

    python benchmarks/micro_batch.py --batch 4096 --micro 256
    python benchmarks/micro_batch.py --batch 16384 --micro 256 --width 8 --steps 1

Each side runs in a fresh process. `extra_mb` is the peak of its memory above what it
needed for a step of 8 examples with the batch's images already made. A step is forward
and backward pass and update of a compact ResNet on two views of 32x32 images. Prints a
table and one JSON line.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def work(args):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import tensorflow as tf

    from cl_keras import encoders, methods

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(args.precision)
    encoder = encoders.compact_resnet((32, 32, 3), width=args.width)
    micro = args.micro if args.side == "micro_batch" else None
    model = methods.SimCLR(encoder, temperature=0.2, micro_batch=micro)
    model.compile(keras.optimizers.SGD(0.03, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    views = [
        tf.random.stateless_uniform((args.batch, 32, 32, 3), (0, i)) for i in range(2)
    ]
    step = tf.function(model.train_step, autograph=False)
    step(tuple(view[:8] for view in views))
    before = peak_mb()
    seconds = []
    # The first step also traces; it counts where there is no other.
    for _ in range(args.steps):
        start = time.perf_counter()
        loss = float(step(tuple(views))["loss"])
        seconds.append(time.perf_counter() - start)
    timed = seconds[1:] or seconds
    result = {"extra_mb": round(peak_mb() - before), "peak_mb": round(peak_mb())}
    result |= {"seconds": round(statistics.median(timed), 2), "loss": loss}
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--micro", type=int, default=256)
    parser.add_argument("--width", type=int, default=32, help="of the first stage")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--no-plain", action="store_true", help="does not fit")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        work(args)
        return
    result = {"benchmark": "micro_batch", "batch": args.batch, "micro": args.micro}
    result |= {"width": args.width, "precision": args.precision}
    sides = ["micro_batch"] if args.no_plain else ["plain", "micro_batch"]
    for side in sides:
        command = [sys.executable, __file__, *sys.argv[1:], "--side", side]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{side:12} failed, with {done.returncode}", file=sys.stderr)
            result[side] = None
            continue
        result[side] = found = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{side:12} {found['seconds']:8.2f} s {found['extra_mb']:8,} MB more, "
            f"{found['peak_mb']:,} MB in all",
            file=sys.stderr,
        )
    plain, micro = result.get("plain"), result.get("micro_batch")
    if plain and micro:
        result["memory_ratio"] = round(micro["extra_mb"] / plain["extra_mb"], 3)
        result["time_ratio"] = round(micro["seconds"] / plain["seconds"], 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
