# SPDX-License-Identifier: Apache-2.0
"""No pipeline is tuned while it runs: at its end that may have to be waited for."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data

IMAGES = np.zeros((8, 8, 8, 3), np.uint8)
VIEWS = augment.SimCLRImages(size=8)
PNG = tf.io.encode_png(IMAGES[0]).numpy()
ENCODED = data.EncodedImages("some", (PNG,) * 8, np.full((8, 2), 8))
NODES, LOOPS = np.eye(2, dtype="float32"), np.array([[0, 0], [1, 1]])
GRAPH = data.GraphData("one", NODES, LOOPS)
GRAPHS = data.GraphData("two", NODES, LOOPS, graph_ids=np.array([0, 1]))
SERIES = data.SequenceData("some", tuple(np.zeros((8, 16, 3), np.float32)))

PIPELINES = {
    "views": lambda: data.two_views(IMAGES, VIEWS, 4),
    "views, none ahead": lambda: data.two_views(IMAGES, VIEWS, 4, prefetch=False),
    "views of a dataset": lambda: data.two_views(
        tf.data.Dataset.from_tensor_slices(IMAGES), VIEWS, 4
    ),
    "encoded views": lambda: data.two_views(ENCODED, VIEWS, 4, repeat=True),
    "one view": lambda: data.one_view(IMAGES, 4),
    "images in order": lambda: data.batches(IMAGES, 4),
    "windows": lambda: data.windows(SERIES, 8, 4),
    "a graph": lambda: data.whole_graph(GRAPH),
    "graphs": lambda: data.graph_batches(GRAPHS, 2),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_it_is_not_tuned(name):
    assert PIPELINES[name]().options().autotune.enabled is False
