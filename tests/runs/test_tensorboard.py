# SPDX-License-Identifier: Apache-2.0
import glob

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)

from cl_keras.runs.embedding_projector import write_projector
from cl_keras.runs.tensorboard import TensorBoardScalars

RNG = np.random.default_rng(0)


def model():
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    made.compile(keras.optimizers.SGD(0.01), "mse")
    return made


def scalars(folder):
    """What the event files hold, read record by record."""
    found = {}
    for path in sorted(glob.glob(f"{folder}/events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(path):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                number = float(tf.make_ndarray(value.tensor))
                found.setdefault(value.tag, {})[event.step] = number
    return found


def test_scalars_are_those_of_the_history(tmp_path):
    x, y = np.ones((8, 2), np.float32), np.zeros((8, 1), np.float32)
    log, made = TensorBoardScalars(tmp_path / "logs"), model()
    options = {"verbose": 0, "callbacks": [log], "validation_data": (x, y)}
    history = made.fit(x, y, epochs=2, **options)
    made.fit(x, y, epochs=3, initial_epoch=2, **options)  # Goes on in the same file.
    found = scalars(tmp_path / "logs")
    assert set(found) == {"loss", "validation/loss", "learning_rate"}
    assert list(found["loss"]) == [1, 2, 3]
    for step, loss in enumerate(history.history["loss"], start=1):
        assert found["loss"][step] == pytest.approx(loss)
    assert found["learning_rate"][3] == pytest.approx(0.01)


def projector_config(text):
    """Parses with TensorBoard's own message, or one made after its definition."""
    try:
        from tensorboard.plugins.projector import projector_config_pb2

        return text_format.Parse(text, projector_config_pb2.ProjectorConfig())
    except ImportError:
        pass
    file = descriptor_pb2.FileDescriptorProto(name="p.proto", syntax="proto3")
    kinds = {"string": 9, "uint32": 13, "message": 11}
    for name, fields in {
        "Sprite": [
            ("image_path", 1, "string", 1),
            ("single_image_dim", 2, "uint32", 3),
        ],
        "Embedding": [
            ("tensor_name", 1, "string", 1),
            ("metadata_path", 2, "string", 1),
            ("bookmarks_path", 3, "string", 1),
            ("tensor_shape", 4, "uint32", 3),
            ("sprite", 5, "Sprite", 1),
            ("tensor_path", 6, "string", 1),
        ],
        "Config": [
            ("model_checkpoint_path", 1, "string", 1),
            ("embeddings", 2, "Embedding", 3),
        ],
    }.items():
        message = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            made = message.field.add(name=field, number=number, label=label)
            made.type = kinds.get(kind, kinds["message"])
            if kind not in kinds:
                made.type_name = f".{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("Config"))
    return text_format.Parse(text, kind())


def test_projector_files(tmp_path):
    features = RNG.normal(size=(7, 3)).astype(np.float32)
    images = RNG.integers(0, 256, (7, 4, 6, 3)).astype(np.uint8)
    metadata = {"class": ["a\tb", "", *"cdefg"], "number": range(7)}
    path = write_projector(
        tmp_path / "logs", features, metadata, images, name='my "é" embedding'
    )
    assert path == tmp_path / "logs" / "projector_config.pbtxt"
    (embedding,) = projector_config(path.read_text()).embeddings
    assert embedding.tensor_name == 'my "é" embedding'
    assert list(embedding.tensor_shape) == [7, 3]
    assert list(embedding.sprite.single_image_dim) == [6, 4]  # Width, then height.

    read = np.loadtxt(path.parent / embedding.tensor_path, delimiter="\t")
    np.testing.assert_allclose(read, features, rtol=1e-6)
    lines = (path.parent / embedding.metadata_path).read_text().splitlines()
    assert lines[:3] == ["class\tnumber", "a b\t0", "-\t1"] and len(lines) == 8

    png = (path.parent / embedding.sprite.image_path).read_bytes()
    sheet = tf.io.decode_png(png).numpy()
    assert sheet.shape == (3 * 4, 3 * 6, 3)
    for number, image in enumerate(images):
        row, column = divmod(number, sheet.shape[1] // 6)
        tile = sheet[4 * row : 4 * row + 4, 6 * column : 6 * column + 6]
        np.testing.assert_array_equal(tile, image)
    assert not sheet[8:, 6:].any()


def test_projector_with_features_alone_and_one_column(tmp_path):
    path = write_projector(tmp_path, np.eye(2))
    (embedding,) = projector_config(path.read_text()).embeddings
    assert not embedding.metadata_path and not embedding.HasField("sprite")
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name, "tensors.tsv"]
    write_projector(tmp_path, np.eye(2), {"class": ["x", "y"]})
    # One column has no header: TensorBoard would take it for the first label.
    assert (tmp_path / "metadata.tsv").read_text() == "x\ny\n"


def test_a_sheet_stays_within_a_texture(tmp_path):
    images = np.zeros((300 * 300, 1, 1, 1), np.uint8)
    write_projector(tmp_path, np.zeros((90_000, 1)), images=images)
    grid = tf.io.decode_png((tmp_path / "sprite.png").read_bytes())
    assert max(grid.shape) <= 8192


@pytest.mark.parametrize(
    ("features", "options", "message"),
    [
        (np.eye(2), {"metadata": {"class": ["a"]}}, "1 of metadata 'class'"),
        (np.eye(2), {"images": np.zeros((3, 2, 2, 1))}, "3 of images"),
        (np.full((2, 2), np.nan), {}, "must be finite"),
        (np.empty((0, 2)), {}, "neither of them 0"),
    ],
)
def test_what_does_not_fit_is_named(features, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        write_projector(tmp_path / "logs", features, **options)
    assert not (tmp_path / "logs").exists()
