# SPDX-License-Identifier: Apache-2.0
"""Image files of all sizes, and files that are none."""

import tensorflow as tf


def good_files(rng):
    """Images of all sizes: JPEG and PNG."""
    files = []
    for number in range(200):
        coarse = tf.image.resize(rng.random((4, 4, 3)), rng.integers(4, 80, 2))
        encode = tf.io.encode_png if number % 3 else tf.io.encode_jpeg
        files.append(encode(tf.cast(255 * coarse, tf.uint8)).numpy())
    return files


def bad_files(rng, good):
    """Files that are no images, each in its own way."""
    bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    bomb += (50_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00" + bytes(400)
    shares = zip(good, (0.02, 0.1, 0.3, 0.5, 0.6), strict=False)
    return [
        *(file[: int(len(file) * share)] for file, share in shares),
        *(rng.bytes(int(n)) for n in rng.integers(1, 5_000, 10)),
        *(file[:4] + rng.bytes(500) for file in good[:10]),
        *(bomb, b"", b"\x00", b"BM", b"GIF89a", b"a text\n" * 50),
    ]
