# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras import data


def ramps(*lengths, channels=None):
    """Sequences whose values name themselves: 1000 i + position."""
    made = []
    for index, length in enumerate(lengths):
        ramp = (1000.0 * index + np.arange(length)).astype(np.float32)
        made.append(ramp if channels is None else np.stack([ramp] * channels, 1))
    return data.SequenceData("ramps", tuple(made))


def epoch(dataset):
    return np.concatenate([batch.numpy() for (batch,) in dataset])


def test_windows_are_runs_of_one_sequence():
    got = epoch(data.windows(ramps(50, 90, 30), 20, 2))
    assert got.shape[1:] == (20,)
    np.testing.assert_array_equal(np.diff(got, axis=1), 1.0)
    owner = got[:, 0] // 1000
    assert ((got[:, -1] // 1000) == owner).all()
    # 50, 90 and 30 hold 2, 4 and 1 windows; of seven, three batches of two.
    everything = epoch(data.windows(ramps(50, 90, 30), 20, 2, drop_remainder=False))
    assert np.bincount(everything[:, 0].astype(int) // 1000).tolist() == [2, 4, 1]
    once = epoch(data.windows(ramps(50, 90, 30), 20, 3, sampling="once"))
    assert sorted(once[:, 0] // 1000) == [0, 1, 2]


def test_every_place_is_drawn_alike():
    dataset = data.windows(ramps(*[14] * 1000), 10, 500)
    places = epoch(dataset)[:, 0] % 1000
    share = np.bincount(places.astype(int)) / 1000
    assert len(share) == 5
    np.testing.assert_allclose(share, 0.2, atol=0.05)


def test_epochs_differ_and_seeds_repeat():
    def two_epochs(seed):
        dataset = data.windows(ramps(*[90] * 8), 20, 4, seed=seed)
        return epoch(dataset), epoch(dataset)

    (first, second), (again, _), (other, _) = map(two_epochs, (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != second).any() and (first != other).any()


def test_short_sequences():
    source = ramps(5, 12)
    rows = {
        short: epoch(
            data.windows(source, 8, 1, short=short, shuffle=False, drop_remainder=False)
        )
        for short in ("repeat", "pad", "leave_out")
    }
    assert rows["repeat"][0].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    assert rows["pad"][0].tolist() == [0, 1, 2, 3, 4, 0, 0, 0]
    assert len(rows["repeat"]) == 2 and len(rows["leave_out"]) == 1
    for got in rows.values():
        np.testing.assert_array_equal(np.diff(got[-1]), 1.0)


def test_vector_sequences():
    source = ramps(5, 12, channels=3)
    assert source.shape == (None, 3)
    got = epoch(data.windows(source, 8, 2, short="pad", shuffle=False))
    assert got.shape == (2, 8, 3)
    np.testing.assert_array_equal(got[0, :, 1], [0, 1, 2, 3, 4, 0, 0, 0])
    np.testing.assert_array_equal(got[..., 0], got[..., 2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 0}, "length=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": 9}, "number of windows, 3"),
        ({"sampling": "twice"}, "Known: once, proportional"),
        ({"short": "paid"}, "Did you mean 'pad'"),
        ({"length": 90, "short": "leave_out"}, "the longest has 40"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    options = {"length": 20, "batch_size": 1} | options
    with pytest.raises(ValueError, match=message):
        data.windows(ramps(40, 30), **options)


def test_sequence_data_takes_and_splits():
    labels = {"digit": np.arange(6) % 2, "speaker": np.arange(6) // 3}
    names = {"digit": ("0", "1"), "speaker": ("a", "b")}
    source = data.SequenceData("x", ramps(*[9] * 6).sequences, labels, names)
    half = source.take(labels["speaker"] == 1)
    assert len(half) == 3 and half.labels["digit"].tolist() == [1, 0, 1]
    train, test = source.labelled("digit").split(0.34, seed=0)
    assert len(train) == 4 and sorted(test.labels) == [0, 1]
    assert source.split(0.5)[1].labels["digit"].shape == (3,)


@pytest.mark.parametrize(
    ("sequences", "options", "error", "message"),
    [
        ((), {}, ValueError, "at least one sequence"),
        ((np.zeros(4),), {}, TypeError, "float64 at sequence 0"),
        ((np.zeros(0, "f4"),), {}, ValueError, "not empty"),
        ((np.zeros((2, 2, 2), "f4"),), {}, ValueError, r"shape \(2, 2, 2\)"),
        ((np.zeros(4, "f4"), np.zeros((4, 2), "f4")), {}, ValueError, "sequence 1"),
        ((np.zeros((4, 3), "f4"), np.zeros((4, 2), "f4")), {}, ValueError, "1, "),
        ((np.full(4, np.nan, "f4"),), {}, ValueError, "NaN or infinity in sequence 0"),
        ((np.zeros(4, "f4"),), {"sample_rate": 0}, ValueError, "sample_rate=0"),
        ((np.zeros(4, "f4"),), {"labels": np.zeros(2, int)}, ValueError, "one label"),
        ((np.zeros(4, "f4"),), {"labels": np.full(1, 0.5)}, ValueError, "whole"),
        (
            (np.zeros(4, "f4"),),
            {"labels": np.array([3]), "class_names": ("a",)},
            ValueError,
            "Received: 3..3",
        ),
        (
            (np.zeros(4, "f4"),),
            {"labels": {"a": np.zeros(1, int)}, "class_names": {"b": ("x",)}},
            ValueError,
            "same kinds",
        ),
    ],
)
def test_sequence_data_refuses(sequences, options, error, message):
    with pytest.raises(error, match=message):
        data.SequenceData("x", sequences, **options)
