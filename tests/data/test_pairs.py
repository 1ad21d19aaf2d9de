# SPDX-License-Identifier: Apache-2.0
"""Pairs: from arrays and from series, their order, their groups."""

import numpy as np
import pytest

from cl_keras import data
from cl_keras.data.pairs.groups import split_pairs

RNG = np.random.default_rng(0)


@pytest.fixture
def arrays(tmp_path):
    """Images and vectors of twelve moments of four places."""
    images = RNG.integers(0, 256, (12, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "image.npz", images, labels=np.arange(12) % 2)
    numbers, groups = np.arange(36.0).reshape(12, 3), np.repeat(list("abcd"), 3)
    np.savez(tmp_path / "sound.npz", inputs=numbers, other=1, groups=groups)
    return tmp_path


def spec(folder, *names):
    return "pairs:" + ",".join(str(folder / name) for name in names)


def test_rows_of_two_files(arrays):
    pairs = data.load(spec(arrays, "image.npz", "sound.npz"))
    assert pairs.shapes == {"image": (8, 8, 3), "sound": (3,)}
    assert pairs.inputs["image"].dtype == np.uint8
    assert pairs.inputs["sound"].dtype == np.float32
    train, test = pairs.split(0.25)
    assert not {*train.groups} & {*test.groups} and len(test) == 3
    train, test = split_pairs(pairs, "a,b", "d")
    np.testing.assert_array_equal(test.inputs["sound"][:, 0], [27, 30, 33])
    np.testing.assert_array_equal(train.groups, np.repeat(["a", "b"], 3))


def seen(pairs, **options):
    dataset = data.pair_batches(pairs, 4, seed=3, **options)
    return [batch["sound"][:, 0].numpy() for batch in dataset.take(9)]


def test_step_n_is_the_same_from_wherever_it_begins(arrays):
    pairs = data.load(spec(arrays, "image.npz", "sound.npz"))
    steps = seen(pairs, repeat=True)
    for later, step in zip(seen(pairs, repeat=True, start=4), steps[4:], strict=False):
        np.testing.assert_array_equal(later, step)
    shares = [seen(pairs, repeat=True, worker=(n, 2)) for n in range(2)]
    for one, two, step in zip(*shares, steps, strict=True):
        np.testing.assert_array_equal(np.concatenate([one, two]), step)
    assert sorted(np.concatenate(steps[:3])) == list(range(0, 36, 3))
    assert not np.array_equal(steps[0], steps[3])


def test_partners_stay_together(arrays):
    pairs = data.load(spec(arrays, "image.npz", "sound.npz"))
    for batch in data.pair_batches(pairs, 4):
        rows = batch["sound"][:, 0].numpy().astype(int) // 3
        np.testing.assert_array_equal(batch["image"], pairs.inputs["image"][rows])


def test_two_groups_of_columns(tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra [tables]")
    lines = ["x,y,z", *(f"{i},{-i},{i * i}" for i in range(40))]
    (tmp_path / "one.csv").write_text("\n".join(lines))
    columns = {"plain": ["x", "y"], "square": ["z"]}
    source = data.open(f"pairs:csv:{tmp_path}", columns=columns, window=10, hop=10)
    assert source.modality == "pair"
    pairs = source.load()
    assert pairs.shapes == {"plain": (10, 2), "square": (10, 1)} and len(pairs) == 4
    plain, square = pairs.inputs.values()
    np.testing.assert_array_equal(plain[..., :1] ** 2, square)


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (["image.npz"], {}, "two files with a comma"),
        (["image.npz", "none.npz"], {}, "Found no file"),
        (["image.npz", "few.npz"], {}, r"as many rows.*\(12, 8, 8, 3\).*\(5, 3\)"),
        (["image.npz", "text.npz"], {}, "Cannot read arrays"),
        (["image.npz", "words.npz"], {}, "Expected numbers"),
        (["image.npz", "many.npz"], {}, "one array.*or one named 'inputs'"),
        (
            ["image.npz", "sound.npz"],
            {"window": 4},
            "`window` with pairs:csv: or pairs:folder: or pairs:table: only",
        ),
        (["image.npz", "sound.npz"], {"names": "a,a"}, "two names"),
        (["image.npz", "sound.npz"], {"names": "a,../b"}, "letters.*'../b'"),
        (["image.npz", "a b.npz"], {}, "letters.*'a b'"),
    ],
)
def test_bad_files_are_named(arrays, files, options, message):
    np.savez(arrays / "few.npz", np.zeros((5, 3)))
    np.savez(arrays / "a b.npz", np.zeros((12, 3)))
    (arrays / "text.npz").write_text("no archive")
    np.savez(arrays / "words.npz", np.array(["a"] * 12))
    np.savez(arrays / "many.npz", a=np.zeros(12), b=np.zeros(12))
    with pytest.raises(ValueError, match=message):
        data.open(spec(arrays, *files), **options).load()


def test_bad_groups_are_named(arrays):
    pairs = data.load(spec(arrays, "image.npz", "sound.npz"))
    with pytest.raises(ValueError, match="'e'"):
        split_pairs(pairs, "a", "e")
    with pytest.raises(ValueError, match="for both: a"):
        split_pairs(pairs, "a,b", "a")
    with pytest.raises(ValueError, match="is of csv: and pairs:"):
        data.open("digits", window=3)
