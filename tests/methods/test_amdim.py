# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, methods

layers = keras.layers


def model(**options):
    keras.utils.set_random_seed(0)
    encoder = encoders.compact_resnet((16, 16, 3), width=2, blocks=1, stages=2)
    return methods.AMDIM(encoder, **options)


def numbers(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=shape).astype("float32")


def by_hand(queries, keys, clip, penalty):
    """One direction of one term, equations 3 to 6 word for word."""
    images, locations = keys.shape[:2]
    loss = np.zeros(images)
    for i in range(images):
        raw = keys @ queries[i]
        scores = clip * np.tanh(raw / clip)
        others = np.exp(np.delete(scores, i, axis=0)).sum()
        for location in range(locations):
            own = np.exp(scores[i, location])
            loss[i] -= np.log(own / (own + others)) / locations
        loss[i] += penalty * np.mean(raw**2)
    return loss


def test_terms_are_those_of_the_paper():
    outputs = {"embedding1": numbers(3, 4), "embedding2": numbers(3, 4, seed=1)}
    outputs |= {f"cell{n}": numbers(3, 4, seed=1 + n) for n in (1, 2)}
    outputs |= {f"coarse{n}": numbers(3, 5, 4, seed=3 + n) for n in (1, 2)}
    # Large ones, for the clip.
    outputs |= {f"fine{n}": numbers(3, 7, 4, seed=5 + n, scale=3.0) for n in (1, 2)}
    tensors = {name: tf.constant(value) for name, value in outputs.items()}
    found = model(clip=2.0, penalty=0.3).objective(tensors)
    for name, (source, target) in {
        "global_to_coarse": ("embedding", "coarse"),
        "global_to_fine": ("embedding", "fine"),
        "coarse_to_coarse": ("cell", "coarse"),
    }.items():
        ways = [
            by_hand(outputs[f"{source}{a}"], outputs[f"{target}{b}"], 2.0, 0.3)
            for a, b in ((1, 2), (2, 1))
        ]
        np.testing.assert_allclose(np.mean(found[name]), np.mean(ways), rtol=1e-5)


def test_zero_scores_give_the_logarithm_of_their_number():
    small = model()
    zeros = {
        f"{name}{n}": tf.zeros((4, *shape))
        for n in (1, 2)
        for name, shape in (
            ("embedding", (3,)),
            ("cell", (3,)),
            ("coarse", (25, 3)),
            ("fine", (49, 3)),
        )
    }
    found = small.objective(zeros)
    for name, locations in (("coarse_to_coarse", 25), ("global_to_fine", 49)):
        np.testing.assert_allclose(found[name], np.log1p(3 * locations), rtol=1e-6)


def test_maps_are_two_scales_of_the_encoder_and_cells_are_theirs():
    small = model()
    views = tuple(tf.constant(numbers(6, 16, 16, 3, seed=n)) for n in (0, 1))
    outputs = small.encode(views, training=True)
    assert outputs["coarse1"].shape[1:2] == (16,)
    assert outputs["fine1"].shape[1:2] == (64,)
    assert small.fine_locations == 64
    cells = np.equal(outputs["cell2"][:, tf.newaxis], outputs["coarse2"])
    # Some locations are alike.
    places = [{*np.flatnonzero(x)} for x in np.all(cells, axis=-1)]
    assert all(places)
    assert not set.intersection(*places)  # An own one is drawn for each image.


def test_layers_can_be_named_and_wrong_ones_are_refused():
    first = model()
    names = [x.name for x in first.encoder.layers if isinstance(x, layers.ReLU)]
    named = methods.AMDIM(first.encoder, local_layers=[names[-1], names[0]])
    assert named.get_config()["local_layers"] == [names[-1], names[0]]
    with pytest.raises(ValueError, match="two names of layers"):
        model(local_layers=names[0])
    with pytest.raises(ValueError, match="layer of compact_resnet"):
        model(local_layers=["relu_zero", names[0]])
    with pytest.raises(ValueError, match="clip"):
        model(clip=0.0)
