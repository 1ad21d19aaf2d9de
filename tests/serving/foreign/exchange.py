# SPDX-License-Identifier: Apache-2.0
"""What a test asks of programs in environments of their own, and what they answer.

Both are files of JSON in one folder, `asked.json` and `answers.json`; the folder is all
that the command line of a program names. These environments have no cl_keras.
"""

import base64
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Asked:
    """What is in `asked.json`."""

    def __init__(self):
        self.folder = Path(sys.argv[1])
        content = json.loads((self.folder / "asked.json").read_text())
        self.model, self.server = Path(content["model"]), content.get("server")
        self.images = np.array(content["images"], np.float32)
        self.files = np.array([base64.b64decode(f) for f in content["files"]], object)
        self.sizes, self.requests = content["sizes"], content["requests"]

    def answer(self, of_images, of_files, **said):
        """Makes all requests by two functions, those of files from four threads."""

        def one(ask, rows):
            try:
                return {key: np.asarray(v).tolist() for key, v in ask(rows).items()}
            except Exception as error:
                return {"refused": f"{type(error).__name__}: {error}"[:500]}

        said["images"] = [one(of_images, self.images[:size]) for size in self.sizes]
        with ThreadPoolExecutor(4) as pool:
            parts = [self.files[rows] for rows in self.requests]
            said["files"] = list(pool.map(lambda rows: one(of_files, rows), parts))
        (self.folder / "answers.json").write_text(json.dumps(said))
