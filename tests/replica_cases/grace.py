import keras
from replica_cases.dgi import FEATURES, batches

from cl_keras import encoders, methods

__all__ = ["batches", "make"]


def make():
    encoder = encoders.gcn((FEATURES,), units=8)
    model = methods.GRACE(encoder, temperature=0.5, seed=1)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return model
