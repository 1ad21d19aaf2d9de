# SPDX-License-Identifier: Apache-2.0
"""Files for TensorBoard's embedding projector.

Keras's own writer (`TensorBoard(embeddings_freq=...)`) points the projector at a
checkpoint that Keras 3 never writes (keras #20210), and knows `Embedding` layers only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.evaluate.knn import features_array
from cl_keras.show.sprites import sprite_sheet, thumbnails

CONFIG_FILE = "projector_config.pbtxt"
# The projector loads the sheet as one texture: browsers take 8192 pixels a side.
_MOST_PIXELS = 8_192


def write_projector(
    folder: str | Path,
    features: np.ndarray,
    metadata: Mapping[str, Sequence[object]] | None = None,
    images: np.ndarray | None = None,
    *,
    name: str = "features",
    side: int = 32,
) -> Path:
    """Writes features so that `tensorboard --logdir FOLDER` shows them in space.

    Writes `tensors.tsv`, `metadata.tsv` and `sprite.png` (the latter two if there is
    something to put into them) and `projector_config.pbtxt`, which names them.

    The tensors are text: the projector tells its binary form apart only by the
    failure to read it as text, which some tensors pass.
    """
    array = features_array("features", features).astype(np.float32)
    columns = {key: list(values) for key, values in (metadata or {}).items()}
    lengths = {f"metadata {key!r}": len(values) for key, values in columns.items()}
    if images is not None:
        lengths["images"] = len(images)
    wrong = {key: count for key, count in lengths.items() if count != len(array)}
    if wrong:
        received = ", ".join(f"{count} of {key}" for key, count in wrong.items())
        raise ValueError(
            f"Expected one of each for each of the {len(array)} rows of features. "
            f"Received: {received}"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.savetxt(folder / "tensors.tsv", array, fmt="%.7g", delimiter="\t")
    lines = [
        f"tensor_name: {_quoted(name)}",
        *(f"tensor_shape: {size}" for size in array.shape),
        'tensor_path: "tensors.tsv"',
    ]
    if columns:
        _write_metadata(folder / "metadata.tsv", columns)
        lines.append('metadata_path: "metadata.tsv"')
    if images is not None:
        per_row = int(np.ceil(np.sqrt(len(array))))
        tiles = thumbnails(images, max(1, min(side, _MOST_PIXELS // per_row)))
        png = tf.io.encode_png(sprite_sheet(tiles)).numpy()
        (folder / "sprite.png").write_bytes(png)
        height, width = tiles.shape[1:3]
        lines += [
            "sprite {",
            '  image_path: "sprite.png"',
            f"  single_image_dim: {width}",
            f"  single_image_dim: {height}",
            "}",
        ]
    text = "".join(f"  {line}\n" for line in lines)
    path = folder / CONFIG_FILE
    path.write_text(f"embeddings {{\n{text}}}\n", encoding="utf-8")
    return path


def _write_metadata(path: Path, columns: Mapping[str, Sequence[object]]) -> None:
    # A single column has no header: the projector would take it for a value.
    header = [list(columns)] if len(columns) > 1 else []
    rows = [*header, *zip(*columns.values(), strict=True)]
    text = "".join("\t".join(map(_cell, row)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def _cell(value: object) -> str:
    # An empty line would be skipped, and all after it be shown at the wrong point.
    return " ".join(str(value).split()) or "-"


def _quoted(text: str) -> str:
    """A string as protocol buffers' text form takes it: JSON's is one of its forms."""
    return json.dumps(text, ensure_ascii=False)
