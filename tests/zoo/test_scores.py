# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras.zoo.scores import is_score_object, score, score_text


def test_mean_and_spread_are_over_all_seeds():
    values = [0.81, 0.78, 0.83]
    found = score(values)
    assert found["value"] == 0.81 and found["runs"] == 3
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["spread"] == pytest.approx(np.std(values, ddof=1))
    assert is_score_object(found)
    assert score_text(found) == "0.81 (0.8067 ± 0.025 over 3 seeds)"


def test_one_training_has_no_spread():
    assert score(0.5) == score([0.5])
    assert score(0.5) == {"value": 0.5, "mean": 0.5, "spread": None, "runs": 1}
    assert score_text(score(0.5)) == "0.5"


def test_no_number():
    with pytest.raises(ValueError, match="Received: none"):
        score([])


@pytest.mark.parametrize(
    "change",
    [
        {"value": float("nan")},
        {"spread": None},
        {"spread": float("inf")},
        {"runs": 1},
        {"runs": 2.0},
        {"more": 1},
    ],
)
def test_what_is_not_a_score(change):
    good = score([0.5, 0.6])
    assert is_score_object(good)
    assert not is_score_object(good | change)
