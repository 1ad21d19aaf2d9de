# SPDX-License-Identifier: Apache-2.0
"""`embed` and `neighbors` on real files, with encoders whose features are known."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cl_keras import runs
from cl_keras.data.spec import data_string
from cl_keras.runs import features as feature_files

parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The mean of each channel of a quarter of the image: features to check by hand."""
    path = tmp_path_factory.mktemp("encoder") / "means.keras"
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.AveragePooling2D(4)(inputs)
    keras.Model(inputs, keras.layers.Flatten()(pooled)).save(path)
    return path


def paint(path, color, size=8):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((size, size, 3), np.uint8)
    image[:] = color
    image[: size // 2] //= 2
    Image.fromarray(image).save(path)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for index in range(4):
        paint(folder / "red" / f"{index}.png", (250 - index, index, 0))
        paint(folder / "blue" / "deep" / f"{index}.png", (0, 3 * index, 250))
    (folder / "red" / "broken.png").write_bytes(b"no image")
    return folder


def means(path):
    image = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    return image.reshape(2, 4, 2, 4, 3).mean((1, 3)).ravel()


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_a_folder_with_ids_labels_and_skips(encoder, photos, tmp_path, suffix):
    out = tmp_path / "deep" / f"features.{suffix}"
    with pytest.warns(UserWarning, match="Skipped 1 of 9"):
        result = runs.embed(str(encoder), str(photos), out=str(out))
    assert (result["rows"], result["dimensions"]) == (8, 12)
    assert result["skipped_files"] == 1 and "broken.png (" in result["skipped"][0]
    assert [p.name for p in out.parent.iterdir()] == [out.name]  # Nothing left over.
    found = feature_files.read_features(out)
    assert found.ids.tolist() == [
        *(f"blue/deep/{i}.png" for i in range(4)),
        *(f"red/{i}.png" for i in range(4)),
    ]
    for row, name in enumerate(found.ids):
        np.testing.assert_allclose(found.features[row], means(photos / name), atol=1e-5)
        assert found.label_text(row) == name.partition("/")[0]
    assert found.facts["data"] == f"folder:{photos}"


def test_the_files_open_with_plain_numpy_and_pyarrow(encoder, photos, tmp_path):
    (photos / "red" / "broken.png").unlink()
    runs.embed(str(encoder), str(photos), out=str(tmp_path / "a.npz"))
    runs.embed(str(encoder), str(photos), out=str(tmp_path / "a.parquet"))
    plain = np.load(tmp_path / "a.npz", allow_pickle=False)
    assert {"features", "ids", "label", "class_names"} <= set(plain.files)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table["class"].to_pylist() == ["blue"] * 4 + ["red"] * 4
    np.testing.assert_array_equal(
        np.stack(table["features"].to_numpy()), plain["features"]
    )


def test_a_folder_that_is_split_is_embedded_whole(encoder, tmp_path):
    for part, count in (("train", 3), ("val", 2)):
        for name in ("a", "b"):
            for index in range(count):
                paint(tmp_path / "set" / part / name / f"{index}.png", (9, 90, 200))
    runs.embed(str(encoder), str(tmp_path / "set"), out=str(tmp_path / "f.npz"))
    found = feature_files.read_features(tmp_path / "f.npz")
    assert found.parts.tolist() == ["train"] * 6 + ["test"] * 4
    assert found.ids[0] == "train/a/0.png" and found.ids[-1] == "val/b/1.png"
    assert all((tmp_path / "set" / name).is_file() for name in found.ids)


def test_parts_with_other_classes_share_one_numbering(encoder, tmp_path):
    for part, names in (("train", "bd"), ("test", "ab")):
        for name in names:
            paint(tmp_path / "set" / part / name / "x.png", (9, 90, 200))
    runs.embed(str(encoder), str(tmp_path / "set"), out=str(tmp_path / "f.npz"))
    found = feature_files.read_features(tmp_path / "f.npz")
    assert found.class_names["label"] == ("a", "b", "d")
    assert [found.label_text(row) for row in range(4)] == ["b", "d", "a", "b"]


def test_npz_and_tfrecord_by_plain_path(encoder, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "x.npz", images=images, labels=["a", "b", "a", "b", "c"])
    with tf.io.TFRecordWriter(str(tmp_path / "x.tfrecord")) as writer:
        for image in images:
            png = tf.io.encode_png(image).numpy()
            feature = {
                "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[png]))
            }
            example = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(example.SerializeToString())
    found = []
    for name in ("x.npz", "x.tfrecord"):
        runs.embed(str(encoder), str(tmp_path / name), out=str(tmp_path / "f.npz"))
        found.append(feature_files.read_features(tmp_path / "f.npz"))
    np.testing.assert_array_equal(found[0].features, found[1].features)
    assert found[0].ids.tolist() == list("01234")
    assert found[0].label_text(4) == "c" and found[1].labels == {}
    assert data_string(str(tmp_path)) == f"tfrecord:{tmp_path}"
    paint(tmp_path / "x.png", (1, 2, 3))
    assert data_string(str(tmp_path)) == f"folder:{tmp_path}"
    assert data_string(f"npz:{tmp_path}/x.npz") == f"npz:{tmp_path}/x.npz"


def test_a_graph_is_nothing_for_an_encoder_of_images(encoder, real_data, monkeypatch):
    monkeypatch.setenv("CL_KERAS_DATA", str(real_data))
    with pytest.raises(ValueError, match="is graph data"):
        runs.embed(str(encoder), "planetoid:cora", out="f.npz")


def test_neighbors_agree_with_numpy_from_data_and_from_features(
    encoder, photos, tmp_path
):
    (photos / "red" / "broken.png").unlink()
    paint(tmp_path / "query.jpg", (240, 10, 10), size=16)
    out = str(tmp_path / "f.npz")
    runs.embed(str(encoder), str(photos), out=out)
    query = [str(tmp_path / "query.jpg")]
    grids = [tmp_path / "a.png", tmp_path / "b.png"]
    a = runs.neighbors(str(encoder), query, source=str(photos), k=3, out=str(grids[0]))
    b = runs.neighbors(str(encoder), query, features=out, k=3, out=str(grids[1]))
    assert a["queries"] == b["queries"] and a["searched"] == 8
    near = a["queries"][0]["neighbors"]
    assert [n["label"] for n in near] == ["red"] * 3

    decoded = tf.io.decode_jpeg(tf.io.read_file(query[0])).numpy()
    small = decoded.reshape(8, 2, 8, 2, 3).mean((1, 3)) / 255
    q = small.reshape(2, 4, 2, 4, 3).mean((1, 3)).ravel()
    bank = {str(p.relative_to(photos)): means(p) for p in photos.rglob("*.png")}
    cosine = {
        name: x @ q / np.linalg.norm(x) / np.linalg.norm(q) for name, x in bank.items()
    }
    for found in near:
        assert found["similarity"] == pytest.approx(cosine[found["id"]], abs=1e-3)
    pixels = [np.asarray(Image.open(grid)) for grid in grids]
    np.testing.assert_array_equal(pixels[0], pixels[1])
    assert pixels[0].std() > 10


def test_a_query_folder_and_its_own_images(encoder, photos):
    (photos / "red" / "broken.png").unlink()
    result = runs.neighbors(
        str(encoder), [str(photos / "red")], source=str(photos), k=20
    )
    assert len(result["queries"]) == 4
    for found in result["queries"]:
        ids = [near["id"] for near in found["neighbors"]]
        assert len(ids) == 7 and not any(found["query"].endswith(x) for x in ids)


@pytest.mark.slow
def test_features_of_another_encoder_are_refused(encoder, photos, tmp_path):
    (photos / "red" / "broken.png").unlink()
    out = str(tmp_path / "f.npz")
    runs.embed(str(encoder), str(photos), out=out)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(4)(inputs))
    keras.Model(inputs, -x[:, ::-1]).save(tmp_path / "other.keras")
    keras.Model(inputs, x[:, :5]).save(tmp_path / "smaller.keras")
    query = [str(photos / "red" / "0.png")]
    with pytest.raises(ValueError, match="another encoder"):
        runs.neighbors(str(tmp_path / "other.keras"), query, features=out)
    with pytest.raises(ValueError, match="5 features, and .* holds 12"):
        runs.neighbors(str(tmp_path / "smaller.keras"), query, features=out)


@pytest.mark.filterwarnings("ignore:Skipped")
def test_errors_come_before_the_work(encoder, photos, tmp_path):
    target, query = str(encoder), [str(photos / "red" / "0.png")]
    with pytest.raises(ValueError, match=r"ends in .npz or .parquet"):
        runs.embed(target, str(photos), out="features.csv")
    with pytest.raises(ValueError, match="data or features"):
        runs.neighbors(target, query)
    with pytest.raises(ValueError, match="k=0"):
        runs.neighbors(target, query, source="digits", k=0)
    with pytest.raises(ValueError, match="No|no query file"):
        runs.neighbors(target, ["missing.png"], source="digits")
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(ValueError, match="bad.png: an empty file"):
        runs.neighbors(target, [str(tmp_path / "bad.png")], source=str(photos))
    (tmp_path / "f.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="cl-keras embed"):
        runs.neighbors(target, query, features=str(tmp_path / "f.npz"))


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f.npz"
    rows = feature_files.Features(np.ones((2, 3), np.float32), np.array(["a", "b"]))
    feature_files.write_features(path, rows)
    before = path.read_bytes()

    def fails(draft, found):
        draft.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(feature_files, "_write_npz", fails)
    with pytest.raises(OSError, match="disk full"):
        feature_files.write_features(path, rows)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["f.npz"]
