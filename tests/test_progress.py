# SPDX-License-Identifier: Apache-2.0
"""What takes long says how far it is; what does not says nothing."""

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from cl_keras import data, evaluate
from cl_keras.progress import Progress


def photos(folder):
    for row in range(3):
        png = tf.io.encode_png(np.full((8, 8, 3), row, np.uint8)).numpy()
        (folder / f"{row}.png").write_bytes(png)
    return lambda: data.load(f"folder:{folder}")


def recordings(folder):
    for row in range(3):
        soundfile.write(folder / f"{row}.wav", np.zeros(800, np.float32), 8000)
    return lambda: data.load(f"folder:{folder}")


def encoded(folder):
    mean = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]
    )
    return lambda: evaluate.embed(mean, np.zeros((3, 8, 8, 3), np.uint8))


def sequences(folder):
    mean = keras.Sequential(
        [keras.Input((None, 2)), keras.layers.GlobalAveragePooling1D()]
    )
    return lambda: evaluate.embed_sequences(mean, [np.zeros((4, 2))] * 3)


@pytest.mark.parametrize("long_work", [photos, recordings, encoded, sequences])
def test_a_sign_of_life(long_work, tmp_path, monkeypatch, capsys):
    work = long_work(tmp_path)
    work()
    assert "3 of 3" not in capsys.readouterr().err
    monkeypatch.setattr(Progress.__init__, "__defaults__", (0.0,))
    work()
    assert "3 of 3" in capsys.readouterr().err
