# SPDX-License-Identifier: Apache-2.0
"""Intel's client of model servers, over gRPC and REST, with the server of the tests."""

from importlib.metadata import version

import numpy as np
import ovmsclient
from exchange import Asked


def main():
    asked = Asked()
    over_grpc, over_rest = (address.partition("//")[2] for address in asked.server)
    clients = [
        ovmsclient.make_grpc_client(over_grpc),
        ovmsclient.make_http_client(over_rest),
    ]
    name, number = asked.model.parts[-2:]
    # Its own default, version 0, is the newest to OpenVINO Model Server alone.
    model = {"model_name": name, "model_version": int(number)}

    def ask(images):
        first, second = (one.predict({"images": images}, **model) for one in clients)
        np.testing.assert_allclose(first, second, atol=1e-6)
        return {"embedding": first}

    asked.answer(
        ask,
        None,  # It names no signature: `serving_default` is all that it reaches.
        version=f"ovmsclient {version('ovmsclient')}",
        status=[one.get_model_status(**model) for one in clients],
        metadata=[one.get_model_metadata(**model) for one in clients],
    )


if __name__ == "__main__":
    main()
