# SPDX-License-Identifier: Apache-2.0
"""The commands that write, and what must hold of what they write."""

import json
import shutil

import numpy as np
from faults.campaign import COMMAND, Scenario
from finished_runs import check_resumed, summary

from cl_keras import artifact, zoo
from cl_keras.data.records.index import RecordIndex
from cl_keras.export import runtimes
from cl_keras.export.bundle.models_config import versions
from cl_keras.runs.features import read_features

NAME = "simclr_compact_resnet_tiny"
RESNET = {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1}
GRID = {"encoder.width": 4, "encoder.channels": 8, "steps": 1}
NODES = {"epochs": 12, "settings": {"encoder.units": [4]}}
# Of each family a method: its name, its data, what makes it small.
FAMILIES = {
    "simclr": ("two views", "images", {"settings": RESNET}),
    "byol": ("target network", "images", {"settings": RESNET}),
    "moco": ("queue", "images", {"settings": RESNET}),
    "swav": ("many views", "images", {"settings": RESNET}),
    "dim": (
        "maps",
        "images",
        {"settings": {**RESNET, "width": 8, "locations": 4}},
    ),
    "cpc": ("sequences", "images", {"encoder": "patch_grid", "settings": GRID}),
    "dgi": ("a graph", "graph", NODES),
    "grace": ("two views of a graph", "graph", NODES),
    "clip": (
        "pairs",
        "pairs",
        {"settings": {"encoder.channels": 4, "encoder.context": 4}},
    ),
    "cmc": (
        "halves of an image",
        "images",
        {"settings": {"encoder.width": 4, "encoder.blocks": 1}},
    ),
}
# A checkpoint after every step. What follows training has a row of its own.
TRAIN = """
from cl_keras import runs
given = dict(data={data!r}, out={out!r}, **{given!r})
config = runs.TrainConfig.for_method({method!r}, **given)
runs.train(config, evaluate=False, finish=False, resume=True, checkpoint_seconds=0.0)
"""


def clear(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def train_code(method, data, out, given):
    given = {"epochs": 3} | given
    if not data.startswith("edges:"):
        given |= {"batch_size": 8}
    return TRAIN.format(method=method, data=data, out=str(out), given=given)


def training(title, method, data, given, whole, place):
    """Trains to the weights of the run `whole`."""
    out = place / "run"

    def check():
        check_resumed(out, whole)
        assert summary(out) == summary(whole)

    code = train_code(method, data, out, given)
    return Scenario(title, (code,), out, lambda: clear(place), check)


def export(made, place):
    out, first = place / "serving", {}

    def whole_versions():
        for number in versions(out):
            artifact.verify(out / str(number))

    def fresh():
        clear(place)
        shutil.copytree(made.run / "serving" / "1", out / "1")

    def whole():
        whole_versions()
        assert max(versions(out)) > 1
        kit = [p for p in [*out.glob("*"), *out.glob("clients/*")] if p.is_file()]
        texts = {p.name: p.read_text() for p in kit if not p.name.startswith(".draft")}
        assert f'"canary" value: {max(versions(out))}' in texts.pop("models.config")
        first.update({} if first else texts)
        assert texts == first and len(texts) == 9

    command = COMMAND, "export", made.run, out
    title = "export of a SavedModel with its bundle"
    return Scenario(title, command, place, fresh, whole, whole_versions)


def _file_export(output, suffix, runner, made, place):
    old, path = b"that was there before", place / f"encoder.{suffix}"

    def described():
        facts = json.loads(path.with_name(f"{path.name}.json").read_text())["file"]
        artifact.FileRecord(**facts).verify(place)

    def fresh():
        clear(place)
        path.write_bytes(old)

    def after():
        """The old file or the new one, which runs; its description follows it."""
        assert path.read_bytes() == old or runner(path)

    command = COMMAND, "export", made.run, path, "--format", output
    return Scenario(f"export to {output}", command, place, fresh, described, after)


def litert(made, place):
    return _file_export("litert", "tflite", runtimes.litert.runner, made, place)


def onnx(made, place):
    return _file_export("onnx", "onnx", runtimes.onnx.runner, made, place)


def zoo_add(made, place):
    registry = place / "registry"
    command = (
        *(COMMAND, "zoo", "add", made.run, "--registry", registry, "--name", NAME),
        *("--saved-model", made.run / "serving" / "1", "--overwrite"),
    )
    row = registry / "rows" / f"{NAME}.json"

    def verified():
        assert all(check.ok for check in zoo.verify(NAME, registry=registry))

    def whole():
        verified()
        assert [p.name for p in (registry / "files").iterdir()] == [NAME]
        assert [p.name for p in (registry / "rows").iterdir()] == [row.name]

    return Scenario(
        "zoo add",
        command,
        place,
        lambda: clear(place),
        whole,
        lambda: row.exists() and verified(),
    )


def zoo_fetch(made, place):
    cache, row = place / "cache", zoo.info(NAME, registry=made.served)

    def after():
        """Whatever has its name is whole."""
        for record in row.files:
            if found := list(cache.glob(f"{NAME}/[!.]*/{record.path}")):
                record.verify(str(found[0]).removesuffix(f"/{record.path}"))

    def whole():
        after()
        there = [p for p in cache.rglob("*") if p.is_file() and p.name != ".lock"]
        listed = [x for x in row.files if x.path.startswith("saved_model")]
        assert len(there) == len(listed)

    code = f"import os; os.environ['CL_KERAS_CACHE'] = {str(cache)!r}; {COMMAND}"
    command = code, "zoo", "fetch", NAME, "--registry", made.served
    return Scenario(
        "zoo fetch into the cache", command, place, lambda: clear(place), whole, after
    )


def pack(made, place):
    out, first = place / "packed", []

    def content():
        index = RecordIndex.find(out)
        index.verify()
        return [shard.record for shard in index.shards], index.rows

    def whole():
        first.append(content())
        assert first[-1] == first[0] and len(first[0][0]) == 3

    return Scenario(
        "packing of records",
        (COMMAND, "pack", made.photos, out, "--shards", 3),
        place,
        lambda: clear(place),
        whole,
        lambda: out.exists() and content(),
    )


def _embedding(title, out, options, made, place):
    first = []

    def whole():
        found = read_features(out)
        first.append((found.ids.tolist(), found.features))
        assert first[-1][0] == first[0][0] and len(found.ids) == 24
        np.testing.assert_array_equal(first[-1][1], first[0][1])

    def after():
        if out.is_file() or (out / "_SUCCESS").exists():
            whole()

    command = COMMAND, "embed", made.run, made.photos, "--out", out, *options
    return Scenario(title, command, place, lambda: clear(place), whole, after)


def embed(made, place):
    out = place / "features.npz"
    return _embedding("embedding into a file", out, (), made, place)


def bulk(made, place):
    options = "--runner", "direct", "--shards", 6, "--batch-size", 2
    return _embedding("bulk embedding", place / "features", options, made, place)


WRITERS = {
    x.__name__: x for x in (export, litert, onnx, zoo_add, zoo_fetch, pack, embed, bulk)
}
