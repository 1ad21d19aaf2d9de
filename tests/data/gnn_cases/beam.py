# SPDX-License-Identifier: Apache-2.0
"""Run by ../test_graph_tensor.py --slow: TF-GNN's own command, as documented."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from cl_keras import data, encoders, gnn


def test_documented_command(tmp_path):
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, 29, (80, 2))  # The last of 30 nodes is alone.
    graph = data.GraphData("random", rng.random((30, 4), np.float32), pairs)
    tables = data.write_sampler_input(graph, tmp_path / "tables", (50, 50))
    samples = tmp_path / "samples"
    samples.mkdir()
    done = subprocess.run(
        [
            Path(sys.executable).with_name("tfgnn_sampler"),
            f"--graph_schema={tables}/schema.pbtxt",
            f"--data_path={tables}",
            f"--sampling_spec={tables}/sampling_spec.pbtxt",
            f"--output_samples={samples}/graphs.tfrecord@2",
            "--runner=DirectRunner",
            "--update_compatibility_version=2.68.0",
        ],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    shutil.copy(tables / "schema.pbtxt", samples)

    layout = gnn.layout(samples / "schema.pbtxt", receiver="source")
    keras.utils.set_random_seed(1)
    encoder = encoders.graph_sage(graph.shape, units=(8, 6))
    whole = encoder.predict(data.whole_graph(graph), verbose=0)
    rows = []
    for batch in data.graph_tensor_batches(samples, 8, layout=layout, rooted=True):
        output = encoder({"features": batch["features"], "edges": batch["edges"]})
        rows.append(output[batch["target"]].numpy())
    # Roots come in any order; each has the embedding of the whole graph.
    got = np.concatenate(rows)
    assert len(got) == 30
    order = np.abs(whole[:, None] - got[None]).max(axis=-1).argmin(axis=1)
    assert sorted(order) == list(range(30))
    np.testing.assert_allclose(got[order], whole, atol=1e-5)
