# SPDX-License-Identifier: Apache-2.0
"""Linear probe: multinomial logistic regression on frozen features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from cl_keras import check, extras
from cl_keras.evaluate.knn import features_array
from cl_keras.evaluate.label_arrays import hits, labels_array
from cl_keras.evaluate.standardizing import standardized

# Penalties tried, strongest first; scikit-learn's C is 1 / penalty. Features are
# standardised, so that one grid fits any encoder.
PENALTIES = tuple(10.0**power for power in range(4, -3, -1))
_SEARCH_ROWS = 10_000
# Up to so many examples, each is validated on once; up to so many values, both ways
# of scaling are tried.
_ALL_FOLDS, _BOTH_SCALES = 1_000, 600_000
# Operations that one search fit and the final fit may take (a second is about 1e10
# on two slow cores), and the iterations they get in any case and at most.
_SEARCH_WORK, _FINAL_WORK = 5e10, 6e11
_ITERATIONS = (50, 1000)
# What the settings of a fit that had no more of them end with.
_STOPPED = ", stopped at the limit of iterations"


def linear_probe(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    *,
    seed: int = 0,
    regularization: float | None = None,
    standardize: bool | None = True,
) -> float:
    """Test accuracy of a logistic regression on frozen features.

    Features are standardised with the mean and deviation of the training set. The
    penalty is chosen on a fifth of (at most 10,000 examples of) the training set, or up
    to 1,000 examples by five-fold cross-validation; then the classifier is fitted again
    on all of it. Test examples take part in neither.

    Args:
        train_x: Training features, `(n, D)`, any real dtype.
        train_y: Their labels, `(n,)`, of at least two classes.
        test_x: Test features, `(m, D)`.
        test_y: Their labels, `(m,)`.
        seed: Draws the validation split; nothing else is random.
        regularization: Weight of the l2 penalty (`1 / C` of scikit-learn, against
            the sum of the losses). Chosen from `PENALTIES` if None.
        standardize: Whether each feature is divided by its own deviation, or else all
            by one number. None chooses, together with the penalty: sparse features,
            such as words, are often better as they are. (Only the first is tried of
            more than 600,000 values.)

    Returns:
        The share of test examples classified right, from 0 to 1.

    Raises:
        ValueError: For features or labels of wrong or different sizes, features
            that are not finite, a single class, or a penalty not positive.
        ImportError: If scikit-learn is not installed, with the pip line.

    Example:
    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> linear_probe(x, [0, 0, 1, 1], x, [0, 0, 1, 1])
    1.0

    Reference: Zhang et al., "Colorful Image Colorization", 2016, section 3.3 (first
    linear probes of this kind); protocol of Kornblith et al., "Do Better ImageNet
    Models Transfer Better?", 2019, appendix A.3.
    """
    test_x = features_array("test_x", test_x)
    truth = labels_array("test_y", test_y, len(test_x))
    predicted = linear_probe_predict(
        train_x,
        train_y,
        test_x,
        seed=seed,
        regularization=regularization,
        standardize=standardize,
    )
    return float(np.mean(hits(predicted, truth)))


def linear_probe_predict(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    *,
    seed: int = 0,
    regularization: float | None = None,
    standardize: bool | None = True,
) -> np.ndarray:
    """Labels that the linear probe gives to test features.

    Args:
        train_x: Training features, `(n, D)`, any real dtype.
        train_y: Their labels, `(n,)`, of at least two classes.
        test_x: Test features, `(m, D)`.
        seed: Draws the validation split.
        regularization: As for `linear_probe`.
        standardize: As for `linear_probe`.

    Returns:
        Labels, `(m,)`.

    Raises:
        ValueError: As for `linear_probe`.
        ImportError: As for `linear_probe`.

    Example:
    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> linear_probe_predict(x, [3, 3, 5, 5], np.array([[9.0]]))
    array([5])
    """
    found, settings = chosen_probe(
        train_x,
        train_y,
        test_x,
        seed=seed,
        regularization=regularization,
        standardize=standardize,
    )
    if settings.endswith(_STOPPED):
        warnings.warn(
            "The linear probe reached its limit of iterations before it converged "
            f"({settings.removesuffix(_STOPPED)}, features {np.shape(train_x)}); its "
            "accuracy is that of a classifier stopped early. A larger `regularization` "
            "converges sooner.",
            RuntimeWarning,
            stacklevel=2,
        )
    return found


def chosen_probe(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    *,
    seed: int = 0,
    regularization: float | None = None,
    standardize: bool | None = None,
    copies: int = 1,
) -> tuple[np.ndarray, str]:
    """Labels that the linear probe gives, and with which settings.

    Training features may be those of several copies of the examples, block after
    block. The penalty is chosen on the first, where no example is its own neighbour.
    """
    train_x = features_array("train_x", train_x)
    rows = len(train_x) // copies
    labels = labels_array("train_y", train_y, rows)
    classes, labels = np.unique(labels, return_inverse=True)
    test_x = features_array("test_x", test_x)
    if train_x.shape[1] != test_x.shape[1]:
        raise ValueError(
            "Training and test features must have the same size. Received: "
            f"{train_x.shape[1]} and {test_x.shape[1]}"
        )
    if len(classes) < 2:
        raise ValueError(
            "A linear probe needs at least two classes in the training set. "
            f"Received: only label {classes[0]}"
        )
    if regularization is not None:
        check.positive(regularization=regularization)
    scales = [standardize]
    if standardize is None:
        scales = [True, False] if train_x.size <= _BOTH_SCALES else [True]
    scaled = [standardized(train_x, test_x, each=bool(each)) for each in scales]
    best = 0
    if regularization is None or len(scales) > 1:
        penalties = PENALTIES if regularization is None else (regularization,)
        found = [_choose(x[:rows], labels, seed, penalties) for x, _ in scaled]
        # The first, standardised, on ties.
        best = max(range(len(scales)), key=lambda number: found[number][1])
        regularization = found[best][0]
    train_x, test_x = _in_span(*scaled[best])
    # As if each example counted once.
    weights, converged = _fit(
        train_x,
        np.tile(labels, copies),
        len(classes),
        regularization * copies,
        work=_FINAL_WORK * copies,
    )
    words = "standardized" if scales[best] else "one scale for all features"
    words += f", penalty {regularization:g}" + _STOPPED * (not converged)
    return classes[_predict(test_x, weights)], words


def _choose(
    x: np.ndarray, y: np.ndarray, seed: int, penalties: Sequence[float]
) -> tuple[float, float]:
    """Penalty of the best validation accuracy, the stronger on ties, and that."""
    # Shuffled, then sorted by class: every n-th row is a stratified sample.
    order = np.random.default_rng(seed).permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    order = order[:: -(-len(order) // _SEARCH_ROWS)]
    fold = np.arange(len(order)) % 5
    folds = range(5) if len(order) <= _ALL_FOLDS else (4,)
    if len(order) < 5:
        # Too few examples to choose from: scikit-learn's default.
        return (1.0 if 1.0 in penalties else penalties[0]), 0.0
    classes = int(y.max()) + 1
    right = np.zeros(len(penalties))
    for held_out in folds:
        fit, validation = order[fold != held_out], order[fold == held_out]
        x_fit, x_validation = _in_span(x[fit], x[validation])
        weights = None
        for number, penalty in enumerate(penalties):
            # From strong to weak, each fit started at the last: a few steps each.
            weights, _ = _fit(x_fit, y[fit], classes, penalty, weights, _SEARCH_WORK)
            right[number] += np.sum(_predict(x_validation, weights) == y[validation])
    validated = np.isin(fold, folds).sum()
    return penalties[int(right.argmax())], float(right.max() / validated)


def _in_span(train_x: np.ndarray, test_x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both in a basis of the training examples, if these are fewer than the features.

    The best weights are sums of the examples: nothing changes but the time.
    """
    if 2 * len(train_x) > train_x.shape[1]:
        return train_x, test_x
    threadpoolctl = extras.require("threadpoolctl", extra="eval")
    # Of 400 x 3,072 features, on busy cores: 0.3 s, and 4.1 s with two threads.
    with threadpoolctl.threadpool_limits(1):
        basis, _ = np.linalg.qr(train_x.T)
    return train_x @ basis, test_x @ basis


def _fit(
    x: np.ndarray,
    y: np.ndarray,
    classes: int,
    penalty: float,
    start: np.ndarray | None = None,
    work: float = _FINAL_WORK,
) -> tuple[np.ndarray, bool]:
    """Weights `(D + 1, classes)`, intercepts last, and whether they converged.

    The objective of scikit-learn's `LogisticRegression(C=1 / penalty)`, divided by
    `n`. That class is not used because it multiplies float32 features with float64
    weights, which copies the features at every step: many times slower, and twice
    the memory.
    """
    optimize = extras.require("scipy.optimize", extra="eval")
    threadpoolctl = extras.require("threadpoolctl", extra="eval")
    rows, dim = x.shape
    index = np.arange(rows)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.astype(np.float32).reshape(dim + 1, classes)
        logits = x @ weights[:-1] + weights[-1]
        logits -= logits.max(axis=1, keepdims=True)
        true_logit = logits[index, y]
        residual = np.exp(logits, out=logits)
        total = residual.sum(axis=1, keepdims=True)
        losses = np.log(total[:, 0]) - true_logit
        residual /= total
        residual[index, y] -= 1.0
        gradient = np.empty((dim + 1, classes))
        gradient[:-1] = (x.T @ residual + penalty * weights[:-1]) / rows
        gradient[-1] = residual.mean(axis=0, dtype=np.float64)
        squares = np.square(weights[:-1], dtype=np.float64).sum()
        loss = losses.mean(dtype=np.float64) + 0.5 * penalty / rows * squares
        return float(loss), gradient.ravel()

    # An iteration costs about 4 n D classes operations. The limit keeps wide
    # features (raw pixels) to about a minute; narrower ones converge before it.
    limit = int(np.clip(work / (4.0 * x.size * classes), *_ITERATIONS))
    start = np.zeros((dim + 1, classes)) if start is None else start
    # Steps of a few milliseconds on several threads are mostly waiting (measured on
    # 1,400 x 256 features and two busy cores: 20 times slower than on one).
    threads = 1 if x.size * classes < 5e7 else None
    with threadpoolctl.threadpool_limits(threads):
        result = optimize.minimize(
            objective,
            start.ravel(),
            method="L-BFGS-B",
            jac=True,
            # About the resolution of a mean of float32 losses: below is noise.
            options={"maxiter": limit, "maxfun": 2 * limit, "gtol": 2e-5, "ftol": 1e-9},
        )
    # Status 1 is the limit. Status 2, no descent along the search direction, is how
    # float32 rounding shows at the optimum.
    return result.x.reshape(dim + 1, classes), result.status != 1


def _predict(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    weights = weights.astype(np.float32)
    return np.argmax(x @ weights[:-1] + weights[-1], axis=1)
