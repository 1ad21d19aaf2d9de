"""Pairs of files: two folders, and tables of two columns of paths."""

import os
import re

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data, extras
from cl_keras.data.spec import located

soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
RATE = 8000
NAMES = (
    "cats/0_bob",
    "cats/1_ann",
    "cats/2_bob",
    "dogs/3_ann",
    "dogs/4_bob",
    "dogs/5_ann",
)


def write_image(path, value, size=(6, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, np.uint8)
    path.write_bytes(tf.io.encode_png(pixels).numpy())


def write_sound(path, value, samples=400, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, 0.5, samples) + value / 1000
    soundfile.write(path, ramp, rate, subtype="FLOAT")


@pytest.fixture
def folders(tmp_path):
    """Photos and sounds of six moments, of cats and dogs."""
    for n, name in enumerate(NAMES):
        write_image(tmp_path / "photos" / f"{name}.png", n)
        write_sound(tmp_path / "sounds" / f"{name}.wav", n)
    return tmp_path


def of_folders(folder, first="photos", second="sounds", **options):
    spec = f"pairs:folder:{folder / first},{folder / second}"
    return data.open(spec, **options).load()


def values(pairs):
    """The number of the moment that each photo and each sound says."""
    photos = pairs.inputs["photos"][:, 0, 0, 0]
    return photos.tolist(), np.rint(pairs.inputs["sounds"][:, 0] * 1000).tolist()


def test_files_of_one_name_are_pairs(folders):
    pairs = of_folders(folders)
    assert pairs.shapes == {"photos": (6, 8, 3), "sounds": (400,)}
    assert values(pairs) == ([0, 1, 2, 3, 4, 5],) * 2
    assert pairs.waveforms == ("sounds",) and pairs.sample_rate == RATE
    assert pairs.class_names == ("cats", "dogs") and not pairs.skipped
    np.testing.assert_array_equal(pairs.labels, [0, 0, 0, 1, 1, 1])
    assert data.modality(f"pairs:folder:{folders / 'photos'},{folders / 'sounds'}")


def test_names_give_labels_and_groups(folders):
    pattern = r"(?P<turn>\d)_(?P<who>[a-z]+)"
    pairs = of_folders(folders, pattern=pattern, label="turn", group="who")
    np.testing.assert_array_equal(pairs.labels, range(6))
    assert pairs.groups.tolist() == ["bob", "ann"] * 3
    # Recordings first: all kinds of labels are known of them.
    pairs = of_folders(folders, "sounds", "photos", pattern=pattern, group="who")
    assert pairs.labels is None and pairs.groups.tolist() == ["bob", "ann"] * 3
    pairs = of_folders(folders, "sounds", "photos", pattern="(?P<who>[a-z]+)$")
    assert pairs.class_names == ("ann", "bob")
    with pytest.raises(ValueError, match="several kinds of labels: .*turn, who"):
        of_folders(folders, "sounds", "photos", pattern=pattern)
    with pytest.raises(ValueError, match="`group` as a group of `pattern`"):
        of_folders(folders, group="who")


def test_what_has_no_partner_is_left_out_and_named(folders):
    write_image(folders / "photos" / "cats" / "alone.png", 9)
    (folders / "sounds" / "dogs" / "5_ann.wav").write_bytes(b"RIFF no sound")
    (folders / "photos" / "cats" / "0_bob.png").write_bytes(b"no image")
    write_image(folders / "photos" / "cats" / "2_bob.gif.png", 9)
    (folders / "photos" / "cats" / "1_ann.jpg").write_bytes(b"which of both?")
    with pytest.warns(UserWarning, match="Skipped"):
        pairs = of_folders(folders)
    assert values(pairs) == ([2, 3, 4],) * 2
    np.testing.assert_array_equal(pairs.labels, [0, 1, 1])
    reasons = dict(
        re.fullmatch(r"(.*?) \((.*)\)", text).groups() for text in pairs.skipped
    )
    found = {os.path.basename(file): why for file, why in reasons.items()}
    for name, why in {
        "alone.png": "has no partner in",
        "2_bob.gif.png": "has no partner in",
        "1_ann.jpg": "differs from it by its suffix only",
        "1_ann.png": "differs from it by its suffix only",
        "1_ann.wav": "has no partner in",
        "5_ann.wav": "cannot be decoded",
        "5_ann.png": "its partner",
        "0_bob.png": "",
        "0_bob.wav": "its partner",
    }.items():
        assert why in found.pop(name), name
    assert not found


def test_sizes_lengths_and_rates(folders):
    write_image(folders / "photos" / "dogs" / "4_bob.png", 4, (10, 5))
    write_sound(folders / "sounds" / "dogs" / "4_bob.wav", 4, 150)
    assert of_folders(folders, window=300).shapes["photos"] == (224, 224, 3)
    with pytest.raises(ValueError, match="one length, or `window`.*150 to 400"):
        of_folders(folders)
    pairs = of_folders(folders, window=300, image_size=7)
    assert pairs.shapes == {"photos": (7, 7, 3), "sounds": (300,)}
    whole = np.linspace(0, 0.5, 400)[:300]
    sounds = pairs.inputs["sounds"]
    np.testing.assert_allclose(sounds[0], whole, atol=1e-6)
    np.testing.assert_array_equal(sounds[4, 150:], sounds[4, :150])
    half = of_folders(folders, window=150, sample_rate=RATE // 2)
    assert half.sample_rate == RATE // 2 and half.shapes["sounds"] == (150,)


def test_two_folders_of_one_kind(folders):
    for n, name in enumerate(NAMES):
        write_sound(folders / "other" / f"{name}.wav", n, 800, 2 * RATE)
    pairs = of_folders(folders, "sounds", "other")
    assert pairs.shapes == {"sounds": (400,), "other": (400,)}
    assert pairs.waveforms == ("sounds", "other")


def test_relative_paths_are_found(folders, monkeypatch):
    (folders / "all.csv").write_text("image,sound")
    for rest, found in (
        ("folder:photos,sounds", f"folder:{folders}/photos,{folders}/sounds"),
        ("table:all.csv", f"table:{folders}/all.csv"),
        ("folder:photos,none", f"folder:{folders}/photos,none"),
        ("folder:photos", "folder:photos"),
    ):
        assert located(f"pairs:{rest}", folders) == f"pairs:{found}"
    monkeypatch.setenv("CL_KERAS_DATA", str(folders))
    assert len(data.load("pairs:folder:photos,sounds")) == 6


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("photos", {}, "pairs:folder:A,B"),
        ("photos,sounds,photos", {}, "pairs:folder:A,B"),
        ("photos,", {}, "pairs:folder:A,B"),
        ("photos,none", {}, "Found no folder for folder:.*none"),
        ("photos,photos", {}, "two folders.*Received"),
        ("photos,empty", {}, "same name.*none"),
        ("parts,sounds", {}, "split into train/ and test/.*parts/train,.*sounds/train"),
        ("photos,sounds", {"columns": "a,b"}, "`columns` with pairs:csv: or"),
        ("photos,sounds", {"windw": 4}, "Did you mean 'window'"),
        ("photos,sounds", {"window": 0}, "window"),
        ("photos,sounds", {"pattern": r"(?P<n>\d)", "label": "m"}, "'m'"),
        ("photos,copies", {"window": 4}, "`window` with recordings"),
        ("photos,copies", {"sample_rate": 4}, "`sample_rate` with recordings"),
        ("sounds,louder", {"image_size": 4}, "`image_size` with images"),
    ],
)
def test_bad_folders_are_named(folders, spec, options, message):
    (folders / "empty").mkdir()
    for n, name in enumerate(NAMES[:2]):
        write_image(folders / "copies" / f"{name}.png", n)
        write_sound(folders / "louder" / f"{name}.wav", n)
        write_image(folders / "parts" / ("train", "test")[n] / "cats" / "0_bob.png", n)
    paths = ",".join(str(folders / part) if part else "" for part in spec.split(","))
    with pytest.raises(ValueError, match=f"(?s){message}"):
        data.open(f"pairs:folder:{paths}", **options).load()


ROWS = [
    ["image", "sound", "kind", "place"],
    *(
        [f"photos/{name}.png", f"./sounds/{name}.wav", name[:4], name[-3:]]
        for name in NAMES
    ),
]


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


def test_windows_are_drawn_at_the_same_moment():
    """Each epoch anew, of both, from whatever step it begins and for each worker."""
    moments = np.tile(np.arange(50, dtype=np.float32), (8, 1))
    inputs = {
        "sound": moments,
        "motion": np.stack([moments, np.repeat(np.arange(8.0)[:, None], 50, 1)], -1),
        "vector": np.arange(24, dtype=np.float32).reshape(8, 3),
    }
    inputs = {name: x.astype(np.float32) for name, x in inputs.items()}

    def pairs(*names):
        both = {name: inputs[name] for name in names}
        waves = ("sound",) if "sound" in names else ()
        return data.PairData("moments", both, sample_rate=10, waveforms=waves)

    def steps(data_, **options):
        dataset = data.pair_batches(data_, 4, window=20, seed=1, repeat=True, **options)
        return [
            {name: x.numpy() for name, x in batch.items()} for batch in dataset.take(40)
        ]

    both = pairs("sound", "motion")
    seen = steps(both)
    starts = set()
    for batch in seen:
        np.testing.assert_array_equal(batch["sound"], batch["motion"][..., 0])
        np.testing.assert_array_equal(np.diff(batch["sound"]), 1)
        starts |= {*batch["sound"][:, 0].tolist()}
    assert starts == set(range(31))
    for later, step in zip(steps(both, start=3), seen[3:], strict=False):
        np.testing.assert_array_equal(later["sound"], step["sound"])
    shares = [steps(both, worker=(n, 2)) for n in range(2)]
    for one, two, step in zip(*shares, seen, strict=True):
        np.testing.assert_array_equal(
            np.concatenate([one["motion"], two["motion"]]), step["motion"]
        )
    # A vector has no time.
    batch = steps(pairs("motion", "vector"))[0]
    assert batch["motion"].shape == (4, 20, 2) and batch["vector"].shape == (4, 3)
    for wrong in (
        data.PairData("vectors", {"a": inputs["vector"], "b": inputs["vector"]}),
        data.PairData("few", {"a": inputs["motion"], "b": inputs["motion"][:, :30]}),
        data.PairData("short", {"a": inputs["motion"][:, :9], "b": inputs["vector"]}),
    ):
        with pytest.raises(ValueError, match="one length.*at least.*window, 20"):
            data.pair_batches(wrong, 4, window=20)
    with pytest.raises(ValueError, match="waveforms among the inputs.*'motion'"):
        data.PairData("no", {**both.inputs}, waveforms=("motion",))
