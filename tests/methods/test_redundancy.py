# SPDX-License-Identifier: Apache-2.0
"""Barlow Twins, VICReg and DCL: their losses with the weights of the methods."""

import numpy as np
import pytest
from replica_cases import two_views

from cl_keras import losses, methods


def outputs(rows=9, width=4):
    z1, z2 = np.random.default_rng(0).normal(size=(2, rows, width)).astype(np.float32)
    return {"embedding1": z1, "embedding2": z2}


def made(method, **options):
    return method(two_views.small_encoder(), **options)


def test_terms_have_their_weights():
    of_views = outputs()
    views = of_views.values()
    twins = made(methods.BarlowTwins, redundancy_weight=0.5, loss_scale=0.25)
    terms = twins.objective(of_views)
    wanted = losses.barlow_twins(*views)
    assert float(terms["invariance"]) == pytest.approx(0.25 * float(wanted[0]))
    assert float(terms["redundancy"]) == pytest.approx(0.125 * float(wanted[1]))
    terms = made(methods.VICReg, weights=(2.0, 3.0, 4.0)).objective(of_views)
    invariance, variance, covariance = losses.vicreg(*views)
    np.testing.assert_allclose(terms["invariance"], 2 * invariance, rtol=1e-6)
    assert float(terms["variance"]) == pytest.approx(3 * float(variance))
    assert float(terms["covariance"]) == pytest.approx(4 * float(covariance))
    loss = made(methods.DCL, temperature=0.3, sigma=0.7).objective(of_views)["dcl"]
    np.testing.assert_allclose(loss, losses.dcl(*views, 0.3, sigma=0.7), rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: made(methods.VICReg, weights=(1.0, 2.0)), "three numbers"),
        (lambda: made(methods.VICReg, weights=(1.0, -2.0, 1.0)), "variance=-2.0"),
        (lambda: made(methods.BarlowTwins, loss_scale=0.0), "loss_scale=0.0"),
        (lambda: made(methods.DCL, temperature=0.0), "temperature=0.0"),
    ],
)
def test_bad_input_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
