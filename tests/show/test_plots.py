# SPDX-License-Identifier: Apache-2.0
import importlib
import io
import itertools
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cl_keras import evaluate
from cl_keras.evaluate.projection import project
from cl_keras.show import image_plots, plots

RNG = np.random.default_rng(0)
FEATURES = np.concatenate([RNG.normal(4, 1, (20, 5)), RNG.normal(-4, 1, (20, 5))])
LABELS = np.repeat([0, 1], 20)
IMAGES = RNG.integers(0, 256, (40, 4, 4, 3)).astype(np.uint8)


def save(figure, tmp_path):
    assert isinstance(figure, Figure)
    path = tmp_path / "figure.png"
    figure.savefig(path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["plots", "image_plots", "score_plots"])
def test_plots_are_reached_as_parts_of_evaluate(name):
    reached = getattr(evaluate, name)
    assert reached is importlib.import_module(f"cl_keras.evaluate.{name}")
    drawn = importlib.import_module(f"cl_keras.show.{name}")
    assert all(getattr(reached, x) is getattr(drawn, x) for x in reached.__all__)


def test_loss_curve_has_a_panel_for_each_metric(tmp_path):
    history = [
        {"epoch": 1, "loss": 3.0, "val_loss": 3.1, "rank_me": 4.0, "note": "x"},
        {"epoch": 2, "loss": 2.0, "val_loss": 2.2, "rank_me": None},
    ]
    figure = plots.loss_curve(history)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "rank me"]
    training, validation = figure.axes[0].lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 3], [2, 2]])
    np.testing.assert_array_equal(validation.get_ydata(), [3.1, 2.2])
    save(figure, tmp_path)
    with pytest.raises(ValueError, match="0 epochs"):
        plots.loss_curve([])


def test_pca_is_the_projection_of_largest_variance():
    points = project(FEATURES, "pca")
    centred = FEATURES - FEATURES.mean(axis=0)
    singular = np.linalg.svd(centred, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(points, axis=0), singular[:2], rtol=1e-4)
    assert project(FEATURES[:, :1]).shape == (40, 2)


def test_tsne_keeps_groups_together_and_repeats():
    points = project(FEATURES, "tsne", seed=3)
    centres = np.stack([points[LABELS == label].mean(axis=0) for label in (0, 1)])
    nearer = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearer, LABELS)
    np.testing.assert_array_equal(points, project(FEATURES, "tsne", seed=3))


def test_projection_errors():
    with pytest.raises(ValueError, match="Did you mean 'tsne'"):
        project(FEATURES, "tsn")
    with pytest.raises(ValueError, match=r"\(2, 5\)"):
        project(FEATURES[:2])


def test_embedding_map_names_classes(tmp_path):
    figure, points = plots.embedding_map(FEATURES, LABELS, ["cat", "dog"])
    assert points.shape == (40, 2)
    assert [text.get_text() for text in figure.legends[0].texts] == ["cat", "dog"]
    save(figure, tmp_path)


@pytest.mark.parametrize("labels", [None, np.arange(40)])
def test_embedding_map_without_legend(labels, tmp_path):
    figure, _ = plots.embedding_map(FEATURES, labels)
    assert not figure.legends
    save(figure, tmp_path)


def test_neighbor_grid_borders_tell_right_from_wrong(tmp_path):
    features = np.array([[1, 0.0], [1, 0.1], [1, 0.2], [0, 1]])
    figure = image_plots.neighbor_grid(
        IMAGES[:4], features, np.array([0, 0, 1, 1]), [0], k=3, class_names=["a", "b"]
    )
    colors = [to_hex(axes.spines["left"].get_edgecolor()) for axes in figure.axes[1:]]
    assert colors == [image_plots._RIGHT, image_plots._WRONG, image_plots._WRONG]
    assert figure.axes[0].get_xlabel() == "a"
    np.testing.assert_array_equal(
        figure.axes[1].images[0].get_array() * 255, IMAGES[1].astype(float)
    )
    save(figure, tmp_path)


def test_names_below_neighbors_keep_apart():
    names = ["common evening primrose", "a"]
    tiles = np.zeros((1, 8, 4, 4, 3), np.uint8)
    labels = np.array([[0] * 7 + [1]])
    figure = image_plots.found_grid(
        tiles[:, 0], tiles, np.ones((1, 8)), neighbor_labels=labels, class_names=names
    )
    save_to = io.BytesIO()
    figure.savefig(save_to)
    below = [axes.xaxis.label for axes in figure.axes[1:]]
    assert {text.get_text().split("\n")[0] for text in below} == {"common eveni…", "a"}
    boxes = [text.get_window_extent() for text in below]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_neighbors_leave_the_query_out_even_among_duplicates():
    features = np.ones((6, 2))
    indices, _ = image_plots.neighbors_of(features, np.array([5, 0]), 3)
    assert indices.shape == (2, 3)
    assert 5 not in indices[0] and 0 not in indices[1]


def test_view_grid(tmp_path):
    figure = image_plots.view_grid(IMAGES[:3] / 255.0, IMAGES[3:6] / 255.0, IMAGES[:3])
    assert len(figure.axes) == 9
    save(figure, tmp_path)
    with pytest.raises(ValueError, match="same images"):
        image_plots.view_grid(IMAGES[:3], IMAGES[:2])


def test_similarity_histogram_shows_every_pair(tmp_path):
    figure = plots.similarity_histogram(np.array([1.0000001, 0.9]), np.full(4, -1.0))
    shares = [patch.get_data().values.sum() for patch in figure.axes[0].patches]
    np.testing.assert_allclose(shares, [1, 1])
    save(figure, tmp_path)


def test_confusion_counts(tmp_path):
    figure, counts = plots.confusion([3, 3, 5, 5], [3, 5, 5, 9], ["n"] * 9)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 1], [0, 0, 0]])
    assert [text.get_text() for text in figure.axes[0].texts] == ["50"] * 4
    save(figure, tmp_path)
    with pytest.raises(ValueError, match="predicted"):
        plots.confusion([0, 1], [0])


@pytest.mark.slow
def test_the_package_itself_imports_neither_scikit_learn_nor_matplotlib():
    # Keras imports some of them on its own where they are installed.
    script = """
import sys, keras
before = set(sys.modules)
import cl_keras.evaluate, cl_keras.runs.report
heavy = ("sklearn.", "matplotlib.", "umap.", "scipy.")
print([m for m in set(sys.modules) - before if m.startswith(heavy)])
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
