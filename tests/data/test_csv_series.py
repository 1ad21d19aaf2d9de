# SPDX-License-Identifier: Apache-2.0
"""Time series in CSV files: rates, windows, labels and partners."""

import zipfile

import numpy as np
import pytest

from cl_keras import data

pytest.importorskip("pyarrow", reason="needs the extra [tables]")


def write(path, times, *channels, label="walk", names="abc"):
    header = ",".join(["t", *names[: len(channels)], "label"])
    labels = [label] * len(times) if isinstance(label, str) else label
    rows = zip(times, *channels, labels, strict=True)
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def moments(tmp_path):
    """Two people with two devices each, which begin and end at other times."""
    rng = np.random.default_rng(0)
    for person in ("ann", "bob"):
        for device, start in (("phone", 0), ("watch", 500)):
            # Milliseconds, uneven; the first channel is the time itself.
            times = start + np.cumsum(rng.integers(5, 15, 400))
            labels = np.where(times < 2000, "sit", "walk")
            wave = np.sin(times / 100)
            write(tmp_path / person / f"{device}.csv", times, times, wave, label=labels)
    return tmp_path


OPTIONS = {
    "columns": "a,b",
    "time": "t",
    "time_unit": "ms",
    "sample_rate": 50,
    "label": "label",
    "pattern": r"(?P<person>\w+)/(?P<device>\w+)\.csv",
}


def test_uneven_times_become_one_rate(moments):
    series = data.load_csv(moments, **OPTIONS)
    assert len(series) == 4 and series.sample_rate == 50
    assert series.class_names["person"] == ("ann", "bob")
    for sequence in series.sequences:
        # Interpolating the time gives the time: a sample every 20 ms.
        np.testing.assert_allclose(np.diff(sequence[:, 0]), 20, atol=1e-2)
        np.testing.assert_allclose(
            sequence[:, 1], np.sin(sequence[:, 0] / 100), atol=2e-2
        )


def test_windows_have_the_label_of_most_of_their_samples(moments):
    series = data.load_csv(moments, window=20, hop=5, **OPTIONS)
    names = series.class_names["label"]
    for sequence, label in zip(series.sequences, series.labels["label"], strict=True):
        assert sequence.shape == (20, 2)
        middle = np.median(sequence[:, 0])
        if abs(middle - 2000) > 25:
            assert names[label] == ("sit" if middle < 2000 else "walk")


def test_pure_windows_are_those_of_one_label(moments):
    # Labels change in the middle of a window, at 2,000 ms; a window takes 400 ms.
    options = {"window": 20, "hop": 1, "label": "label"}
    every = data.load_csv(moments, **OPTIONS | options)
    ends = np.array([[x[0, 0], x[-1, 0]] for x in every.sequences])
    before = np.clip((2000 - ends[:, 0]) / 400, 0, 1)
    for purity in (0.5, 0.75, 1.0):
        pure = data.load_csv(moments, purity=purity, **OPTIONS | options)
        share = np.maximum(before, 1 - before)
        # Interpolation moves the border by a sample.
        assert {*pure.ids} >= {*np.array(every.ids)[share > purity + 0.06]}
        assert {*pure.ids} <= {*np.array(every.ids)[share > purity - 0.06]}
    assert len(pure) < len(every)


def test_partners_stand_beside_each_other(moments):
    series = data.load_csv(moments, pair="device", window=20, **OPTIONS)
    for sequence in series.sequences:
        # Both devices write down the same clock.
        np.testing.assert_allclose(sequence[:, 0], sequence[:, 2], atol=0.1)


def test_archives_and_dates_and_times_without_order(tmp_path):
    dates = [f"2024-01-01T00:00:{second:02}" for second in (0, 3, 1, 2, 2)]
    write(tmp_path / "one.csv", dates, [0, 3, 1, 2, 9])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(tmp_path / "one.csv", "in/one.csv")
        archive.writestr("__MACOSX/one.csv", "rubbish")
    series = data.load_csv(tmp_path / "all.zip", time="t", columns=["a"], sample_rate=2)
    np.testing.assert_allclose(series.sequences[0][:, 0], np.arange(7) / 2)
    assert series.ids == ("in/one.csv",)


def test_files_that_cannot_be_used_are_named(moments):
    (moments / "ann" / "empty.csv").write_text("")
    write(moments / "ann" / "text.csv", [1, 2], ["x", "y"], [1, 2])
    with pytest.warns(UserWarning, match="Skipped 2 of 6"):
        series = data.load_csv(moments, **OPTIONS)
    assert [name.partition(":")[0] for name in series.skipped] == [
        "ann/empty.csv",
        "ann/text.csv",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "a,bb"}, "column of ann/phone.csv 'bb'|'bb'"),
        ({"time": "tt"}, "'tt'"),
        ({"time_unit": "minutes"}, "time_unit"),
        ({"pattern": "no"}, "named group"),
        ({"pattern": "(?P<x"}, "regular expression"),
        ({"pattern": r"(?P<person>nobody)"}, "no usable CSV"),
        ({"pair": "sensor"}, "`pair` as a group"),
        ({"pair": "person", "window": 10}, "no partner|two values|Expected"),
        ({"window": 10_000}, "at least a window, 10000"),
        ({"hop": 3}, "`hop` with `window`"),
        ({"purity": 0.7}, "`purity` above 0.*window=None"),
        ({"purity": 70, "window": 20}, "at most 1.*purity=70"),
        ({"purity": 0.7, "window": 20, "label": "person"}, "column of labels"),
    ],
)
def test_bad_input_is_named(moments, options, message):
    if options.get("pair") == "person":
        options = options | {"pattern": r"(?P<person>\w+)/"}
        message = "tell all recordings apart"
    with pytest.raises(ValueError, match=message):
        data.load_csv(moments, **OPTIONS | options)


def test_columns_that_nobody_names_are_said_and_times_are_no_channels(tmp_path):
    rng = np.random.default_rng(0)
    times, wave = np.arange(20) * 5, rng.normal(size=20).round(3)
    write(tmp_path / "one.csv", times, wave, -wave, names="xy")
    for known in ({}, {"label": "label"}):
        with pytest.raises(ValueError, match=r"'t', which never falls.*columns=x,y\)"):
            data.load_csv(tmp_path, **known)
    with pytest.warns(
        UserWarning, match="Channels of .*: x, y; not used: label. "
    ) as w:
        series = data.load_csv(tmp_path, time="t", time_unit="ms")
    assert series.shape == (None, 2) and len(w) == 1
    with pytest.warns(UserWarning, match=r"Channels of .*: x, y\. "):
        data.load_csv(tmp_path, time="t", label="label")
    # What is named is taken.
    assert data.load_csv(tmp_path, columns="t,x").shape == (None, 2)
