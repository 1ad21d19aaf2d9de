# SPDX-License-Identifier: Apache-2.0
"""Two views from packed records by 1 to 8 threads of tf.data, by turns.

    python benchmarks/readers.py --images cifar10/train
    python benchmarks/readers.py --images flowers/train --size 96 --count 768

The images are packed before, as they are, into 8 files; each is read, decoded, cropped
and coloured at its turn, as `tfrecord:` with `data.stream=true` does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness


def pack(args: harness.Args, scratch: Path) -> None:
    """Packs the first images of the folder."""
    from cl_keras import data

    chosen = scratch / "images"
    for path in harness.jpeg_files(args.images, args.count):
        copy = chosen / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    args.records = str(scratch / "records")
    data.write_records(f"folder:{chosen}", args.records, shards=8)


def side(args: harness.Args) -> tuple[Callable[[], int], dict[str, Any]]:
    tf = harness.tensorflow(args.threads)
    from cl_keras import augment, data

    views = augment.SimCLRImages(size=args.size, blur=0.0)
    images = data.record_images(args.records)
    options = tf.data.Options()
    options.threading.private_threadpool_size = int(args.side)
    dataset = data.encoded_two_views(images, views, args.batch).with_options(options)

    def turn() -> int:
        return sum(len(view) for pair in dataset for view in pair)

    return turn, {"count": turn()}


if __name__ == "__main__":
    harness.compare(
        __doc__,
        dict.fromkeys(("1", "2", "4", "8"), side),
        {f"times_of_1_by_{n}": ("1", n) for n in "248"},
        options={
            "images": harness.REQUIRED,
            "records": None,
            "count": 8192,
            "batch": 256,
            "size": 32,
        },
        prepare=pack,
        each=lambda args, side: {"per_second": round(side["count"] / side["seconds"])},
    )
