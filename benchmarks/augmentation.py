# SPDX-License-Identifier: Apache-2.0
"""Two views of every image, from JPEG files: cl_keras against lightly, by turns.

    make bench-peers
    python benchmarks/augmentation.py --images cifar10/train \
        --peer .venv-peers/bin/python
    python benchmarks/augmentation.py --images flowers/train --size 96 \
        --count 4096 --batch 64 --peer .venv-peers/bin/python

A turn makes two views of `--count` images, batch by batch, with SimCLR's crop, flip,
jitter and greyscale (no blur, as for CIFAR-10); where there are fewer images, they come
again. Pipelines go on where the last turn ended, as in `cl-keras train`, and lightly's
processes, one for each thread, stay. `cl_keras` decodes each JPEG at its turn, from
memory, and `files` reads the file then, too, as of large folders; `decoded` has them
decoded before, as of small ones. lightly reads the files, which the disk's cache holds.
`jpeg` decodes alone, at full size.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import harness


def lightly(args: harness.Args) -> tuple[Callable[[], int], dict[str, Any]]:
    import torch
    import torch_side

    torch.set_num_threads(args.threads)
    files = len(harness.jpeg_files(args.images))
    rows = [row % files for row in range(args.count)]
    loader = torch_side.two_views(
        args.images, rows, args.batch, args.threads, size=args.size
    )

    def turn() -> int:
        return sum(len(view1) + len(view2) for (view1, view2), *_ in loader)

    return turn, {"count": turn()}


def ours(args: harness.Args) -> tuple[Callable[[], int], dict[str, Any]]:
    tf = harness.tensorflow(args.threads)
    from cl_keras import augment, data

    views = augment.SimCLRImages(size=args.size, blur=0.0)
    images = data.encoded_images(
        harness.jpeg_files(args.images, args.count),
        side=args.size,
        max_bytes=0 if args.side == "files" else 2**30,
    )
    if args.side == "jpeg":
        dataset = (
            tf.data.Dataset.from_tensor_slices(list(images.contents))
            # Of one pixel each: images of several sizes are no batch.
            .map(
                lambda content: tf.io.decode_jpeg(content, channels=3)[0, 0],
                num_parallel_calls=args.threads,
            )
            .batch(args.batch, drop_remainder=True)
            .repeat()
        )
    else:
        chosen = images.pixels if args.side == "decoded" else images
        # No batches made ahead while the others have their turn.
        options: dict[str, Any] = {"repeat": True, "prefetch": False}
        dataset = data.two_views(chosen, views, args.batch, **options)
    batches = iter(dataset)

    def turn() -> int:
        turns = itertools.islice(batches, args.count // args.batch)
        return sum(len(view) for batch in turns for view in tf.nest.flatten(batch))

    return turn, {"count": turn()}


if __name__ == "__main__":
    harness.compare(
        __doc__,
        {
            "cl_keras": ours,
            "files": ours,
            "decoded": ours,
            "jpeg": ours,
            "lightly": lightly,
        },
        {
            "share_of_jpeg_limit": ("jpeg", "cl_keras"),
            "cl_keras_times_lightly": ("lightly", "cl_keras"),
            "files_times_lightly": ("lightly", "files"),
            "decoded_times_lightly": ("lightly", "decoded"),
        },
        options={"images": harness.REQUIRED, "count": 8192, "batch": 512, "size": 32},
        peers={"lightly": "peer"},
        each=lambda args, side: {
            "per_second": round(side["count"] / side["seconds"]),
        },
    )
