# SPDX-License-Identifier: Apache-2.0
"""A SavedModel in Triton Inference Server, asked by KServe's protocol, version 2."""

import numpy as np
import tensorflow as tf
from exchange import Asked, free_port
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig
from tritonclient import grpc, http

EMBEDDING = Tensor(name="embedding", dtype=np.float32, shape=(5,))
# In batches Triton has no tensors of rank 1: strings and flags come as columns.
VALID = Tensor(name="valid", dtype=np.bool_, shape=(1,))
IMAGES = Tensor(name="images", dtype=np.float32, shape=(8, 8, 3))
FILES = Tensor(name="image_bytes", dtype=bytes, shape=(1,))
MODELS = {
    "serving_default": (IMAGES, "FP32", [EMBEDDING]),
    "image_bytes": (FILES, "BYTES", [EMBEDDING, VALID]),
}


def serve(triton, name, signature):
    given, _, outputs = MODELS[name]

    @batch
    def infer(**inputs):
        rows = inputs[given.name]
        rows = tf.constant(rows[:, 0] if given is FILES else rows)
        answer = signature(**{given.name: rows})
        return {o.name: answer[o.name].numpy().reshape(-1, *o.shape) for o in outputs}

    config = ModelConfig(max_batch_size=64)
    triton.bind(name, infer, inputs=[given], outputs=outputs, config=config)


def asking(library, client, name):
    given, dtype, outputs = MODELS[name]

    def ask(rows):
        rows = rows.reshape(-1, *given.shape)
        sent = library.InferInput(given.name, rows.shape, dtype)
        sent.set_data_from_numpy(rows)
        answer = client.infer(name, [sent])
        arrays = {o.name: answer.as_numpy(o.name) for o in outputs}
        return {k: a[:, 0] if k == "valid" else a for k, a in arrays.items()}

    return ask


def main():
    asked = Asked()
    signatures = tf.saved_model.load(asked.model).signatures
    kinds = ("http", "grpc", "metrics")
    ports = {f"{kind}_port": free_port() for kind in kinds}
    url = "127.0.0.1:{}".format
    with (
        Triton(config=TritonConfig(**ports)) as triton,
        http.InferenceServerClient(url(ports["http_port"])) as over_http,
        grpc.InferenceServerClient(url(ports["grpc_port"])) as over_grpc,
    ):
        for name in MODELS:
            serve(triton, name, signatures[name])
        triton.run()
        version = over_http.get_server_metadata()["version"]
        asked.answer(
            asking(http, over_http, "serving_default"),
            asking(grpc, over_grpc, "image_bytes"),
            version=f"Triton {version}, TensorFlow {tf.__version__}",
        )


if __name__ == "__main__":
    main()
