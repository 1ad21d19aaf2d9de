# SPDX-License-Identifier: Apache-2.0
"""SimCLR end to end, JPEG in: `fit` against lightly with PyTorch, by turns.

    make bench-peers
    python benchmarks/simclr_fit.py --images cifar10/train \
        --peer .venv-peers/bin/python

Same network (compact ResNet and projection head), batch, optimizer (AdamW), views and
threads. A turn is a number of training steps, beginning with a pipeline that starts
anew; images per second count each image once, though it gives two views.

- `cl_keras`: `model.fit` on JPEGs decoded at their turn, metrics and all;
- `decoded`: the same on images decoded before, which is what `folder:` does;
- `bare`: forward and backward pass of encoder, head and loss and the update, on one
  batch made before: no pipeline, no metrics, no `fit`. The limit of both;
- `lightly`: its transform and loss in a plain PyTorch loop, with as many loader
  processes as threads (`--loaders` says otherwise).

Prints a table and one JSON line.
"""

import math
import sys
from pathlib import Path

import turns


def lightly(args):
    import torch
    import torch_networks as networks
    from lightly.data import LightlyDataset
    from lightly.loss import NTXentLoss
    from lightly.transforms import SimCLRTransform

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    transform = SimCLRTransform(input_size=32, gaussian_blur=0.0)
    dataset = LightlyDataset(str(args.images), transform=transform)
    dataset = torch.utils.data.Subset(dataset, range(args.steps * args.batch))
    loader = torch.utils.data.DataLoader(
        dataset, args.batch, shuffle=True, num_workers=args.loaders, drop_last=True
    )
    encoder = networks.compact_resnet(blocks=args.blocks)
    model = torch.nn.Sequential(encoder, networks.projection_head(128))
    criterion = NTXentLoss(temperature=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-4)

    def turn():
        for (view1, view2), *_ in loader:
            loss = criterion(*model(torch.cat([view1, view2])).chunk(2))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    turn()
    return turn, {"parameters": networks.parameters(model)}


def ours(args):
    tf = turns.tensorflow(args.threads)
    import keras

    from cl_keras import augment, data, encoders, losses, methods

    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_global_policy(args.precision)
    encoder = encoders.compact_resnet(blocks=args.blocks)
    model = methods.SimCLR(encoder, temperature=0.2)
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1e-4)
    model.compile(optimizer)
    sizes = [math.prod(w.shape) for w in model.trainable_variables]
    views = augment.SimCLRImages(size=32, blur=0.0)
    files = turns.jpeg_files(args.images, args.steps * args.batch)
    images = data.encoded_images(files)
    if args.side == "cl_keras":
        pipeline = data.encoded_two_views(images, views, args.batch)
    else:
        array = next(iter(images.dataset(32).batch(len(images)))).numpy()
        pipeline = data.two_views(array, views, args.batch)
    if args.side == "bare":
        batch = next(iter(pipeline))
        optimizer.build(model.trainable_variables)

        @tf.function(autograph=False)
        def step(view1, view2):
            with tf.GradientTape() as tape:
                both = tf.concat([view1, view2], 0)
                rows = model.projector(encoder(both, training=True), training=True)
                loss = tf.reduce_mean(losses.nt_xent(*tf.split(rows, 2), 0.2))
            variables = model.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
            return loss

        def turn():
            for _ in range(args.steps):
                value = step(*batch)
            return float(value)
    else:

        def turn():
            return model.fit(pipeline, verbose=0).history["loss"][0]

    turn()
    return turn, {"parameters": sum(sizes)}


def main():
    parser = turns.parser(__doc__, rounds=5)
    parser.add_argument("--images", required=True, help="class folders of JPEG files")
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--loaders", type=int, default=2)
    parser.add_argument("--precision", default="float32", help="ours")
    args = parser.parse_args()
    if args.side:
        turn, facts = lightly(args) if args.side == "lightly" else ours(args)
        turns.answer(turn, **facts, peak_mb=round(turns.peak_mb()))
        return
    sides = dict.fromkeys(("cl_keras", "decoded", "bare"), sys.executable)
    if args.peer:
        sides["lightly"] = args.peer
    names = ("images", "batch", "steps", "blocks", "loaders", "threads", "precision")
    settings = {name: getattr(args, name) for name in names}
    results = turns.compare(sides, settings, args.rounds)
    for result in results.values():
        images = args.steps * args.batch
        result["images_per_second"] = round(images / result["seconds"])
    ratios = {
        "share_of_bare": turns.ratio(results, "bare", "cl_keras"),
        "decoded_share_of_bare": turns.ratio(results, "bare", "decoded"),
    }
    if args.peer:
        for side in ("cl_keras", "decoded"):
            ratios[f"{side}_times_lightly"] = turns.ratio(results, "lightly", side)
    settings["images"] = Path(args.images).name
    turns.report("simclr_fit", settings, results, ratios)


if __name__ == "__main__":
    main()
