# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf
from two_replicas import on_two_replicas

from cl_keras import distribute, losses


def slow_info_nce(queries, keys, temperature, normalize=True):
    q, k = queries.astype(np.float64), keys.astype(np.float64)
    if normalize:
        q /= np.linalg.norm(q, axis=1, keepdims=True)
        k /= np.linalg.norm(k, axis=1, keepdims=True)
    scores = q @ k.T / temperature
    top = scores.max(axis=1)
    lse = top + np.log(np.exp(scores - top[:, None]).sum(axis=1))
    return lse - np.diag(scores)


def pairs(batch, width=12):
    rng = np.random.default_rng(batch)
    return rng.standard_normal((2, batch, width)).astype(np.float32)


@pytest.mark.parametrize("batch", [2, 7, 40])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("normalize", [False, True])
def test_equals_slow_formula(batch, temperature, normalize):
    queries, keys = pairs(batch)
    value = losses.info_nce(
        queries, keys, temperature, normalize=normalize, block_size=8
    )
    wanted = slow_info_nce(queries, keys, temperature, normalize)
    np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("block", [3, 8, 1024])
def test_gradients_equal_the_plain_formula(jit, block):
    queries, keys = map(tf.constant, pairs(13))

    @tf.function(jit_compile=jit)
    def gradients(plain):
        with tf.GradientTape() as tape:
            tape.watch((queries, keys))
            if plain:
                q, k = (tf.math.l2_normalize(x, -1) for x in (queries, keys))
                loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
                    tf.range(13), tf.matmul(q, k, transpose_b=True) / 0.2
                )
            else:
                loss = losses.info_nce(queries, keys, 0.2, block_size=block)
            total = tf.reduce_sum(loss * tf.range(1.0, 14.0))
        return tape.gradient(total, (queries, keys))

    for one, other in zip(gradients(False), gradients(True), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("in_batch", [True, False])
def test_further_negatives(in_batch):
    queries, keys = pairs(6)
    queue = pairs(11)[0]
    options = {"negatives": queue, "in_batch": in_batch, "block_size": 4}
    value = losses.info_nce(queries, keys, 0.3, **options)
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, keys, queue)
    ]
    positive = np.sum(unit[0] * unit[1], 1) / 0.3
    rivals = np.exp(unit[0] @ unit[2].T / 0.3).sum(1)
    if in_batch:
        total = rivals + np.exp(unit[0] @ unit[1].T / 0.3).sum(1)
    else:
        total = rivals + np.exp(positive)
    np.testing.assert_allclose(value, np.log(total) - positive, rtol=1e-4, atol=1e-5)


def masked_info_nce(queries, keys, temperature, positives, negatives):
    """Pair by pair: the mean over positives, each against the negatives and itself."""
    q, k = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (queries, keys))
    scores = np.exp(q @ k.T / temperature)
    values = []
    for row, wanted, others in zip(scores, positives, negatives, strict=True):
        parts = [-np.log(x / (x + row[others].sum())) for x in row[wanted]]
        values.append(np.mean(parts))
    return values


LABELS = np.array([3, 1, 3, 0, 1, 3, 7])


def test_several_positives():
    queries, keys = pairs(7)
    value = losses.info_nce(queries, keys, 0.3, labels=LABELS, block_size=3)
    same = LABELS[:, None] == LABELS
    # Of all keys but the positive itself, which the other positives are among.
    wanted = []
    for i in range(7):
        each = [
            masked_info_nce(
                queries[i : i + 1],
                keys,
                0.3,
                np.eye(7, dtype=bool)[[j]],
                ~np.eye(7, dtype=bool)[[j]],
            )
            for j in np.flatnonzero(same[i])
        ]
        wanted.append(np.mean(each))
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


@pytest.mark.parametrize("queue", [None, pairs(5)[0]])
def test_groups_are_left_out(queue):
    queries, keys = pairs(7)
    options = {} if queue is None else {"negatives": queue}
    value = losses.info_nce(
        queries, keys, 0.3, groups=LABELS - 9, block_size=3, **options
    )
    others = LABELS[:, None] != LABELS
    candidates = keys
    if queue is not None:
        others = np.concatenate([others, np.ones((7, 5), bool)], axis=1)
        candidates = np.concatenate([keys, queue])
    own = np.eye(7, len(candidates), dtype=bool)
    wanted = masked_info_nce(queries, candidates, 0.3, own, others)
    np.testing.assert_allclose(value, wanted, rtol=1e-5)


@pytest.mark.parametrize("name", ["labels", "groups"])
@pytest.mark.parametrize("gradient", [True, False])
def test_on_two_replicas(name, gradient, monkeypatch):
    queries, keys = pairs(7)
    gather = distribute.all_gather
    if not gradient:  # The control: without it, the test must see the difference.
        monkeypatch.setattr(
            distribute, "all_gather", lambda x: tf.stop_gradient(gather(x))
        )

    def slopes(queries, keys, ids):
        with tf.GradientTape() as tape:
            tape.watch(keys)
            loss = losses.info_nce(queries, keys, 0.3, **{name: ids}, block_size=3)
            total = tf.reduce_sum(loss)
        return loss, tape.gradient(total, keys, unconnected_gradients="zero")

    found = on_two_replicas(slopes, queries, keys, LABELS)
    monkeypatch.undo()
    wanted = slopes(*map(tf.constant, (queries, keys, LABELS)))
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-5)
    same = np.allclose(found[1], wanted[1], atol=1e-5)
    assert same == gradient


@pytest.mark.parametrize("name", ["labels", "groups"])
def test_ids_under_xla(name):
    queries, keys = pairs(7)

    def loss():
        return losses.info_nce(queries, keys, 0.3, **{name: LABELS})

    np.testing.assert_allclose(tf.function(loss, jit_compile=True)(), loss(), atol=1e-5)


def test_a_queue_of_nothing_alike():
    # MoCo: q . k = 1, and a queue at right angles to both.
    key = tf.constant([[1.0, 0.0, 0.0]])
    queue = tf.constant([[0.0, 1.0, 0.0]] * 7)
    value = losses.info_nce(key, key, 0.5, negatives=queue, in_batch=False)
    np.testing.assert_allclose(value, np.log(1 + 7 * np.exp(-2)), rtol=1e-6)


def test_bad_negatives():
    queries, keys = pairs(6)
    with pytest.raises(ValueError, match="needs `negatives`"):
        losses.info_nce(queries, keys, in_batch=False)
    with pytest.raises(ValueError, match=r"must be \(K, 12\)"):
        losses.info_nce(queries, keys, negatives=np.ones((4, 3), "f"))
    with pytest.raises(ValueError, match="exclude one another"):
        losses.info_nce(queries, keys, labels=[0] * 6, groups=[0] * 6)


@pytest.mark.parametrize("name", ["labels", "groups"])
@pytest.mark.parametrize("batch", [6, None])
@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([[0]] * 6, ValueError, r"must have shape \({}\,\).*shape \(6, 1\)"),
        (3, ValueError, r"must have shape \({}\,\).*shape \(\)"),
        ([0.0] * 6, TypeError, "must be integers. Received: float32"),
        ([True] * 6, TypeError, "must be integers. Received: bool"),
    ],
)
def test_bad_ids(name, batch, ids, error, message):
    message = message.format(batch or "batch")
    rows = tf.TensorSpec((batch, 12))
    loss = tf.function(lambda q, k: losses.info_nce(q, k, **{name: tf.constant(ids)}))
    with pytest.raises(error, match=f"`{name}` {message}"):
        loss.get_concrete_function(rows, rows)


@pytest.mark.parametrize("name", ["labels", "groups"])
def test_ids_of_another_batch(name):
    with pytest.raises(ValueError, match=rf"`{name}` .* \(6,\), .* shape \(5,\)"):
        losses.info_nce(*pairs(6), **{name: [0, 1, 2, 3, 4]})


@pytest.mark.parametrize("name", ["labels", "groups"])
def test_ids_of_open_shape(name):
    rows, ids = tf.TensorSpec((None, 12)), tf.TensorSpec(None, tf.int64)
    loss = tf.function(lambda q, k, ids: losses.info_nce(q, k, **{name: ids}))
    found = loss.get_concrete_function(rows, rows, ids)(
        *map(tf.constant, pairs(7)), tf.constant(LABELS)
    )
    wanted = losses.info_nce(*pairs(7), **{name: LABELS})
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_closed_forms():
    # No information: the positive is one of K alike candidates.
    zeros = tf.zeros((8, 4))
    np.testing.assert_allclose(losses.info_nce(zeros, zeros), np.log(8), rtol=1e-6)
    # Scores c * identity.
    value = losses.info_nce(3.0 * tf.eye(5), tf.eye(5), 1.0, normalize=False)
    np.testing.assert_allclose(value, np.log(np.exp(3) + 4) - 3, rtol=1e-6)


def test_huge_scores_stay_finite():
    value = losses.info_nce(1e4 * tf.eye(4), tf.eye(4), 1.0, normalize=False)
    np.testing.assert_allclose(value, 0.0, atol=1e-6)


def test_keras_loss_takes_keys_first_and_round_trips():
    queries, keys = pairs(6)
    loss = losses.InfoNCE(temperature=0.3)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    wanted = slow_info_nce(queries, keys, 0.3).mean()
    np.testing.assert_allclose(loss(keys, queries), wanted, rtol=1e-5)
    np.testing.assert_allclose(again(keys, queries), wanted, rtol=1e-5)


def test_one_example_is_refused():
    with pytest.raises(ValueError, match="at least two examples"):
        losses.info_nce(tf.ones((1, 4)), tf.ones((1, 4)))
