# SPDX-License-Identifier: Apache-2.0
"""The losses of CPC, one prediction and one candidate at a time."""

import numpy as np

from cl_keras.methods import negatives


def grids(model, inputs):
    """Latents, contexts and step matrices as (B, T, W, D), (B, T, W, C), (K, C, D)."""
    found = model.taps(inputs)
    z, c = (np.asarray(found[name], np.float64) for name in ("latents", "context"))
    if z.ndim == 3:
        z, c = z[:, :, None], c[:, :, None]
    kernel = model.predictor.kernel.numpy().astype(np.float64)
    return z, c, np.stack(np.split(kernel, model.steps, axis=1))


def indices(model, batch, frames, seed=None):
    """The negatives of the model's first step, or of another seed."""
    seed = [model.seed if seed is None else seed, 0]
    n = model.negatives
    if model.negatives_from == "same_sequence":
        return negatives._integers(seed, [batch, frames, n], 1, frames).numpy()
    return negatives._draw_pool(seed, batch, frames, n, model.negatives_from).numpy()


def reference(model, inputs, seed=None):
    """Losses (B, K) and accuracies (B, K), one prediction and candidate at a time."""
    z, c, maps = grids(model, inputs)
    batch, time, columns, width = z.shape
    frames = time * columns
    flat = z.reshape(-1, width)
    scale = 1 / width if model.score == "mean" else 1
    drawn = model.negatives and indices(model, batch, frames, seed)
    losses = np.zeros((batch, model.steps))
    accuracies = np.zeros((batch, model.steps))
    for b in range(batch):
        for index, k in enumerate(model.distances):
            rows = []
            for t in range(time - k):
                for w in range(columns):
                    here = t * columns + w
                    true = here + k * columns
                    own = b * frames
                    if model.negatives is None and model.negatives_from == "batch":
                        others = [j for j in range(len(flat)) if j != own + true]
                    elif model.negatives is None:
                        others = [own + f for f in range(frames) if f != true]
                    elif model.negatives_from == "same_sequence":
                        others = own + (true + drawn[b, here]) % frames
                    else:
                        *pool, spare = drawn[b]
                        others = [spare if j == own + true else j for j in pool]
                    assert own + true not in list(others)
                    prediction = c[b, t, w] @ maps[index] * scale
                    positive = prediction @ flat[own + true]
                    rivals = flat[np.array(others)] @ prediction
                    total = np.log(np.exp(positive) + np.exp(rivals).sum())
                    rows.append((total - positive, positive > rivals.max()))
            losses[b, index], accuracies[b, index] = np.mean(rows, axis=0)
    return losses, accuracies
