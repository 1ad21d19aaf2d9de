# SPDX-License-Identifier: Apache-2.0
"""Two views of every image, from JPEG files: cl_keras against lightly, by turns.

    make bench-peers
    python benchmarks/augmentation.py --images cifar10/train \
        --peer .venv-peers/bin/python

A turn makes the views of the same images, batch by batch, with SimCLR's crop, flip,
jitter and greyscale (no blur, as for CIFAR-10). `cl_keras` decodes each JPEG at its
turn, from memory; `decoded` has them decoded before, as `folder:` does. lightly's
loader has one process for each thread and reads the files, which the disk's cache
holds. `jpeg` decodes alone, the limit of the first. Prints a table and one JSON line.
"""

import sys
from pathlib import Path

import turns


def lightly(args):
    import torch
    from lightly.data import LightlyDataset
    from lightly.transforms import SimCLRTransform

    torch.set_num_threads(args.threads)
    dataset = LightlyDataset(
        str(args.images),
        transform=SimCLRTransform(input_size=args.size, gaussian_blur=0.0),
    )
    dataset = torch.utils.data.Subset(dataset, range(args.count))
    loader = torch.utils.data.DataLoader(
        dataset, args.batch, shuffle=True, num_workers=args.threads, drop_last=True
    )

    def turn():
        count = 0
        for (view1, view2), *_ in loader:
            count += len(view1) + len(view2)
        return count

    return turn


def ours(args):
    tf = turns.tensorflow(args.threads)
    from cl_keras import augment, data

    views = augment.SimCLRImages(size=args.size, blur=0.0)
    images = data.encoded_images(turns.jpeg_files(args.images, args.count))
    if args.side == "jpeg":
        dataset = (
            tf.data.Dataset.from_tensor_slices(list(images.contents))
            .map(tf.io.decode_jpeg, num_parallel_calls=args.threads)
            .batch(args.batch, drop_remainder=True)
        )
    elif args.side == "decoded":
        array = next(iter(images.dataset(args.size).batch(len(images)))).numpy()
        dataset = data.two_views(array, views, args.batch)
    else:
        dataset = data.encoded_two_views(images, views, args.batch)

    def turn():
        count = 0
        for element in dataset:
            for view in tf.nest.flatten(element):
                count += len(view)
        return count

    return turn


def main():
    parser = turns.parser(__doc__, rounds=5)
    parser.add_argument("--images", required=True, help="class folders of JPEG files")
    parser.add_argument("--count", type=int, default=8192)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--size", type=int, default=32)
    args = parser.parse_args()
    if args.side:
        turn = lightly(args) if args.side == "lightly" else ours(args)
        turns.answer(turn, count=turn(), peak_mb=round(turns.peak_mb()))
        return
    sides = dict.fromkeys(("cl_keras", "decoded", "jpeg"), sys.executable)
    if args.peer:
        sides["lightly"] = args.peer
    names = ("images", "count", "batch", "size", "threads")
    settings = {name: getattr(args, name) for name in names}
    results = turns.compare(sides, settings, args.rounds)
    for result in results.values():
        result["per_second"] = round(result["count"] / result["seconds"])
    ratios = {
        "share_of_jpeg_limit": turns.ratio(results, "jpeg", "cl_keras"),
    }
    if args.peer:
        for side in ("cl_keras", "decoded"):
            ratios[f"{side}_times_lightly"] = turns.ratio(results, "lightly", side)
    settings["images"] = Path(args.images).name
    turns.report("augmentation", settings, results, ratios)


if __name__ == "__main__":
    main()
