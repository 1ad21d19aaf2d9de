# SPDX-License-Identifier: Apache-2.0
"""Settings that nothing reads, and paths that do not exist, are refused by name."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data, encoders
from cl_keras.data.spec import data_string
from cl_keras.runs import TrainConfig
from cl_keras.runs.jobs import make_job
from cl_keras.runs.jobs.model import build_model
from cl_keras.runs.optimizer import make_optimizer


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    (folder / "edges.csv").write_text("0,1\n1,2\n2,3\n")
    np.savez(folder / "images.npz", images=np.zeros((8, 16, 16, 3), np.uint8))
    # A pair and a single node, with tags 0, 1 and 1.
    (folder / "two.txt").write_text("2\n2 0\n0 1 1\n1 1 0\n1 1\n1 0\n")
    return {
        "images": f"npz:{folder / 'images.npz'}",
        "graph": f"edges:{folder / 'edges.csv'}",
        "graphs": f"tu:{folder / 'two.txt'}",
    }


@pytest.mark.parametrize(
    ("method", "kind", "setting", "message"),
    [
        ("simclr", "images", "encoder.widht", "Did you mean 'width'"),
        ("simclr", "images", "augment.strenght", "Did you mean 'strength'"),
        ("simclr", "images", "projector.dept", "Did you mean 'depth'"),
        ("simclr", "images", "decoder.width", "has no decoder"),
        ("simclr", "images", "optimizer.momentum", "Unknown optimizer setting"),
        ("simclr", "images", "data.labl", "Did you mean 'label'"),
        ("simclr", "images", "temprature", "Did you mean 'temperature'"),
        ("simclr", "images", "projector", "as in projector.NAME=VALUE"),
        ("simclr", "images", "encodr.width", "Did you mean 'encoder'"),
        ("autoencoder", "images", "augment.flip", "without views"),
        ("dgi", "graph", "augment.flip", "with images or recordings"),
        ("dgi", "graph", "optimizer.cycles", "--schedule cosine only"),
        ("dgi", "graph", "data.fan_out", "Did you mean 'fan_outs'"),
        ("dgi", "graph", "data.window", "Unknown data setting"),
        ("dgi", "graphs", "data.fan_outs", "one graph, .* data.fan_outs with tu:two"),
        ("dgi", "graphs", "data.pool", "Unknown data.pool 1"),
    ],
)
def test_settings_that_nothing_reads(sets, method, kind, setting, message):
    with pytest.raises(ValueError, match=message):
        config = TrainConfig.for_method(
            method, data=sets[kind], out="run", batch_size=4, settings={setting: 1}
        )
        job = make_job(config)
        build_model(config, job)
        make_optimizer(config, 1)


def test_options_of_keras_applications():
    with pytest.raises(ValueError, match="Did you mean 'alpha'"):
        encoders.build("keras:MobileNetV2", (32, 32, 3), alfa=1.0)


def test_graphs_are_the_mean_of_their_nodes_or_the_sum(sets):
    def job(kind, **settings):
        config = TrainConfig.for_method(
            "infograph", data=sets[kind], out="run", settings=settings
        )
        return make_job(config)

    def same(inputs, training):
        return tf.constant(inputs["features"])

    for pool, pair in (("mean", [0.5, 0.5]), ("sum", [1.0, 1.0])):
        found = job("graphs", **{"data.pool": pool}).embed(same)
        np.testing.assert_array_equal(found, [pair, [0.0, 1.0]])
    np.testing.assert_array_equal(job("graphs").embed(same)[0], [0.5, 0.5])
    with pytest.raises(ValueError, match=r"data.pool with a set.*data.pool with edges"):
        job("graph", **{"data.pool": "sum"})


def test_an_image_size_is_of_images(sets):
    config = TrainConfig.for_method("dgi", data=sets["graph"], out="r", image_size=8)
    with pytest.raises(ValueError, match="--image-size with images only"):
        make_job(config)


@pytest.mark.parametrize("spec", ["/nowhere/photos", "./photos", "photos.npz"])
def test_a_path_that_does_not_exist(spec):
    with pytest.raises(ValueError, match="Found no file or folder /"):
        data.load(data_string(spec))


def test_a_word_that_is_neither_kind_nor_folder():
    with pytest.raises(ValueError, match="Nor is there a file or folder .*/photos"):
        data.load("photos")
    with pytest.raises(ValueError, match="Unknown kind of data 'foldr'. Did you mean"):
        data.load("foldr:/photos")


def test_labels_that_a_method_needs(sets):
    job = make_job(
        TrainConfig.for_method("supcon", data=sets["images"], out="run", batch_size=4)
    )
    with pytest.raises(ValueError, match="supcon learns from labels.*has none"):
        job.batches()
