# SPDX-License-Identifier: Apache-2.0
"""NT-Xent, forward and backward: cl_keras against lightly and solo-learn, by turns.

    make bench-peers
    python benchmarks/nt_xent.py --peer .venv-peers/bin/python --batch 4096

`plain` is the formula in TensorFlow with its matrix of similarities; `product` is one
full (2B, D) x (D, 2B) matrix product, what the machine can do at best. `extra_mb` is
the peak memory of a fresh process after one step, above what it needed for a tiny
batch. Prints a table and one JSON line.
"""

import sys

import turns

TEMPERATURE = 0.1


def lightly():
    from lightly.loss import NTXentLoss

    return NTXentLoss(temperature=TEMPERATURE)


def solo_learn():
    import functools
    import importlib.util
    from pathlib import Path

    # The file by itself: the package would import all of PyTorch Lightning.
    folder = importlib.util.find_spec("solo").submodule_search_locations[0]
    file = Path(folder, "losses", "simclr.py")
    spec = importlib.util.spec_from_file_location("simclr", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return functools.partial(module.simclr_loss_func, temperature=TEMPERATURE)


PEERS = {"lightly": lightly, "solo_learn": solo_learn}


def theirs(width, threads, side):
    import torch

    torch.set_num_threads(threads)
    loss = PEERS[side]()

    def make(batch):
        generator = torch.Generator().manual_seed(0)
        views = [
            torch.randn(batch, width, generator=generator).requires_grad_()
            for _ in range(2)
        ]

        def step():
            for view in views:
                view.grad = None
            value = loss(*views)
            value.backward()
            return value.item()

        return step

    return make


def ours(width, threads, side):
    tf = turns.tensorflow(threads)
    from cl_keras import losses

    def plain(view1, view2):
        z = tf.math.l2_normalize(tf.concat([view1, view2], 0), -1)
        logits = tf.matmul(z, z, transpose_b=True) / TEMPERATURE
        count = tf.shape(z)[0]
        logits = tf.linalg.set_diag(logits, tf.fill([count], float("-inf")))
        positive = tf.math.floormod(tf.range(count) + count // 2, count)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(positive, logits)

    def blocks(view1, view2):
        return losses.nt_xent(view1, view2, TEMPERATURE)

    loss = blocks if side == "cl_keras" else plain

    @tf.function
    def gradient(view1, view2):
        with tf.GradientTape() as tape:
            tape.watch((view1, view2))
            value = tf.reduce_mean(loss(view1, view2))
        return value, tape.gradient(value, (view1, view2))

    @tf.function
    def product(view1, view2):
        rows = tf.concat([view1, view2], 0)
        return tf.matmul(rows, rows, transpose_b=True)[0, 0], ()

    fn = product if side == "product" else gradient

    def make(batch):
        views = tf.random.stateless_normal((2, batch, width), (0, 1))
        return lambda: float(fn(views[0], views[1])[0])

    return make


def main():
    parser = turns.parser(__doc__, rounds=9)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--width", type=int, default=128)
    args = parser.parse_args()
    if args.side:
        make = (theirs if args.side in PEERS else ours)(
            args.width, args.threads, args.side
        )
        make(64)()
        before = turns.peak_mb()
        step = make(args.batch)
        value = step()
        extra = round(turns.peak_mb() - before, 1)
        turns.answer(step, extra_mb=extra, value=round(value, 4))
        return
    sides = dict.fromkeys(("cl_keras", "product", "plain"), sys.executable)
    if args.peer:
        sides |= dict.fromkeys(PEERS, args.peer)
    settings = {"batch": args.batch, "width": args.width, "threads": args.threads}
    results = turns.compare(sides, settings, args.rounds)
    ratios = {
        "products": turns.ratio(results, "cl_keras", "product"),
        "time_of_plain": turns.ratio(results, "cl_keras", "plain"),
        "memory_of_plain": turns.ratio(results, "cl_keras", "plain", "extra_mb"),
    }
    for peer in PEERS if args.peer else ():
        ratios[f"time_of_{peer}"] = turns.ratio(results, "cl_keras", peer)
        memory = turns.ratio(results, "cl_keras", peer, "extra_mb")
        ratios[f"memory_of_{peer}"] = memory
    turns.report("nt_xent", settings, results, ratios)


if __name__ == "__main__":
    main()
