# SPDX-License-Identifier: Apache-2.0
"""Pairs of files: tables of two columns of paths."""

import re

import numpy as np
import pytest
from photos_and_sounds import NAMES, write_moments

from cl_keras import data, extras

ROWS = [
    ["image", "sound", "kind", "place"],
    *(
        [f"photos/{name}.png", f"./sounds/{name}.wav", name[:4], name[-3:]]
        for name in NAMES
    ),
]


@pytest.fixture
def folders(tmp_path):
    return write_moments(tmp_path)


def write_table(path, rows):
    if path.suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        arrow = pytest.importorskip("pyarrow")
        columns = dict(
            zip(rows[0], map(list, zip(*rows[1:], strict=True)), strict=True)
        )
        parquet.write_table(arrow.table(columns), path)
    else:
        path.write_text("\n".join(",".join(row) for row in rows))
    return f"pairs:table:{path}"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_of_a_table_are_pairs(folders, suffix):
    # One sound with two photos.
    rows = [*ROWS, [ROWS[1][0], ROWS[2][1], "dogs", "eve"]]
    spec = write_table(folders / f"all{suffix}", rows)
    pairs = data.open(spec, label="kind", group="place").load()
    assert pairs.shapes == {"image": (6, 8, 3), "sound": (400,)}
    photos, sounds = pairs.inputs["image"][:, 0, 0, 0], pairs.inputs["sound"][:, 0]
    assert photos.tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert np.rint(sounds * 1000).tolist() == [0, 1, 2, 3, 4, 5, 1]
    np.testing.assert_array_equal(pairs.labels, [0, 0, 0, 1, 1, 1, 1])
    assert pairs.class_names == ("cats", "dogs") and pairs.groups[-1] == "eve"
    other = data.open(spec, columns=["sound", "image"]).load()
    assert list(other.inputs) == ["sound", "image"] and other.labels is None
    # What is asked for as a label is no path, wherever it stands.
    first = write_table(folders / f"first{suffix}", [row[2:] + row[:2] for row in rows])
    moved = data.open(first, label="kind", group="place").load()
    np.testing.assert_array_equal(moved.inputs["sound"], pairs.inputs["sound"])
    named = data.open(spec, columns="sound, image", names="a,b", window=9).load()
    assert named.shapes == {"a": (9,), "b": (6, 8, 3)}


def test_rows_that_cannot_be_used_are_named(folders):
    (folders / "notes.txt").write_text("no image")
    (folders / "photos" / "cats" / "1_ann.png").write_bytes(b"no image")
    rows = [*ROWS, ["photos/none.png", *ROWS[1][1:]], ["notes.txt", *ROWS[1][1:]]]
    rows += [[ROWS[1][0], "", "cats", "bob"], [ROWS[1][0]]]
    spec = write_table(folders / "all.csv", rows)
    with pytest.warns(UserWarning, match="Skipped"):
        pairs = data.open(spec, label="kind").load()
    assert pairs.inputs["image"][:, 0, 0, 0].tolist() == [0, 2, 3, 4, 5]
    np.testing.assert_array_equal(pairs.labels, [0, 0, 1, 1, 1])
    for text in (
        r"none.png \(is not there: row 7\)",
        r"notes.txt \(is not an image",
        r"all.csv \(row 9 has a blank cell\)",
        r"all.csv \(row 10 has a blank cell\)",
        r"1_ann.wav \(its partner .*1_ann.png cannot be used\)",
        r"1_ann.png \(",
    ):
        assert sum(bool(re.search(text, x)) for x in pairs.skipped) >= 1, text
    assert len(pairs.skipped) == 6


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        (
            [["image", "sound"], ["/etc/a.png", "a.wav"]],
            {},
            "in it.*'/etc/a.png' in row 1",
        ),
        (
            [["image", "sound"], ["a.png", "b/../../a.wav"]],
            {},
            "in it.*a.wav' in row 1",
        ),
        ([["image"], ["a.png"]], {}, "two columns.*'image' of 'image'"),
        ([["image", "image"], ["a.png", "b.png"]], {}, "told apart by their names"),
        (ROWS, {"columns": "image"}, "two columns"),
        (ROWS, {"columns": "image,image"}, "two columns"),
        (ROWS, {"columns": "image,sond"}, "Did you mean 'sound'"),
        (ROWS, {"label": "knd"}, "Did you mean 'kind'"),
        (ROWS, {"pattern": "(?P<x>a)"}, "`pattern` with pairs:csv: or pairs:folder:"),
        (ROWS[:1], {}, "name two files.*no rows"),
        ([["image", "sound"], ["a.png", "a.wav"]], {}, "name two files.*is not there"),
    ],
)
def test_bad_tables_are_named(folders, rows, options, message):
    spec = write_table(folders / "all.csv", rows)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        data.open(spec, **options).load()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tsv", b"image\tsound", ".csv or .parquet"),
        ("a.csv", b"\xff\xff", "Cannot read"),
        ("a.parquet", b"PAR1 no table", "Cannot read"),
    ],
)
def test_files_that_are_no_tables_are_named(tmp_path, name, content, message):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow.parquet")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        data.load(f"pairs:table:{tmp_path / name}")
    with pytest.raises(ValueError, match="Found no .csv or .parquet file for table:"):
        data.load(f"pairs:table:{tmp_path / 'none.csv'}")
    with pytest.raises(ValueError, match="Did you mean 'table'"):
        data.load(f"pairs:tabel:{tmp_path / name}")


def test_a_missing_extra_is_named(tmp_path, monkeypatch):
    def missing(module):
        raise ImportError(name=module)

    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setattr(extras.importlib, "import_module", missing)
    with pytest.raises(ImportError, match=r'pip install "cl-keras\[parquet\]"'):
        data.load(f"pairs:table:{tmp_path / 'a.parquet'}")
