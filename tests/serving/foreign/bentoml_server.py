# SPDX-License-Identifier: Apache-2.0
"""A SavedModel in a service of BentoML, and its client."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import bentoml
import tensorflow as tf
from exchange import Asked, free_port


@bentoml.service(workers=1)
class Encoder:
    def __init__(self):
        self.signatures = tf.saved_model.load(os.environ["MODEL"]).signatures

    @bentoml.api
    def of_images(self, images: list) -> dict:
        rows = tf.reshape(tf.constant(images, tf.float32), (-1, 8, 8, 3))
        return self.answer("serving_default", images=rows)

    @bentoml.api
    def of_files(self, files: list[str]) -> dict:
        rows = tf.constant([base64.b64decode(file) for file in files], tf.string)
        return self.answer("image_bytes", image_bytes=rows)

    def answer(self, name, **rows):
        outputs = self.signatures[name](**rows)
        return {key: value.numpy().tolist() for key, value in outputs.items()}


def main():
    asked = Asked()
    command = [sys.executable, "-m", "bentoml", "serve", "bentoml_server:Encoder"]
    port = free_port()
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=Path(__file__).parent,
        env={**os.environ, "MODEL": str(asked.model), "BENTOML_DO_NOT_TRACK": "1"},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        with bentoml.SyncHTTPClient(url, server_ready_timeout=120) as client:
            asked.answer(
                lambda images: client.of_images(images=images.tolist()),
                lambda files: client.of_files(
                    files=[base64.b64encode(file).decode() for file in files]
                ),
                version=f"BentoML {bentoml.__version__}, TensorFlow {tf.__version__}",
            )
    finally:
        server.terminate()
        server.wait(60)


if __name__ == "__main__":
    main()
