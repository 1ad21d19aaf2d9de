# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, evaluate
from cl_keras.encoders import graph_layers, sparse_product

BUILDERS = {"gcn": encoders.gcn, "graph_sage": encoders.graph_sage, "gin": encoders.gin}


def example(nodes=7, features=5, seed=0):
    """A directed graph; the last node has no edges."""
    rng = np.random.default_rng(seed)
    edges = [(a, b) for a in range(nodes - 1) for b in range(nodes - 1) if a != b]
    edges = np.array(edges, np.int32)[rng.random(len(edges)) < 0.4]
    x = rng.normal(size=(nodes, features)).astype("float32")
    return {"features": x, "edges": edges}


def tensors(graph, sparse=False):
    x = tf.constant(graph["features"])
    return {
        "features": tf.sparse.from_dense(x) if sparse else x,
        "edges": tf.constant(graph["edges"]),
    }


def trained(name, **options):
    """An encoder whose biases and slopes are not at their start either."""
    encoder = BUILDERS[name]((5,), **{"units": [6, 4], **options})
    rng = np.random.default_rng(1)
    encoder.set_weights(
        [rng.normal(size=w.shape).astype("float32") for w in encoder.get_weights()]
    )
    return encoder


def adjacency(graph):
    """A[i, j] = 1 if j sends to i."""
    n = len(graph["features"])
    a = np.zeros((n, n))
    for source, target in graph["edges"]:
        a[target, source] += 1
    return a


def prelu(x, slope):
    return np.where(x > 0, x, slope * x)


def slow(name, encoder, graph):
    """The layers with dense matrices, from the papers' formulas."""
    a, x = adjacency(graph), graph["features"].astype(float)
    get = {w.path: w.numpy() for w in encoder.weights}
    for suffix, act in (("", "activation_1"), ("_2", "embedding")):
        w = get[f"projection{suffix}/kernel"]
        b = get[f"propagation{suffix}/bias"]
        if name == "gcn":
            looped = a + np.eye(len(a))
            d = np.diag(looped.sum(1) ** -0.5)
            x = prelu(d @ looped @ d @ x @ w + b, get[f"{act}/alpha"])
        elif name == "graph_sage":
            degree = a.sum(1, keepdims=True)
            mean = np.divide(a @ x, degree, out=np.zeros_like(x), where=degree > 0)
            both = np.concatenate([x, mean], 1)  # As the paper has it.
            own, sent = np.split(w, 2, axis=1)
            x = prelu(both @ np.concatenate([own, sent]) + b, get[f"{act}/alpha"])
        else:
            eps = get.get(f"propagation{suffix}/epsilon", 0.0)
            hidden = np.maximum(((1 + eps) * x + a @ x) @ w + b, 0)
            dense = get[f"dense{suffix}/kernel"], get[f"dense{suffix}/bias"]
            x = np.maximum(hidden @ dense[0] + dense[1], 0)
    return x


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gcn", {}),
        ("graph_sage", {}),
        ("gin", {}),
        ("gin", {"learn_epsilon": True}),
    ],
)
def test_layers_are_the_papers(name, options, sparse):
    encoder, graph = trained(name, sparse_features=sparse, **options), example()
    np.testing.assert_allclose(
        encoder(tensors(graph, sparse)), slow(name, encoder, graph), atol=1e-4
    )


def test_norm_before_the_activation_and_a_linear_end():
    encoder = encoders.gcn(
        (5,), (6, 4), activation="relu", last_activation="linear", batch_norm=True
    )
    plain = encoders.gcn((5,), 6, activation="linear")
    plain.set_weights(encoder.get_weights()[:2])
    rows = plain(tensors(example())).numpy()
    rows = np.maximum((rows - rows.mean(0)) / np.sqrt(rows.var(0) + 1e-5), 0)
    second = encoders.gcn((6,), 4, activation="linear")
    get = {w.path: w.numpy() for w in encoder.weights}
    second.set_weights([get["projection_2/kernel"], get["propagation_2/bias"]])
    end = second(tensors({**example(), "features": rows})).numpy()
    end = (end - end.mean(0)) / np.sqrt(end.var(0) + 1e-5)
    found = encoder(tensors(example()), training=True)
    np.testing.assert_allclose(found, end, atol=1e-4)


@pytest.mark.parametrize("name", BUILDERS)
def test_permuting_the_nodes_permutes_the_embeddings(name):
    encoder, graph = trained(name), example()
    order = np.random.default_rng(0).permutation(7)  # New node i is old order[i].
    moved = {
        "features": graph["features"][order],
        "edges": np.argsort(order)[graph["edges"]].astype("int32"),
    }
    np.testing.assert_allclose(
        encoder(tensors(moved)), encoder(tensors(graph)).numpy()[order], atol=1e-4
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_graphs_without_edges(name):
    encoder, graph = trained(name), example()
    graph["edges"] = graph["edges"][:0]
    np.testing.assert_allclose(
        encoder(tensors(graph)), slow(name, encoder, graph), atol=1e-4
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_nodes_see_their_own_part_only(name):
    encoder, one, two = trained(name), example(seed=0), example(seed=1)
    both = {
        "features": np.concatenate([one["features"], two["features"]]),
        "edges": np.concatenate([one["edges"], two["edges"] + 7]),
    }
    apart = [encoder(tensors(graph)).numpy() for graph in (one, two)]
    np.testing.assert_allclose(encoder(tensors(both)), np.concatenate(apart), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", BUILDERS)
def test_saving_cloning_predicting_exporting(name, sparse, tmp_path):
    encoder, graph = trained(name, sparse_features=sparse), tensors(example(), sparse)
    expected = encoder(graph).numpy()
    encoder.save(tmp_path / "encoder.keras")
    again = keras.saving.load_model(tmp_path / "encoder.keras", safe_mode=True)
    np.testing.assert_array_equal(again(graph), expected)

    whole = tf.data.Dataset.from_tensors(graph)
    np.testing.assert_allclose(again.predict(whole, verbose=0), expected, atol=1e-5)

    clone = keras.models.clone_model(encoder)
    clone.set_weights(encoder.get_weights())
    np.testing.assert_allclose(clone(graph), expected, atol=1e-5)
    fresh = evaluate.random_encoder(encoder, seed=3)
    assert np.abs(fresh(graph) - expected).max() > 1e-3

    archive = keras.export.ExportArchive()
    archive.track(encoder)
    archive.add_endpoint(
        "serve",
        lambda graph: encoder(graph, training=False),
        input_signature=[
            {
                "features": tf.TensorSpec((None, 5), tf.float32),
                "edges": tf.TensorSpec((None, 2), tf.int32),
            }
        ],
    )
    archive.write_out(str(tmp_path / "served"), verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_allclose(served.serve(tensors(example())), expected, atol=1e-5)


@pytest.mark.parametrize("name", BUILDERS)
def test_by_name(name):
    encoder = encoders.build(name, (5,), units=3)
    assert encoder.output_shape == (None, 3)
    assert encoder.get_layer("projection").node_wise
    with pytest.raises(ValueError, match="Unknown option of the encoder"):
        encoders.build(name, (5,), stem="small")


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", BUILDERS)
def test_mixed_precision_gives_float32(name, policy, sparse):
    keras.mixed_precision.set_global_policy(policy)
    encoder = trained(name, sparse_features=sparse)
    graph = tensors(example(), sparse)
    with tf.GradientTape() as tape:
        embeddings = encoder(graph)
    assert embeddings.dtype == tf.float32
    gradients = tape.gradient(embeddings, encoder.trainable_variables)
    assert all(np.isfinite(g).all() for g in gradients)
    expected = slow(name, encoder, example())
    assert np.abs(embeddings - expected).max() < 0.05 * np.abs(expected).max()


def test_gradients_of_the_projection_are_those_of_a_dense_product():
    x = np.random.default_rng(0).random((6, 5), np.float32)
    x[x < 0.6] = 0
    layer = graph_layers.NodeProjection(4)
    layer.build((None, 5))
    found = []
    for nodes in (tf.constant(x), tf.sparse.from_dense(x)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(nodes)))
        found.append(tape.gradient(loss, layer.kernel.value))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="number of features of a node"):
        encoders.gcn((5, 3))
    with pytest.raises(ValueError, match="units"):
        encoders.gin((5,), units=[])
    with pytest.raises(ValueError, match="even number"):
        graph_layers.MeanPropagation().build((None, 3), (None, 2))
    with pytest.raises(ValueError, match="units=0"):
        graph_layers.NodeProjection(0)


@pytest.mark.parametrize("shape", [(0, 3), (4, 3), (4, 0)])
def test_products_with_empty_matrices_are_zeros(shape):
    # TensorFlow's kernel ends the process here.
    matrix = tf.sparse.from_dense(tf.zeros(shape))
    dense = tf.ones((shape[1], 2))
    with tf.GradientTape() as tape:
        tape.watch(dense)
        result = sparse_product.sparse_product(matrix, dense)
    np.testing.assert_array_equal(result, np.zeros((shape[0], 2)))
    np.testing.assert_array_equal(tape.gradient(result, dense), np.zeros(dense.shape))


def test_products_with_sparse_matrices_in_any_order():
    rng = np.random.default_rng(0)
    indices = np.array([[2, 1], [0, 3], [2, 0], [1, 3]])
    matrix = tf.SparseTensor(indices, rng.normal(size=4).astype("float32"), (3, 5))
    dense = tf.constant(rng.normal(size=(5, 2)).astype("float32"))
    full = np.zeros((3, 5), "float32")
    full[tuple(indices.T)] = matrix.values
    with tf.GradientTape() as tape:
        tape.watch(dense)
        result = sparse_product.sparse_product(matrix, dense)
    np.testing.assert_allclose(result, full @ dense.numpy(), atol=1e-6)
    expected = full.T @ np.ones((3, 2), "float32")
    np.testing.assert_allclose(tape.gradient(result, dense), expected, atol=1e-6)
