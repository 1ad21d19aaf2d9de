# SPDX-License-Identifier: Apache-2.0
"""PYTHONPATH=tests/serving python -m prediction_server BASE [--name NAME]

Prints its addresses as a line of JSON, and serves until its standard input ends.
"""

import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A server has neither.
for absent in ("keras", "cl_keras"):
    sys.modules[absent] = None

from prediction_server import grpc_api, rest_api
from prediction_server.models import Models


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("--name")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rest-port", type=int, default=0)
    args = parser.parse_args()
    models = Models(args.base, args.name)
    rpc, port = grpc_api.serve(models, args.port)
    rest, rest_port = rest_api.serve(models, args.rest_port)
    address = {
        "grpc": f"grpc://127.0.0.1:{port}",
        "rest": f"http://127.0.0.1:{rest_port}",
    }
    print(json.dumps({**address, "pid": os.getpid()}), flush=True)
    sys.stdin.read()
    rpc.stop(1).wait()
    rest.shutdown()


if __name__ == "__main__":
    main()
