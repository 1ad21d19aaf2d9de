# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras.show import sprites
from cl_keras.show.graph_layout import neighbourhood

RNG = np.random.default_rng(0)


def test_thumbnails_are_means_of_blocks():
    images = RNG.integers(0, 256, (3, 8, 16, 3)).astype(np.uint8)
    small = sprites.thumbnails(images, side=8)
    blocks = images.reshape(3, 4, 2, 8, 2, 3).mean(axis=(2, 4))
    assert small.shape == (3, 4, 8, 3)
    assert np.abs(small.astype(float) - blocks).max() <= 0.51
    np.testing.assert_array_equal(sprites.thumbnails(images, 32), images)


def test_thumbnails_of_floats_and_of_five_channels_are_grey():
    images = np.full((2, 2, 2, 5), 0.5, np.float32)
    small = sprites.thumbnails(images)
    assert small.shape == (2, 2, 2, 1)
    assert set(np.unique(small)) == {128}


def test_a_sheet_holds_each_tile_in_its_place():
    tiles = RNG.integers(1, 256, (5, 2, 3, 1)).astype(np.uint8)
    sheet = sprites.sprite_sheet(tiles, columns=2)
    assert sheet.shape == (6, 6, 1)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, 2)
        part = sheet[2 * row : 2 * row + 2, 3 * column : 3 * column + 3]
        np.testing.assert_array_equal(part, tile)
    assert not sheet[4:, 3:].any()


def test_a_high_pitch_is_bright_at_the_top_and_a_low_one_at_the_bottom():
    time = np.arange(8000) / 8000
    waves = [np.sin(2 * np.pi * pitch * time) for pitch in (200, 3800)]
    low, high = sprites.spectrogram_images(waves).astype(int).sum(axis=(2, 3))
    assert low.argmax() >= 28 and high.argmax() <= 3
    later = np.where(time > 0.5, waves[0], 0.0)  # Silence, then a tone.
    columns = sprites.spectrogram_images([later])[0].astype(int).sum(axis=(0, 2))
    assert columns[:20].max() < columns[-20:].min()


def test_short_silent_and_vector_sequences_have_a_picture():
    for sequence in (np.ones(3), np.zeros(900), RNG.normal(size=(50, 12))):
        picture = sprites.spectrogram_images([sequence], (24, 30))
        assert picture.shape == (1, 24, 30, 3)


def test_neighbourhood_against_breadth_first_search_by_hand():
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [0, 5], [5, 1], [6, 7], [0, 0]])
    around = neighbourhood(edges, 0, hops=2)
    assert dict(zip(around.nodes.tolist(), around.hops.tolist(), strict=True)) == {
        0: 0, 1: 1, 5: 1, 2: 2,
    }  # fmt: skip
    ends = around.nodes[around.edges]
    assert {tuple(sorted(pair)) for pair in ends.tolist()} == {
        (0, 1), (0, 5), (1, 5), (1, 2),
    }  # fmt: skip
    radius = np.linalg.norm(around.positions, axis=1)
    np.testing.assert_allclose(radius, around.hops / 2)


def test_neighbourhood_of_a_star_is_cut_and_of_a_lone_node_is_itself():
    star = np.array([[0, leaf] for leaf in range(1, 100)])
    around = neighbourhood(star, 0, limit=20)
    assert len(around.nodes) == 20 and len(around.edges) == 19
    angles = np.sort(np.arctan2(*around.positions[1:].T[::-1]))
    np.testing.assert_allclose(np.diff(angles), 2 * np.pi / 19)
    alone = neighbourhood(star, 500)
    assert alone.nodes.tolist() == [500] and alone.edges.shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sprites.thumbnails(np.zeros((0, 2, 2, 1))), r"shape=\(0, 2, 2, 1\)"),
        (lambda: sprites.thumbnails(np.zeros((1, 2, 2, 1)), 0), "side=0"),
        (lambda: sprites.sprite_sheet(np.zeros((0, 2, 2, 1))), "at least one"),
        (lambda: sprites.spectrogram_images([]), "0 sequences"),
        (lambda: neighbourhood(np.zeros((3, 3), int), 0), r"shape=\(3, 3\)"),
        (lambda: neighbourhood(np.zeros((1, 2), int), 0, limit=0), "limit=0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
