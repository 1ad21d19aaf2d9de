# SPDX-License-Identifier: Apache-2.0
"""Recipes of paper scale make what the papers trained; what they make is looked at."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders
from cl_keras.data.graphs.graph_data import GraphData, both_directions
from cl_keras.runs import TrainConfig
from cl_keras.runs.jobs import graphs
from cl_keras.runs.jobs.images import _views
from cl_keras.runs.jobs.model import build_model
from cl_keras.runs.optimizer import make_optimizer


def made(name, shape, steps):
    config = TrainConfig.for_recipe(name, out="run")
    job = SimpleNamespace(input_shape=shape, encoder_options={})
    return config, build_model(config, job), make_optimizer(config, steps)


def rate(optimizer, step):
    value = optimizer.get_config()["learning_rate"]
    if isinstance(value, dict):
        value = keras.saving.deserialize_keras_object(value)(step)
    return float(value)


def test_simclr_on_imagenet():
    """Chen et al. 2020: section 2.2, appendix A and B.6 to B.9."""
    # A smaller image has the same views and weights, and builds sooner.
    config, model, optimizer = made("simclr_resnet50_imagenet", (64, 64, 3), 312)
    assert (config.image_size, config.batch_size, config.epochs) == (224, 4096, 1000)
    (view, other) = _views(config, (224, 224, 3)).views
    assert view == other and view.size == 224
    assert (view.brightness, view.contrast, view.saturation) == (0.8, 0.8, 0.8)
    assert (view.hue, view.jitter, view.grayscale, view.flip) == (0.2, 0.8, 0.2, 0.5)
    assert (view.blur, view.sigma) == (0.5, (0.1, 2.0))
    assert view.scale == (0.08, 1.0) and view.ratio == (3 / 4, 4 / 3)
    assert model.temperature == 0.1
    assert model.encoder.output_shape == (None, 2048)
    dense = [x for x in model.projector.layers if isinstance(x, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [2048, 128]
    assert type(optimizer).__name__ == "LARS"
    facts = optimizer.get_config()
    assert facts["momentum"] == 0.9 and facts["weight_decay"] == 1e-6
    assert rate(optimizer, 10 * 312) == pytest.approx(0.3 * 4096 / 256, rel=1e-4)
    assert rate(optimizer, 5 * 312) == pytest.approx(2.4, rel=1e-2)  # Warm-up.
    assert rate(optimizer, 1000 * 312) == pytest.approx(0.0, abs=1e-4)


def test_cpc_on_librispeech():
    """van den Oord et al. 2018, section 3.1."""
    config, model, optimizer = made("cpc_conv_librispeech", (None,), 3350)
    convolutions = [
        layer
        for layer in model.encoder.layers
        if isinstance(layer, keras.layers.Conv1D)
    ]
    assert [layer.filters for layer in convolutions] == [512] * 5
    assert [layer.kernel_size[0] for layer in convolutions] == [10, 8, 4, 4, 4]
    assert [layer.strides[0] for layer in convolutions] == [5, 4, 2, 2, 2]
    context = model.encoder.get_layer("context")
    assert isinstance(context, keras.layers.GRU) and context.units == 256
    assert model.steps == 12 and config.part("data")["window"] == 20_480
    assert config.batch_size == 8 * 8
    assert not optimizer.get_config()["weight_decay"]
    assert rate(optimizer, 0) == rate(optimizer, 300_000) == pytest.approx(2e-4)
    assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)


@pytest.mark.parametrize(
    ("name", "units"),
    [("dgi_gcn_cora", 512), ("dgi_gcn_citeseer", 512), ("dgi_gcn_pubmed", 256)],
)
def test_dgi_on_citations(name, units):
    """Velickovic et al. 2019, section 4.2."""
    config, model, optimizer = made(name, (9,), 1)
    assert model.encoder.output_shape == (None, units)
    assert (config.patience, config.epochs) == (20, 10_000)
    assert not optimizer.get_config()["weight_decay"]
    assert rate(optimizer, 0) == rate(optimizer, 500) == pytest.approx(1e-3)


def test_dgi_on_reddit_trains_on_training_nodes_only(monkeypatch):
    """Velickovic et al. 2019, section 4.2, and Hamilton et al. 2017: inductive."""
    rng = np.random.default_rng(0)
    nodes = 600
    edges, *_ = both_directions(rng.integers(0, nodes, (2000, 2)), nodes)
    # A node's feature is its number: a batch shows which nodes it has.
    features = np.arange(nodes, dtype=np.float32)[:, None]
    train, test = np.arange(0, 400), np.arange(400, nodes)
    graph = GraphData(
        "reddit", features, edges, np.arange(nodes) % 2,
        splits={"train": train, "test": test},
    )  # fmt: skip
    config = TrainConfig.for_recipe("dgi_sage_reddit", out="run")
    job = graphs.GraphJob(config, SimpleNamespace(load=lambda: graph))
    seen = np.unique(
        np.concatenate([batch["features"].numpy().ravel() for batch in job.batches()])
    )
    np.testing.assert_array_equal(seen, train)
    assert len(job.labelled().labels[1]) == len(test)  # All are scored.
    assert job.embed(encoders.graph_sage((1,), units=[2])).shape == (nodes, 2)
    assert (config.epochs, config.patience, config.batch_size) == (150, None, 256)
    assert config.part("data")["fan_outs"] == [10, 10, 25]
    optimizer = make_optimizer(config, 600)
    assert rate(optimizer, 0) == pytest.approx(1e-5)
    assert not optimizer.get_config()["weight_decay"]
    encoder = build_model(config, job).encoder
    assert encoder.output_shape == (None, 512)
    assert tf.is_tensor(encoder(dict(next(iter(job.batches())))))
