# SPDX-License-Identifier: Apache-2.0
"""Windows of pairs of series."""

import numpy as np
import pytest

from cl_keras import data


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
