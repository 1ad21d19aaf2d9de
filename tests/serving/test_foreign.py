# SPDX-License-Identifier: Apache-2.0
"""Bundles on others' servers, and others' clients with the server of the tests.

    make test-foreign OPTIONS="--long -rP"

Each program of `foreign/` runs in an environment of its own, which the Makefile makes
in `.venv-foreign`. It gets images and files, some of which are none, in requests of
many sizes, and its answers are compared with the Keras encoder.
"""

import base64
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from image_files import bad_files, good_files

from cl_keras.export.images import decode_image

pytestmark = pytest.mark.slow
PROGRAMS = Path(__file__).parent / "foreign"
ENVIRONMENTS = Path(__file__).parents[2] / ".venv-foreign"
SIZES = [0, 1, 33, 64]


@pytest.fixture(scope="module")
def asked(bundle, long):
    """Rows, requests of them, the features of all rows, and how many are images."""
    rng = np.random.default_rng(0)
    good = good_files(rng)
    bad = bad_files(rng, good)
    images = np.stack([decode_image(file, 8, 8, 3) for file in good])
    features = bundle.encoders[0].predict(images, verbose=0)
    requests = [rng.integers(0, len(good), size) for size in SIZES]
    count, malformed = (10_000, 50) if long else (100, 5)  # One of so many.
    for number in range(count):
        rows = rng.integers(0, len(good), int(min(64, 1 + rng.exponential(5))))
        if number % malformed == 0:
            rows[0] = len(good) + number // malformed % len(bad)
        requests.append(rows)
    content = {
        "model": str(bundle.base / "1"),
        "images": images[: max(SIZES)].tolist(),
        "files": [base64.b64encode(file).decode() for file in good + bad],
        "sizes": SIZES,
        "requests": [rows.tolist() for rows in requests],
    }
    features = np.concatenate([features, np.zeros((len(bad), 5))])
    return content, requests, features, len(good)


def answers(name, script, content, folder):
    """What a program in its environment gave."""
    environment = ENVIRONMENTS / name
    if not (environment / ".installed").exists():
        pytest.skip(f"needs `make test-foreign`, which installs {name}")
    (folder / "asked.json").write_text(json.dumps(content))
    python = environment / "bin" / "python"
    done = subprocess.run(
        [python if python.exists() else "node", PROGRAMS / script, folder],
        env={**os.environ, "NODE_PATH": str(environment / "node_modules")},
        capture_output=True,
        text=True,
        timeout=1_200,
    )
    assert done.returncode == 0, f"{done.stdout[-5_000:]}\n{done.stderr[-5_000:]}"
    return json.loads((folder / "answers.json").read_text())


def difference(answer, expected):
    """The largest one of an answer's embeddings; requests without rows have none."""
    if not len(expected):
        assert answer.get("embedding", []) == []
        return 0.0
    assert "refused" not in answer, answer
    return np.abs(np.array(answer["embedding"]) - expected).max()


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("triton", "triton_server.py"),
        ("bentoml", "bentoml_server.py"),
        ("tfjs", "tfjs.js"),
    ],
)
def test_bundles_on_the_servers_of_others(name, script, asked, tmp_path):
    content, requests, features, good = asked
    given = answers(name, script, content, tmp_path)
    worst = [
        difference(answer, features[:size])
        for size, answer in zip(SIZES, given["images"], strict=True)
    ]
    bad, total = 0, sum(map(len, requests))
    for rows, answer in zip(requests, given["files"], strict=True):
        worst.append(difference(answer, features[rows]))
        if len(rows):
            valid = rows < good
            np.testing.assert_array_equal(answer["valid"], valid)
            bad += (~valid).sum()
    print(
        f"{given['version']}: {len(worst):,} requests, {total:,} files, {bad} bad, "
        f"difference {max(worst):.1e}"
    )
    print("without rows:", given["images"][0], given["files"][0])
    assert max(worst) < 1e-5 and bad > 1


def test_a_client_of_others(bundle, server, asked, tmp_path):
    content, _, features, _ = asked
    content = {**content, "requests": [], "server": [server["grpc"], server["rest"]]}
    given = answers("ovmsclient", "ovms_client.py", content, tmp_path)
    available = {"state": "AVAILABLE", "error_code": 0, "error_message": ""}
    assert given["status"] == [{"1": available}] * 2
    over_grpc, over_rest = given["metadata"]
    assert over_grpc["inputs"] == {
        "images": {"shape": [-1, 8, 8, 3], "dtype": "DT_FLOAT"}
    }
    assert over_rest["model_spec"]["version"] == str(over_grpc["model_version"]) == "1"
    worst = [
        difference(answer, features[:size])
        for size, answer in zip(SIZES, given["images"], strict=True)
    ]
    print(f"{given['version']}: difference {max(worst):.1e}")
    print("without rows:", given["images"][0])
    assert max(worst) < 1e-5
