# SPDX-License-Identifier: Apache-2.0
"""Examples, neighbours and fine-tuning."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import artifact, encoders, export
from cl_keras.export import probes
from cl_keras.export.conformance.loading import load_eager, load_session

layers = keras.layers
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 8, 8, 3), np.uint8)
IMAGES = PIXELS.astype(np.float32) / 255
FILES = [tf.io.encode_png(p).numpy() for p in PIXELS]
BANK = RNG.normal(size=(30, 5)).astype(np.float32)


def encoder():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.GlobalAveragePooling2D(),
            # So that an image of nothing has features.
            layers.Dense(5, bias_initializer="ones"),
        ]
    )


def objects(*contents):
    return np.array(contents, dtype=object)


@pytest.fixture(scope="module")
def model():
    return encoder()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return export.saved_model(
        model,
        tmp_path_factory.mktemp("m"),
        index=(BANK, [f"photo {i}.jpg" for i in range(30)]),
        neighbors=4,
        train=True,
    )


@pytest.fixture(scope="module")
def call(folder):
    return load_session(folder)[1]


@pytest.mark.slow
def test_all_of_it_passes_the_check(folder, model):
    report = export.check(folder, encoder=model)
    assert report.ok, str(report)
    checked = {row.name for row in report.rows}
    for name in ("image_bytes", "examples", "neighbors", "neighbors_bytes"):
        assert f"session: {name}: rows independent" in checked
        assert f"session: {name}: batch of 32" in checked
    assert "session: neighbors_bytes: equals neighbors" in checked
    assert not [name for name in checked if "train" in name]


@pytest.mark.slow
def test_examples_with_files(call, model):
    sent = [probes.example("image_bytes", content) for content in FILES]
    sent[1] = probes.example("image_bytes", FILES[1][:50])
    sent[2] = probes.example("something else", FILES[2])
    sent[3] = b"no Example"
    got = call("examples", {"examples": objects(*sent)})
    assert got["valid"].tolist() == [True, False, False, False, True]
    expected = model.predict(IMAGES, verbose=0) * got["valid"][:, None]
    np.testing.assert_allclose(got["embedding"], expected, atol=1e-6)


def test_examples_with_numbers(model, tmp_path):
    folder = export.saved_model(model, tmp_path, bytes_input=False)
    facts = artifact.read_manifest(folder)["input"]
    assert facts["examples"] == {"feature": "images", "dtype": "float32"}
    sent = [probes.example("images", image) for image in IMAGES]
    sent[1] = probes.example("images", IMAGES[1].ravel()[:-1])
    sent[2] = probes.example("images", np.full_like(IMAGES[2], np.nan))
    sent[3] = b""
    got = load_session(folder)[1]("examples", {"examples": objects(*sent)})
    assert got["valid"].tolist() == [True, False, False, False, True]
    expected = model.predict(IMAGES, verbose=0) * got["valid"][:, None]
    np.testing.assert_allclose(got["embedding"], expected, atol=1e-6)


def test_examples_with_sequences_of_any_length(tmp_path):
    inputs = keras.Input((None, 5))
    x = layers.Conv1D(4, 10, 4, activation="tanh")(inputs)
    model = keras.Model(inputs, layers.GlobalAveragePooling1D()(x))
    folder = export.saved_model(model, tmp_path)
    sequences = [RNG.random((n, 5), np.float32) for n in (40, 11, 300)]
    sent = [probes.example("inputs", sequence) for sequence in sequences]
    odd = probes.example("inputs", sequences[0].ravel()[:-1])
    call = load_session(folder)[1]
    got = call("examples", {"examples": objects(*sent, odd, b"")})
    assert got["valid"].tolist() == [True, True, True, False, False]
    expected = np.concatenate([model(sequence[None]) for sequence in sequences])
    np.testing.assert_allclose(got["embedding"][:3], expected, atol=1e-5)


def nearest(queries, bank, k):
    """The slow way, in float64."""
    queries, bank = np.float64(queries), np.float64(bank)
    cosine = queries @ bank.T
    cosine /= np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(bank, axis=1)
    rows = np.argsort(-cosine, axis=1)[:, :k]
    return rows, np.take_along_axis(cosine, rows, axis=1)


def test_neighbours_by_floats_and_by_files(call, model):
    rows, scores = nearest(model.predict(IMAGES, verbose=0), BANK, 4)
    ids = [[f"photo {i}.jpg".encode() for i in line] for line in rows]
    by_floats = call("neighbors", {"images": IMAGES})
    assert set(by_floats) == {"ids", "scores"}
    by_files = call("neighbors_bytes", {"image_bytes": objects(*FILES)})
    assert by_files["valid"].all()
    for got in (by_floats, by_files):
        assert got["ids"].tolist() == ids
        np.testing.assert_allclose(got["scores"], scores, atol=1e-5)
    got = call("neighbors_bytes", {"image_bytes": objects(b"?", FILES[1])})
    assert got["ids"].tolist() == [[b""] * 4, ids[1]]
    assert got["valid"].tolist() == [False, True]
    assert not got["scores"][0].any()


@pytest.mark.slow
@pytest.mark.parametrize("large", [8, 2**40])
def test_ids_that_are_numbers_and_a_feature_of_length_zero(large, model, tmp_path):
    bank = np.concatenate([np.zeros((1, 5), np.float32), BANK[:2]])
    folder = export.saved_model(
        model, tmp_path, index=(bank, np.array([7, large, 9])), neighbors=3
    )
    specs, call = load_session(folder)
    assert specs["neighbors"]["outputs"]["ids"]["dtype"] == "int64"
    got = call("neighbors", {"images": IMAGES})
    assert got["ids"].dtype == np.int64
    assert {*got["ids"].ravel().tolist()} == {7, large, 9}
    assert (got["scores"][got["ids"] == 7] == 0).all()
    manifest = artifact.read_manifest(folder)
    assert manifest["input"]["index"] == {"rows": 3, "neighbors": 3}


@pytest.mark.slow
def test_an_index_is_stored_with_the_weights_and_not_in_the_graph(model, tmp_path):
    bank = RNG.normal(size=(20_000, 5)).astype(np.float32)
    folder = export.saved_model(model, tmp_path, index=(bank, range(20_000)))
    few = export.saved_model(model, tmp_path / "few", index=(bank[:30], range(30)))
    size, without = (x.joinpath("saved_model.pb").stat().st_size for x in (folder, few))
    assert size < without + 10_000


@pytest.mark.parametrize(
    ("index", "neighbors", "message"),
    [
        ((BANK[:, :4], range(30)), 4, "features \\(n, 5\\)"),
        ((BANK, range(29)), 4, "n ids"),
        ((BANK, range(30)), 31, "neighbors=31"),
        ((BANK, range(30)), 0, "neighbors"),
        ((np.full((3, 5), np.nan), range(3)), 1, "finite"),
    ],
)
def test_an_index_that_does_not_fit(index, neighbors, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export.saved_model(encoder(), tmp_path, index=index, neighbors=neighbors)
    graphs = encoders.gcn((3,), units=[4])
    with pytest.raises(ValueError, match="no `index`"):
        export.saved_model(graphs, tmp_path, index=(BANK[:, :4], range(30)))


@pytest.mark.slow
def test_training_is_nothing_a_server_offers(folder):
    specs, _ = load_session(folder)
    assert "train" not in specs
    assert "train" not in artifact.read_manifest(folder)["signatures"]
    assert artifact.read_manifest(folder)["functions"] == ["train"]
    loaded = tf.saved_model.load(str(folder))
    assert "train" not in loaded.signatures
    # Dropout and the batch's own statistics: not what is served.
    first, second = (loaded.train({"images": IMAGES})["embedding"] for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.slow
def test_fine_tuning_through_a_layer(folder):
    x = RNG.random((64, 8, 8, 3), np.float32)
    y = (x.mean(axis=(1, 2)) @ [1.0, -1.0, 0.0] > 0).astype(np.float32)
    served = keras.layers.TFSMLayer(
        str(folder), call_endpoint="serving_default", call_training_endpoint="train"
    )
    assert len(served.trainable_weights) == 6  # Kernels, biases, scale and centre.
    inputs = keras.Input((8, 8, 3))
    outputs = layers.Dense(1)(served({"images": inputs})["embedding"])
    model = keras.Model(inputs, outputs)
    before = [w.numpy() for w in served.weights]
    features = served({"images": x[:4]})["embedding"].numpy()
    model.compile(
        # With slots of its own an optimizer fails on any such layer of Keras 3.15:
        # tests/contract/test_keras_defects.py.
        keras.optimizers.SGD(0.1),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    losses = model.fit(x, y, batch_size=16, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    changed = {
        w.name: not np.allclose(w.numpy(), b)
        for w, b in zip(served.weights, before, strict=True)
    }
    kinds = {name for name, yes in changed.items() if yes}
    for kind in ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance"):
        assert any(kind in name for name in kinds), f"{kind} of {changed}"
    # In inference mode again: the new weights, and the same answer twice.
    after = served({"images": x[:4]})["embedding"].numpy()
    assert np.abs(after - features).max() > 1e-3
    np.testing.assert_array_equal(after, served({"images": x[:4]})["embedding"])
    # What was exported is as it was.
    again = load_eager(folder)[1]("serving_default", {"images": x[:4]})["embedding"]
    np.testing.assert_allclose(again, features, atol=1e-6)
