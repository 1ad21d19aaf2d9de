# SPDX-License-Identifier: Apache-2.0
"""Labels as people have them."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data, evaluate
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.evaluate import scores
from cl_keras.evaluate.confusion import confusion_counts
from cl_keras.evaluate.knn_choice import choose_knn
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


NUMBERS = np.repeat([0, 1, 2], 12)
X = np.random.default_rng(0).normal(size=(36, 4)).astype("f4") + np.eye(3, 4)[NUMBERS]
MEASURES = {
    "knn": lambda y: evaluate.knn(X, y, X + 0.5, y, k=3),
    "linear": lambda y: evaluate.linear_probe(X, y, X + 0.5, y),
    "few": lambda y: evaluate.few_label_probe(X, y, X, y, share=0.2).accuracies,
    "clustering": lambda y: evaluate.clustering(X, y).nmis,
    "retrieval": lambda y: evaluate.retrieval(X, y).mean_average_precision,
    "confusion": lambda y: confusion_counts(y, np.roll(y, 1))[1].tolist(),
    "choice": lambda y: choose_knn(X, y, 5),
}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["strings", "bytes", "list", "column", "floats"])
@pytest.mark.parametrize("measure", MEASURES)
def test_measures_take_labels_of_any_form(measure, form):
    names = np.array(["cat", "dog", "eel"])[NUMBERS]
    labels = {
        "strings": names, "bytes": names.astype("S"), "list": names.tolist(),
        "column": NUMBERS[:, None].astype(np.uint8), "floats": NUMBERS.astype("f4"),
    }[form]  # fmt: skip
    assert MEASURES[measure](labels) == MEASURES[measure](NUMBERS)


def test_predictions_are_labels_of_the_form_that_was_given():
    names = np.array(["cat", "dog", "eel"])[NUMBERS]
    found, _ = evaluate.knn_predict(X, names, X, k=1)
    assert found.tolist() == names.tolist()
    assert set(evaluate.linear_probe_predict(X, names, X)) <= set(names)
    for measure in (evaluate.knn, evaluate.linear_probe):
        with pytest.raises(ValueError, match="strings to train with and numbers to"):
            measure(X, names, X, NUMBERS)
    figure, _ = evaluate.plots.embedding_map(X, names)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["cat", "dog", "eel"]


def test_fine_tuning_takes_strings(means):
    values = np.repeat(np.float32([0.1, 0.5, 0.9]), 8).reshape(-1, 1, 1, 1)
    names = np.repeat(["a", "b", "c"], 8)
    numbers = np.repeat([0, 1, 2], 8)
    results = [
        evaluate.fine_tune(means, values, y, values, y, share=1.0, epochs=2)
        for y in (names, numbers)
    ]
    assert results[0].hits.tolist() == results[1].hits.tolist()
