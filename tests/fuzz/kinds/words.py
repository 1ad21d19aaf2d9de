# SPDX-License-Identifier: Apache-2.0
"""What people type, and configurations in files: through the command line itself."""

import contextlib
import io
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cl_keras import data, runs
from cl_keras.cli import main
from cl_keras.runs.jobs.job import load_job
from cl_keras.runs.jobs.model import build_model
from cl_keras.runs.optimizer import make_optimizer
from fuzz.kind import Kind
from fuzz.kinds.tables import saved

LONG = "x" * 5000


DEEP = "[" * 100_000


def command(*words: str) -> str:
    """What a command prints; of one that fails, the error."""
    out, errors = io.StringIO(), io.StringIO()
    argv, sys.argv = sys.argv, ["cl-keras", *words]
    shown, showing = warnings.formatwarning, warnings.filters[:]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as end:
        said = " ".join(errors.getvalue().replace("│", " ").split())
        if end.code:
            # Of a usage error the words after its frame.
            text = said.rpartition("─ Error ─")[2].strip("─╮╯╰ ") or said
            raise ValueError(f"exit {end.code}: {text}") from None
    finally:
        sys.argv, warnings.formatwarning = argv, shown
        warnings.filters[:] = showing
    return "printed: " + " ".join(out.getvalue().split())[:60]


def typed(format: str, read: Callable[[str], str], texts: list[str]) -> list[Kind]:
    """A kind for each text."""

    def kind(text: str) -> Kind:
        short = (
            ascii(text)
            if len(text) < 60
            else f"{ascii(text[:20])} and {len(text) - 20:,} more"
        )
        parts = [part[:20] for part in re.split("[:/,=?&.]", text) if part.strip()] or [
            ""
        ]
        return Kind(
            format, short, small, lambda place: read(text), (*parts, repr(text))
        )

    return [kind(text) for text in texts]


def small(place: Path) -> None:
    """Data that are read at once."""
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), np.uint8)
    (place / "a.npz").write_bytes(saved(images=images, labels=np.arange(16) % 2))


STRINGS = """
|:|::|digits:|digits:x|folder|folder:|folder: |folder:.|folder:..|folder:nowhere
folder:a.npz|folder:/dev/null|folder:/dev/zero|folder://host/x|folder:~nobody/x
npz|npz:|npz:.|npz:nowhere.npz|npz:a.npz:b|npz:a.npz?x=1|npz:/dev/zero|npz:a.npz\0
csv:a.npz|csv:nowhere|tfrecord:a.npz|tfrecord:*|tfrecord:[|tfrecord:**/*|tfds:
tfds::|tfds:no_such_set|tfds:../../x|tfds:mnist:no_such_part|tfds:mnist:train[:-]
planetoid:|planetoid:../x|planetoid:no_such|tu:nowhere|edges:nowhere|graph:nowhere
pairs:|pairs:a.npz|pairs:a.npz,|pairs:,,|pairs:a.npz,a.npz,a.npz|pairs:what:a,b
pairs:folder:.,.|pairs:table:nowhere|http://127.0.0.1:9/x|file:///etc/passwd|s3://b/x
FOLDER:.|fоlder:.|a.npz|nowhere.npz|/etc/passwd|../x|C:\\x|\\\\host\\x|$(touch ran)
;touch ran|`touch ran`|{0}|%s|%n|\u202e|\ud800|🐈|\r\n|folder:\x1b[31m
""".replace("\n", "|")


SETTINGS = """
|=|a|=1|a=|temperature=|temperature=hot|temperature=-1|temperature=0|temperature=NaN
temperature=Infinity|temperature=-Infinity|temperature=1e999|temperature=[1]
temperature=null|temperature=true|temperature={"a": 1}|temperature="0.1|temprature=1
encoder=x|encoder.=1|encoder.width=-4|encoder.width=0|encoder.width=1.5
encoder.width=wide|encoder.width=null|encoder.depth.x=1|encoder.blocks=-1|encodr.width=4
augment.no_such=1|augment.scale=2|augment.scale=[]|augment.scale=["a"]|augment.size=-1
augment.flip=yes|projector.hidden=-1|projector.no_such=1|projector.weights=nowhere
data.no_such=1|data.label=x|data.pattern=(|optimizer=x|optimizer.no_such=1|a.b.c=1
__class__=1|__init__.x=1|encoder.__class__=os|self=1|kwargs=1|name=x
""".replace("\n", "|")


ENCODERS = """
|:|zoo:|zoo:no_such|zoo:../rows/x|run:|run:nowhere|run:.|nowhere|no/where|nowhere.keras
a.npz|/etc/passwd|keras:|keras:no_such|keras:os.system|keras:ResNet50V2?
keras:ResNet50V2?weights|keras:ResNet50V2?weights=|keras:ResNet50V2?weights=/etc/passwd
keras:ResNet50V2?image_size=-1|keras:ResNet50V2?image_size=x|keras:ResNet50V2?no_such=1
keras_hub:../x|checkpoint:|checkpoint:nowhere.pth|checkpoint:a.npz
checkpoint:nowhere.safetensors|checkpoint:/etc/passwd|http://127.0.0.1:9/a.keras
simclr_compact_digits?image_size=-1|simclr_compact_digits?no_such=1|\0.keras|\ud800
""".replace("\n", "|")


# What `zoo import` needs beside a file and a name.
IMPORTED = "--registry zoo --license-weights MIT --license-data MIT".split()
COMMANDS = [
    ["no-such-command"],
    ["--no-such-option"],
    ["train"],
    ["train", "no_such_method"],
    ["train", "simclr", "--epochs", "many"],
    ["train", "simclr", "--epochs", "0"],
    ["train", "simclr", "--epochs", "-1"],
    ["train", "simclr", "--epochs", "9" * 400],
    ["train", "simclr", "--batch-size", "0"],
    ["train", "simclr", "--learning-rate", "nan"],
    ["train", "simclr", "--learning-rate", "-1"],
    ["train", "simclr", "--learning-rate", "inf"],
    ["train", "simclr", "--seed", "-1"],
    ["train", "simclr", "--seed", str(2**70)],
    ["train", "simclr", "--image-size", "-3"],
    ["train", "simclr", "--image-size", "100000000"],
    ["train", "simclr", "--precision", "float7"],
    ["train", "simclr", "--schedule", "sometimes"],
    ["train", "simclr", "--recipe", "../../etc/passwd"],
    ["train", "simclr", "--data", ""],
    ["train", "simclr", "--out", "a.npz"],
    ["train", "simclr", "--out", "a\0b"],
    ["train", "simclr", "--encoder", "no_such"],
    ["train", "simclr", "--probe-data", "nowhere"],
    ["train", "simclr", "--neighbors", "0"],
    ["tune", "simclr", "--try", ""],
    ["tune", "simclr", "--try", "a"],
    ["tune", "simclr", "--try", "no_such=1,2"],
    ["tune", "simclr", "--try", "learning_rate=fast,slow"],
    ["tune", "simclr", "--try", "learning_rate=nan"],
    ["tune", "simclr", "--try", "learning_rate=" + DEEP],
    ["tune", "simclr", "--try", "epochs=0"],
    ["compare", "simclr", "byol", "--seeds", "a,b"],
    ["compare", "simclr", "simclr"],
    ["evaluate", "no_such"],
    ["evaluate", "simclr_compact_digits", "--metrics", "no_such"],
    ["evaluate", "simclr_compact_digits", "--data", "npz:nowhere.npz"],
    ["embed", "simclr_compact_digits", "npz:a.npz", "--out", "x.txt"],
    ["embed", "simclr_compact_digits", "nowhere", "--out", "x.npz"],
    [
        "neighbors",
        "simclr_compact_digits",
        "--query",
        "nowhere.png",
        "--data",
        "digits",
    ],
    ["neighbors", "simclr_compact_digits", "--query", "a.npz", "--features", "a.npz"],
    ["export", "simclr_compact_digits", "out", "--format", "no_such"],
    ["export", "simclr_compact_digits", "out", "--max-pixels", "-1"],
    ["export", "simclr_compact_digits", "out", "--index", "a.npz"],
    ["pack", "folder:nowhere", "out"],
    ["pack", "npz:a.npz", "out"],
    ["zoo", "info", "../../x"],
    ["zoo", "info", "simclr_compact_digits", "--registry", "nowhere"],
    ["zoo", "fetch", "no_such"],
    ["zoo", "list", "--registry", "a.npz"],
    ["zoo", "import", "a.npz", "--name", "x", "--registry", "zoo"],
    ["zoo", "import", "nowhere.pth", "--name", "../x", *IMPORTED],
    ["zoo", "import", "a.npz", "--name", "x", *IMPORTED],
    ["report", "nowhere"],
    ["report", "a.npz"],
    ["serving-kit", "nowhere"],
]


def commands() -> list[Kind]:
    def kind(words: list[str]) -> Kind:
        shown = " ".join(
            ascii(w)[1:-1] if len(w) < 40 else f"{w[:18]}..." for w in words
        )
        names = tuple(
            ascii(w)[1:-1].lstrip("-")[:15].partition("=")[0] for w in words[1:]
        ) or ("method", words[0])
        return Kind("command", shown, small, lambda place: command(*words), names)

    return [kind(words) for words in COMMANDS]


def set_to(text: str) -> str:
    """All that a training does before it writes anything."""
    settings = runs.parse_settings(["encoder.stages=1", text])
    config = runs.TrainConfig.for_method(
        "simclr", data="npz:a.npz", out="run", batch_size=8, settings=settings
    )
    job = load_job(config)
    job.batches()
    make_optimizer(config, job.steps())
    return f"a model of {build_model(config, job).encoder.count_params():,} weights"


def named(text: str) -> str:
    model, _ = runs.load_encoder(text)
    return f"an encoder of {model.output_shape}"


def opened(text: str) -> str:
    source = data.open(text)
    if source.modality == "pair":
        return f"{len(source.load())} pairs"
    return f"{source.modality} data"


def kinds() -> list[Kind]:
    def distinct(text: str) -> list[str]:
        return list(dict.fromkeys(text.split("|")))

    long = [LONG, f"folder:{LONG}", f"npz:{'../' * 2000}x"]
    return [
        *typed("data string", opened, distinct(STRINGS) + long),
        *typed("setting", set_to, [*distinct(SETTINGS), f"a={DEEP}", f"{LONG}=1"]),
        *typed("encoder name", named, [*distinct(ENCODERS), LONG, f"keras:{LONG}"]),
        *commands(),
    ]
