# SPDX-License-Identifier: Apache-2.0
"""Labels as people have them."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.evaluate import knn, scores
from cl_keras.labels import as_labels

WANTED = [0, 2, 1, 0]
NAMES = np.array(["cat", "eel", "dog", "cat"])
FORMS = {
    "list": WANTED,
    "int32": np.array(WANTED, np.int32),
    "column": np.array(WANTED, np.uint8)[:, None],
    "floats": np.array(WANTED, np.float32),
    "one_hot": np.eye(3)[WANTED],
    "one_hot_bool": np.eye(3, dtype=bool)[WANTED],
    "objects": np.array(WANTED, object),
    "tensor": tf.constant(WANTED),
    "strings": NAMES,
    "bytes": NAMES.astype("S"),
    "string_objects": NAMES.astype(object),
    "string_column": NAMES[:, None],
    "string_list": NAMES.tolist(),
    "string_tensor": tf.constant(NAMES),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_mean_the_same(form, tmp_path):
    labels = FORMS[form]
    names = ("cat", "dog", "eel") if "string" in form or form == "bytes" else None
    images = np.zeros((4, 4, 4, 3), np.uint8)
    made = [
        data.ImageData("i", images, labels),
        SequenceData("s", (np.zeros(9, np.float32),) * 4, labels),
        GraphData("g", np.eye(4, dtype="f4"), np.zeros((0, 2), int), labels),
    ]
    array = np.asarray(labels)
    if array.dtype != object:
        np.savez(tmp_path / "x.npz", images=images, labels=array)
        made.append(data.load(f"npz:{tmp_path / 'x.npz'}"))
    for found in made:
        assert found.labels.dtype == np.int64 and found.labels.tolist() == WANTED
        assert found.class_names == names
    views = data.two_views(
        images, lambda x, seed: (x, x), 4, labels=labels, shuffle=False
    )
    assert next(iter(views))[1].numpy().tolist() == WANTED


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, np.nan, 2], "NaN or infinite, the first at 2"),
        ([0, 1, None, 2], "1 of 4 missing, the first at 2"),
        ([0, 1, 0.5, 2], "whole numbers. Received: 0.5 at 2"),
        (np.eye(3)[WANTED] + np.eye(3)[[0, 0, 1, 1]], "one-hot.*row 0"),
        (np.array([[1, 0], [0, 1], [1, 1], [1, 0]]), "2 values other than 0 in row 2"),
        (np.full((4, 3), 1 / 3), "whole numbers"),
        ([0, 1], r"one label an image, shape \(4,\). Received: shape \(2,\)"),
        ([[0], [1, 2], [0], [1]], "lists of different lengths"),
        (["cat", 1, "dog", 2], "one kind"),
        (np.zeros((4, 2, 2)), r"\(4, 2, 2\)"),
        (np.zeros(4, complex), "complex128"),
    ],
)
def test_what_is_no_label_is_named(labels, message):
    if isinstance(labels, list) and "cat" in labels:
        labels = np.array(labels, object)
    with pytest.raises(ValueError, match=message):
        data.ImageData("i", np.zeros((4, 4, 4, 3), np.uint8), labels)


def test_strings_follow_the_class_names():
    assert as_labels(["b", "a"], 2, names=("z", "b", "a"))[0].tolist() == [1, 2]
    with pytest.raises(ValueError, match="Did you mean 'cat'"):
        as_labels(["cats"], 1, names=("cat", "dog"))


def test_kinds_of_labels_keep_their_names():
    waves = (np.zeros(9, np.float32),) * 2
    both = SequenceData("s", waves, {"who": ["b", "a"], "digit": [7, 8]})
    assert both.labelled("who").class_names == ("a", "b")
    assert both.take([1]).labelled("digit").labels.tolist() == [8]


def test_parts_of_a_file_share_the_numbers(tmp_path):
    images = np.zeros((3, 4, 4, 3), np.uint8)
    np.savez(
        tmp_path / "x.npz",
        x_train=images,
        y_train=np.array(["a", "b", "c"]),
        x_test=images[:2],
        y_test=np.array(["c", "a"]),
    )
    train, test = data.load_splits(f"npz:{tmp_path / 'x.npz'}")
    assert train.class_names == test.class_names == ("a", "b", "c")
    assert test.labels.tolist() == [2, 0]


def test_scores_go_by_the_names(means):
    values = np.repeat(np.uint8([0, 120, 250]), 8).reshape(-1, 1, 1, 1)
    train = data.ImageData("a", values, np.repeat(["a", "b", "c"], 8))
    test = data.ImageData("b", values[8:], np.repeat(["b", "c"], 8))
    assert scores(means, train, test, k=1)["linear_accuracy"] == 1.0


@pytest.fixture
def means():
    import keras

    return keras.Sequential(
        [keras.Input((1, 1, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    )


def test_measures_take_numbers_and_refuse_names():
    x = np.eye(3)
    assert knn(x, np.eye(3), x, [[0.0], [1.0], [2.0]], k=1) == 1.0
    with pytest.raises(ValueError, match=r"numpy.unique.*'a'"):
        knn(x, ["a", "b", "c"], x, ["a", "b", "c"], k=1)
