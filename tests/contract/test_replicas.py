"""Every method on R logical devices against one, each R in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cl_keras.methods import METHODS

SCRIPT = Path(__file__).parents[1] / "replicas.py"
CASES = SCRIPT.with_name("replica_cases")
# Their losses look at own rows only; what can go wrong is the scale.
LOCAL = ("autoencoder", "denoising_autoencoder")


def train(method, replicas, folder, *options):
    out = folder / f"{method}{replicas}{''.join(options)}.npz"
    result = subprocess.run(
        [sys.executable, SCRIPT, method, str(replicas), out, *options],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    history = json.loads(result.stdout.strip().splitlines()[-1])
    weights = np.load(out)
    return history, [weights[k] for k in weights.files]


def difference(one, other):
    return max(np.abs(a - b).max() for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    folder = tmp_path_factory.mktemp("single")
    known = {}

    def run(method):
        if method not in known:
            known[method] = train(method, 1, folder)
        return known[method]

    return run


def same(two, one):
    for name, values in one[0].items():
        # RankMe drops singular values in the noise of float32, one by one.
        tolerance = 1e-2 if name == "rank_me" else 1e-5
        np.testing.assert_allclose(
            two[0][name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )
    assert difference(two[1], one[1]) < 1e-5


@pytest.mark.parametrize("method", METHODS)
def test_two_replicas_compute_what_one_device_does(method, single, tmp_path):
    same(train(method, 2, tmp_path), single(method))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_four_replicas_compute_what_one_device_does(method, single, tmp_path):
    same(train(method, 4, tmp_path), single(method))


@pytest.mark.parametrize("method", METHODS)
def test_negative_control(method, single, tmp_path):
    # Were this equal too, the tests above would be blind.
    broken = "--local-scale" if method in LOCAL else "--stop-gradient"
    _, weights = train(method, 2, tmp_path, broken)
    assert difference(weights, single(method)[1]) > 1e-4


def test_uneven_replicas_weigh_examples_alike(tmp_path):
    # 21 rows on two replicas: 11 and 10.
    one = train("simclr", 1, tmp_path, "--batch=21")
    two = train("simclr", 2, tmp_path, "--batch=21")
    np.testing.assert_allclose(two[0]["loss"], one[0]["loss"], rtol=1e-5)
    assert difference(two[1], one[1]) < 1e-5
