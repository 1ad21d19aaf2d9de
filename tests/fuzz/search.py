# SPDX-License-Identifier: Apache-2.0
"""Beyond the kinds: good files with a few changes, and any text. Run by test_search.py.

`FUZZ_EXAMPLES` says how many of each; what was read last stands in `$FUZZ_FOLDER/last`.
"""

import json
import os
import resource
import shutil
import struct
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cl_keras import artifact, gnn, runs
from fuzz.child import Watch
from fuzz.kind import CLEAR, INSIDES
from fuzz.kinds import (
    configs,
    graph_sets,
    graph_tensors,
    graphs,
    picture_files,
    pictures,
    published,
    recordings,
    records,
    tables,
    weights,
    words,
)

FOLDER = Path(os.environ["FUZZ_FOLDER"])
EXAMPLES = int(os.environ["FUZZ_EXAMPLES"])
NUMBERS = (
    0,
    1,
    127,
    255,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
)
gnn.load()
FOLDER.mkdir(exist_ok=True)
WATCH = Watch([FOLDER, Path("/tmp")])
resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))


@st.composite
def changed(draw, good):
    """A good file, with a few of the changes that break parsers."""
    content = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        how = draw(st.sampled_from(["byte", "number", "cut", "gone", "twice", "more"]))
        size = draw(st.integers(1, 64))
        if how == "byte":
            content[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif how == "number":
            form = draw(st.sampled_from(["<H", ">H", "<I", ">I", "<Q", ">Q"]))
            number = draw(st.sampled_from(NUMBERS)) % 256 ** struct.calcsize(form)
            content[at : at + struct.calcsize(form)] = struct.pack(form, number)
        elif how == "cut":
            del content[at:]
        elif how == "gone":
            del content[at : at + size]
        elif how == "twice":
            content[at:at] = content[at : at + size]
        else:
            content[at:at] = draw(st.binary(max_size=16))
    return bytes(content)


def beside_row(place):
    (place / "rows").mkdir()


def beside_edges(place):
    (place / "edges.csv").write_bytes(graphs.EDGES)


def settings_of(text):
    runs.parse_settings([text])


KERAS = graphs.zipped(weights.encoder())
MANIFEST = {"format": 1, "files": [{"path": "a", "size": 7, "sha256": "0" * 64}]}
GRAPH = records.framed(graph_tensors.graph())
ARRAY = graphs.array(tables.IMAGES[:3, :, 0, 0])
# Of each format a file, a good one, what reads it, and what has to lie beside it.
FILES = {
    **{
        form: (f"a.{suffix}", content, pictures.read, None)
        for form, suffix, content in (
            ("PNG", "png", picture_files.PNG),
            ("JPEG", "jpg", picture_files.JPEG),
            ("GIF", "gif", picture_files.GIF),
            ("BMP", "bmp", picture_files.BMP),
            ("WebP", "webp", picture_files.WEBP),
            ("lossless WebP", "webp", picture_files.LOSSLESS),
            ("TIFF", "tif", picture_files.TIFF),
            ("AVIF", "avif", picture_files.AVIF),
            ("HEIC", "heic", picture_files.HEIC),
        )
    },
    **{
        form: (f"a.{form}", content, recordings.read, recordings.beside)
        for form, content in (
            ("wav", recordings.GOOD["extensible"]),
            ("rf64", recordings.GOOD["RF64"]),
            ("flac", recordings.written("PCM_16", "FLAC")),
            ("ogg", recordings.written("VORBIS", "OGG")),
        )
    },
    "TFRecord": ("a.tfrecord", records.FILE, records.read, None),
    "GraphTensor": (
        "a.tfrecord",
        GRAPH,
        graph_tensors.read_graphs,
        graph_tensors.beside_schema,
    ),
    "edges": ("edges.csv", graphs.EDGES, graphs.read_tables, None),
    "features": ("features.csv", b"1,2\n3,4\n5,6", graphs.read_tables, beside_edges),
    "npy": ("features.npy", ARRAY, graphs.read_tables, beside_edges),
    "TU": ("a.txt", graph_sets.TU, graph_sets.read_tu, None),
    "Planetoid": (
        "ind.s.y",
        graph_sets.LABELS,
        graph_sets.read_planetoid,
        graph_sets.planetoid(),
    ),
    "npz": ("a.npz", tables.GOOD, tables.read, None),
    "csv": ("a.csv", tables.SERIES, tables.read_series, None),
    "csv archive": ("a.zip", tables.ARCHIVE, tables.read_series, None),
    "embedded": ("a.npz", configs.FEATURES, configs.read_features, None),
    "row": (published.FILE, published.ROW, published.read_row, beside_row),
    "manifest": ("manifest.json", MANIFEST, artifact.read_manifest, None),
    "keras": ("a.keras", KERAS, weights.read_encoder, None),
    "safetensors": ("a.safetensors", weights.SAFE, weights.read_checkpoint, None),
    "config": (
        "config.json",
        configs.CONFIG,
        configs.read_config,
        configs.beside_encoder,
    ),
    "recipe": ("a.toml", configs.RECIPE, configs.read_recipe, None),
}
SLOW = {"TFRecord", "GraphTensor", "keras", "config"}
TEXTS = {
    "data string": (words.opened, ["folder:", "npz:", "csv:", "tfrecord:", "tfds:"]),
    "pairs": (words.opened, ["pairs:", "pairs:csv:", "pairs:folder:", "pairs:table:"]),
    "encoder": (words.named, ["", "keras:", "zoo:", "run:", "checkpoint:", "keras:?"]),
    "setting": (
        lambda text: runs.parse_settings([text]),
        ["", "temperature=", "augment.scale=", "a.b="],
    ),
}


def searched(examples):
    """The same examples each time, as many as are asked for."""
    return settings(
        max_examples=max(examples, 1),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def judge(read, given, place):
    """Reads, and looks at the outcome: a result, or an error of the clear ones."""
    (FOLDER / "last").write_text(f"{given!r:.2000}\n")
    WATCH.seen.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(given)
        except CLEAR as error:
            # What was received may look like anything.
            said = str(error).replace(str(place), ".").partition("Received: ")[0]
            assert not INSIDES.search(said), said
    assert not WATCH.seen


@pytest.mark.parametrize("form", FILES)
def test_a_file_with_a_few_changes(form):
    file, good, read, beside = FILES[form]
    good = json.dumps(good).encode() if isinstance(good, dict) else good
    place = FOLDER / "files"

    @searched(EXAMPLES // 4 if form in SLOW else EXAMPLES)
    @given(changed(good))
    def search(content):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        if beside:
            beside(place)
        (FOLDER / "bytes").write_bytes(content)
        (place / file).write_bytes(content)
        judge(read, place, place)

    search()


@pytest.mark.parametrize("form", TEXTS)
def test_any_text(form, monkeypatch):
    read, starts = TEXTS[form]
    monkeypatch.chdir(FOLDER)

    @searched(EXAMPLES * 2)
    @given(st.sampled_from(starts), st.text(max_size=30))
    def search(start, text):
        # Not the network, nor folders that take long.
        assume(not text.startswith(("/", "~", "hf:", "kaggle:")))
        text = start + text
        judge(lambda x: read(x), text, text)

    search()
