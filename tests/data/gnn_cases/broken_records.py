# SPDX-License-Identifier: Apache-2.0
"""Run by ../test_graph_tensor.py: broken records, and which schema is theirs."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data


def record(nodes=2, features=(1.0, 2.0), source=(0,), target=(1,), size=None):
    example = tf.train.Example()
    fields = example.features.feature
    fields["nodes/nodes.#size"].int64_list.value.append(nodes)
    fields["nodes/nodes.features"].float_list.value.extend(features)
    count = len(source) if size is None else size
    fields["edges/edges.#size"].int64_list.value.append(count)
    fields["edges/edges.#source"].int64_list.value.extend(source)
    fields["edges/edges.#target"].int64_list.value.extend(target)
    return example.SerializeToString()


GOOD = record()


@pytest.fixture
def folder(tmp_path):
    graph = data.GraphData("g", np.ones((2, 1), np.float32), np.array([[0, 1]]))
    folder = data.write_graph_tensors(graph, tmp_path / "records")
    (folder / "graphs-00000-of-00001.tfrecord").unlink()
    return folder


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([GOOD, record(target=(2,)), GOOD], "names a node"),
        ([GOOD, record(source=(-1,)), GOOD], "names a node"),
        ([record(nodes=0, features=(), source=(0,), target=(0,))], "names a node"),
        ([record(features=(1.0,))], "not as many"),
        ([record(nodes=3)], "not as many"),
        ([record(size=2)], "not as many"),
        ([record(source=(0, 1)), record(size=2)], "not as many"),
        ([b"\x0anoise"], "Expected GraphTensor records"),
        ([b""], "Expected"),
        ([record(features=(float("nan"), 1.0))], "finite"),
        ([record(nodes=0, features=(), source=(), target=())], "at least one node"),
        ([], "at least one graph"),
    ],
)
def test_broken_records_are_refused(folder, records, message):
    with tf.io.TFRecordWriter(str(folder / "a.tfrecord")) as writer:
        for content in records:
            writer.write(content)
    with pytest.raises(ValueError, match=message):
        data.load_graph_tensors(folder)


def test_broken_files_are_refused(folder):
    path = folder / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(GOOD)
    content = path.read_bytes()
    for broken in (content[:-3], content[:40] + b"?" + content[41:], b"text\n" * 9):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="records"):
            data.load_graph_tensors(folder)
        # A length that lies is found before TensorFlow reads, another byte by it.
        refused = (ValueError, tf.errors.OpError)
        with pytest.raises(refused, match="a.tfrecord|corrupted"):
            list(data.graph_tensor_batches(folder, 1))
    path.unlink()
    with pytest.raises(ValueError, match="TFRecord files.*none"):
        data.load_graph_tensors(folder)
    with pytest.raises(ValueError, match="no such folder"):
        data.load_graph_tensors(folder / "absent")


def test_edges_of_one_graph_never_reach_another(folder):
    """Side by side, node 2 of the first graph would be node 0 of the second."""
    with tf.io.TFRecordWriter(str(folder / "a.tfrecord")) as writer:
        writer.write(record(target=(2,)))
        writer.write(GOOD)
    with pytest.raises(tf.errors.InvalidArgumentError, match="names a node"):
        list(data.graph_tensor_batches(folder, 2, shuffle=False))


def test_which_schema(folder):
    with tf.io.TFRecordWriter(str(folder / "a.tfrecord")) as writer:
        writer.write(GOOD)
    (folder / "other.pbtxt").write_text("")
    assert data.load_graph_tensors(folder).nodes == 2  # schema.pbtxt goes first.
    (folder / "schema.pbtxt").rename(folder / "third.pbtxt")
    with pytest.raises(ValueError, match="other.pbtxt, third.pbtxt"):
        data.load_graph_tensors(folder)
    for path in folder.glob("*.pbtxt"):
        path.unlink()
    with pytest.raises(ValueError, match="none"):
        data.graph_tensor_batches(folder, 1)
