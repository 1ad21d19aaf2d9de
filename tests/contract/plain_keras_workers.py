# SPDX-License-Identifier: Apache-2.0
"""Plain Keras on one of two workers: prints, as JSON, what `fit` raises."""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from cl_keras import workers

team = workers.start(workers.Cluster.parse(sys.argv[1], int(sys.argv[2])))


class Built(keras.Sequential):
    """A model that Keras need not trace a batch for."""

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        self.optimizer.build(self.trainable_variables)


raised = {}
for name, kind in (("build", keras.Sequential), ("logs", Built)):
    with team.scope():
        model = kind([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
    try:
        model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=4, verbose=0)
        raised[name] = None
    except Exception as error:
        raised[name] = f"{type(error).__name__}: {error}"
print(json.dumps(raised), flush=True)
workers.leave(0)
