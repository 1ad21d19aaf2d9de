# SPDX-License-Identifier: Apache-2.0
"""Run by ../test_graphs.py, or `pytest tests/export/gnn_cases/serialized.py`."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from not_graphs import example_of, no_graphs

from cl_keras import artifact, data, encoders, export, gnn
from cl_keras.export.conformance.loading import load_session
from cl_keras.export.conformance.operations import operation_rows

tfgnn = gnn.load()
# Node features a, whole numbers, and b; something that is never sent; two edge sets.
SCHEMA = """
node_sets { key: "user" value {
  features { key: "a" value { dtype: DT_INT64 } }
  features { key: "b" value { dtype: DT_FLOAT shape { dim { size: 2 } } } }
  features { key: "label" value { dtype: DT_INT64 } } } }
edge_sets { key: "knows" value { source: "user" target: "user" } }
edge_sets { key: "likes" value { source: "user" target: "user" } }
"""


def encoder(width=3, units=(8, 4)):
    keras.utils.set_random_seed(1)
    return encoders.graph_sage((width,), units=units)


def graphs():
    """Of 3, 1 and 4 nodes, the second without edges."""
    return data.GraphData(
        "three",
        np.random.default_rng(0).random((8, 3), np.float32),
        np.array([[0, 1], [2, 1], [1, 2], [4, 7], [7, 6], [5, 4]]),
        labels=np.arange(8),
        graph_ids=np.array([0, 0, 0, 1, 2, 2, 2, 2]),
    )


def records(folder):
    files = sorted(str(path) for path in folder.glob("*.tfrecord"))
    return [record.numpy() for record in tf.data.TFRecordDataset(files)]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = data.write_graph_tensors(graphs(), tmp_path_factory.mktemp("records"))
    model = encoder()
    schema = folder / "schema.pbtxt"
    path = tmp_path_factory.mktemp("model")
    return model, export.saved_model(model, path, graph_schema=schema), records(folder)


def test_embeddings_of_written_records(bundle):
    model, folder, sent = bundle
    call = tf.saved_model.load(str(folder)).signatures["graph_tensor"]
    got = call(graph_tensor=tf.constant(sent))
    rows = model.predict(data.whole_graph(graphs()), verbose=0)
    assert got["nodes"].numpy().tolist() == [3, 1, 4]
    start = 0
    for graph, size in enumerate((3, 1, 4)):
        own = rows[start : start + size]
        start += size
        np.testing.assert_allclose(got["embedding"][graph, :size], own, atol=1e-6)
        assert not np.any(got["embedding"][graph, size:])
        np.testing.assert_allclose(
            got["graph_embedding"][graph], own.mean(0), atol=1e-6
        )

    # What was not asked for need not be there: a record without labels.
    example = tf.train.Example.FromString(sent[0])
    del example.features.feature["nodes/nodes.label"]
    again = call(graph_tensor=tf.constant([example.SerializeToString()]))
    np.testing.assert_allclose(again["embedding"][0], rows[:3], atol=1e-6)


@pytest.mark.slow
def test_it_passes_the_check_without_keras_and_tf_gnn(bundle):
    model, folder, _ = bundle
    report = export.check(folder, encoder=model)
    assert report.ok, str(report)
    names = {row.name for row in report.rows}
    for loader in ("saved_model", "session"):
        for check in (
            "batch of 0",
            "rows independent",
            "repeatable",
            "equals serving_default",
        ):
            assert f"{loader}: graph_tensor: {check}" in names
    manifest = artifact.verify(folder)
    assert manifest["input"]["graph_tensor"] == {
        "node_set": "nodes",
        "edge_set": "edges",
        "features": [{"name": "features", "width": 3, "dtype": "float32"}],
        "receiver": "target",
    }


SERVER = """
import sys
for name in ("keras", "tf_keras", "tensorflow_gnn", "cl_keras"):
    sys.modules[name] = None
import numpy as np
import tensorflow as tf
folder, sent, path = sys.argv[1:]
session = tf.compat.v1.Session(graph=tf.Graph())
with session.graph.as_default():
    meta = tf.compat.v1.saved_model.load(session, ["serve"], folder)
signature = meta.signature_def["graph_tensor"]
with open(sent, "rb") as file:
    feed = {signature.inputs["graph_tensor"].name: [file.read()]}
fetch = {key: info.name for key, info in signature.outputs.items()}
np.savez(path, **session.run(fetch, feed))
"""


@pytest.mark.slow
def test_plain_session_in_a_fresh_process(bundle, tmp_path):
    model, folder, sent = bundle
    (tmp_path / "record").write_bytes(sent[2])
    command = [sys.executable, "-c", SERVER, folder, tmp_path / "record"]
    done = subprocess.run(
        [*command, tmp_path / "out.npz"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    out = np.load(tmp_path / "out.npz")
    rows = model.predict(data.whole_graph(graphs()), verbose=0)
    np.testing.assert_allclose(out["embedding"][0], rows[4:], atol=1e-6)
    assert out["nodes"].tolist() == [4]


def damaged(sent):
    """Records that hold no graph, each in another way."""
    edge, feature, count = (tf.train.Example.FromString(sent[0]) for _ in range(3))
    edge.features.feature["edges/edges.#target"].int64_list.value[0] = 3
    feature.features.feature["nodes/nodes.features"].float_list.value[0] = np.nan
    count.features.feature["nodes/nodes.#size"].int64_list.value[0] = 2
    bad = [example.SerializeToString() for example in (edge, feature, count)]
    # In the middle of an entry, whichever is the last: their order is anyone's.
    return [*bad, sent[0][:-1], b"?"]


def test_a_bad_graph_is_masked_and_never_reaches_the_next(bundle):
    _, folder, sent = bundle
    call = load_session(folder)[1]
    good = call("graph_tensor", {"graph_tensor": np.array(sent, dtype=object)})
    assert good["valid"].all()
    for bad in damaged(sent):
        mixed = np.array([sent[0], bad, sent[2], sent[1]], dtype=object)
        got = call("graph_tensor", {"graph_tensor": mixed})
        assert got["valid"].tolist() == [True, False, True, True]
        assert got["nodes"].tolist() == [3, 0, 4, 1]
        assert not got["embedding"][1].any()
        assert not got["graph_embedding"][1].any()
        for key in ("embedding", "graph_embedding"):
            others = got[key][[0, 3, 2]]
            np.testing.assert_allclose(others, good[key], atol=1e-6)
    nothing = np.array(damaged(sent), dtype=object)
    got = call("graph_tensor", {"graph_tensor": nothing})
    assert not got["valid"].any()
    assert got["embedding"].shape == (5, 0, 4)


def test_bytes_that_are_no_graph_are_masked(bundle):
    _, folder, sent = bundle
    call = load_session(folder)[1]
    alone = call("graph_tensor", {"graph_tensor": np.array([sent[0]], dtype=object)})
    for name, bad in no_graphs(sent).items():
        mixed = np.array([bad, sent[0]], dtype=object)
        got = call("graph_tensor", {"graph_tensor": mixed})
        assert got["valid"].tolist() == [False, True], name
        assert got["nodes"].tolist() == [0, 3], name
        assert not got["embedding"][0].any() and not got["graph_embedding"][0].any()
        np.testing.assert_allclose(
            got["embedding"][1], alone["embedding"][0], atol=1e-6
        )
    # Graphs without nodes, or without edges, are graphs.
    empty = example_of(**{"nodes/nodes.#size": [0], "edges/edges.#size": [0]})
    mixed = np.array([empty, sent[1]], dtype=object)
    got = call("graph_tensor", {"graph_tensor": mixed})
    assert got["valid"].all() and got["nodes"].tolist() == [0, 1]
    assert not np.any(got["graph_embedding"][0])


def test_bytes_that_are_no_graph_are_refused_in_training(bundle, tmp_path):
    sent = bundle[2]
    data.write_graph_tensors(graphs(), tmp_path)
    (file,) = tmp_path.glob("*.tfrecord")
    for name, bad in no_graphs(sent).items():
        with tf.io.TFRecordWriter(str(file)) as writer:
            writer.write(sent[1])
            writer.write(bad)
        # TensorFlow puts the record, which is no text, into its message.
        with pytest.raises((ValueError, UnicodeDecodeError)):
            pytest.fail(f"{name}: {data.load_graph_tensors(tmp_path)}")
        with pytest.raises((tf.errors.InvalidArgumentError, UnicodeDecodeError)):
            batches = data.graph_tensor_batches(tmp_path, 2, shuffle=False)
            pytest.fail(f"{name}: {list(batches)}")


@pytest.mark.slow
def test_a_bad_graph_fails_its_request(bundle, tmp_path):
    model, folder, sent = bundle
    schema = data.write_graph_tensors(graphs(), tmp_path / "records") / "schema.pbtxt"
    folder = export.saved_model(
        model, tmp_path / "model", graph_schema=schema, on_error="fail"
    )
    call = tf.saved_model.load(str(folder)).signatures["graph_tensor"]
    assert "valid" not in call(graph_tensor=tf.constant(sent))
    edge, _, count, *cut = damaged(sent)
    for bad in (edge, count, *cut):
        # TensorFlow puts the record, which is no text, into its message.
        with pytest.raises((tf.errors.InvalidArgumentError, UnicodeDecodeError)):
            call(graph_tensor=tf.constant([sent[1], bad]))


def test_operations_are_in_the_list(bundle):
    rows = {name: (ok, detail) for name, ok, detail in operation_rows(bundle[1])}
    assert all(ok for ok, _ in rows.values()), rows


def test_layout_of_a_richer_schema(tmp_path):
    path = tmp_path / "schema.pbtxt"
    path.write_text(SCHEMA)
    model = encoder()
    with pytest.raises(ValueError, match="knows, likes"):
        export.saved_model(model, tmp_path / "no", graph_schema=path)
    layout = gnn.layout(path, edge_set="likes", features=("b", "a"), receiver="source")
    folder = export.saved_model(model, tmp_path / "model", graph_schema=layout)
    report = export.check(folder)
    assert report.ok, str(report)

    a, b = np.array([3, 0]), np.array([[0.5, 1.0], [2.0, 0.25]], np.float32)
    graph = tfgnn.GraphTensor.from_pieces(
        node_sets={
            "user": tfgnn.NodeSet.from_fields(
                sizes=tf.constant([2]), features={"a": tf.constant(a), "b": b}
            )
        },
        edge_sets={
            "likes": tfgnn.EdgeSet.from_fields(
                sizes=tf.constant([1]),
                adjacency=tfgnn.Adjacency.from_indices(("user", [0]), ("user", [1])),
            )
        },
    )
    sent = tfgnn.write_example(graph).SerializeToString()
    call = tf.saved_model.load(str(folder)).signatures["graph_tensor"]
    got = call(graph_tensor=tf.constant([sent]))["embedding"][0]
    wanted = model(
        {
            "features": np.concatenate([b, a[:, None]], axis=1).astype(np.float32),
            "edges": np.array([[1, 0]], np.int32),
        }
    )
    np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_features_of_another_width(tmp_path):
    folder = data.write_graph_tensors(graphs(), tmp_path / "records")
    with pytest.raises(ValueError, match="width 5.*Received: 3"):
        export.saved_model(
            encoder(5), tmp_path / "model", graph_schema=folder / "schema.pbtxt"
        )
    assert not (tmp_path / "model").exists()
    with pytest.raises(ValueError, match="absent.pbtxt"):
        export.saved_model(encoder(), tmp_path, graph_schema=tmp_path / "absent.pbtxt")
