# SPDX-License-Identifier: Apache-2.0
"""`cl-keras train --minutes` beside three settings made by hand, in the same time.

    python benchmarks/auto.py --data folder:cifar10/test --classes 5 --each 400

`--classes` and `--each` take the first class folders and the first images of each. Each
side is a process of its own with the same `--minutes`, which also times the schedule of
the settings made by hand. Scores are of the test part, or of a fifth held out. The
three settings were written down before the rule was tried on any of these sets.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness

ZOO = "zoo:simclr_compact_cifar10"
CPC = "--set negatives_from=same_sequence --set negatives=0"
HAND = {
    "images": {
        "defaults": "simclr --encoder compact_resnet --image-size 32 --batch-size 256 "
        "--learning-rate 2e-3 --warmup-epochs 1 --set augment.scale=[0.08,1.0]",
        "recipe of CIFAR-10": "simclr --encoder compact_resnet --image-size 32 "
        "--batch-size 128 --learning-rate 4e-3 --set encoder.blocks=1 "
        "--set encoder.stages=4 --set temperature=0.2 --set augment.scale=[0.2,1.0]",
        "goes on, 48 pixels": f"simclr --encoder {ZOO} --image-size 48 --batch-size 64 "
        f"--learning-rate 3e-4 --set projector.weights={ZOO} --set temperature=0.2 "
        "--set augment.scale=[0.08,1.0]",
    },
    "recordings": {
        "COLA": "cola --encoder mel_conv --batch-size 64 --learning-rate 1e-3",
        "CPC, defaults": "cpc --encoder audio_conv --batch-size 64 "
        "--learning-rate 1e-3 --set data.window=12800",
        "CPC, short windows": "cpc --encoder mel_sequence --batch-size 64 "
        f"--learning-rate 1e-3 --set data.window=8000 --set steps=6 {CPC}",
    },
    "series": {
        "SimCLR": "simclr --encoder vector_sequence --batch-size 128 "
        "--learning-rate 1e-3 --set data.window=200",
        "CPC, defaults": "cpc --encoder vector_sequence --batch-size 64 "
        "--learning-rate 1e-3 --set data.window=200",
        "CPC, long windows": "cpc --encoder vector_sequence --batch-size 32 "
        f"--learning-rate 1e-3 --set data.window=400 --set steps=8 {CPC}",
    },
}
SCORES = ("knn_accuracy", "linear_accuracy")


def subset(spec: str, classes: int, each: int, folder: Path) -> str:
    """The first classes and images of a folder, as links."""
    kinds = sorted(p for p in Path(spec.partition(":")[2]).iterdir() if p.is_dir())
    for kind in kinds[:classes]:
        (folder / kind.name).mkdir(parents=True)
        for file in sorted(kind.iterdir())[:each]:
            (folder / kind.name / file.name).symlink_to(file.resolve())
    return f"folder:{folder}"


def main() -> None:
    args = harness.parse(
        __doc__,
        {
            "data": harness.REQUIRED,
            "kind": "images",
            "test_data": "",
            "minutes": 3.0,
            "classes": 0,
            "each": 0,
            "seed": 0,
            # Of all sides, such as data.pattern=... of recordings.
            "settings": [""],
            "only": [""],
        },
    )
    shared = [word for key in args.settings if key for word in ("--set", key)]
    shared += ["--seed", str(args.seed), "--minutes", str(args.minutes)]
    shared += ["--test-data", args.test_data] if args.test_data else []
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        data = args.data
        if args.classes:
            data = subset(data, args.classes, args.each, Path(scratch, "data"))
        for name, options in {"chosen": "", **HAND[args.kind]}.items():
            if any(args.only) and name not in args.only:
                continue
            out = str(Path(scratch, f"run{len(result)}"))
            begun = time.monotonic()
            done = subprocess.run(
                [sys.executable, "-m", "cl_keras.cli", "train", *options.split()]
                + ["--data", data, "--out", out, "--no-draw", "--json", *shared],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            summary = json.loads(done.stdout)
            summary["minutes"] = round((time.monotonic() - begun) / 60, 2)
            kept = ("minutes", "optimizer_steps", "train_seconds", *SCORES)
            others = [f"{score}_random_init" for score in SCORES]
            others += [f"raw_{score}" for score in SCORES]
            result[name] = {k: summary[k] for k in (*kept, *others) if k in summary}
            harness.table({name: result[name]})
    harness.emit(args, result)


if __name__ == "__main__":
    main()
