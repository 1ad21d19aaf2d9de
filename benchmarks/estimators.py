# SPDX-License-Identifier: Apache-2.0
"""Estimators of mutual information where it is known: correlated Gaussians.

    python benchmarks/estimators.py --out docs/estimators.png

For each estimator a separable critic (for CLUB, a conditional Gaussian) is trained on
fresh samples, then judged on others, from half a nat to eight; beside it the same
estimator with the best critic there is, in closed form, plugged in. What is known of
each shows: InfoNCE cannot pass log K (K the batch), the variance of Donsker-Varadhan
and NWJ grows with the information, CLUB is an upper bound. Estimates by `jsd` are
those of `nwj` with the critic that JSD trained, since JSD itself is no bound. Given
are, over batches of the size trained on, the mean (averaged over seeds), its deviation
over seeds, and the deviation over batches.
"""

from __future__ import annotations

from typing import Any

import harness
import keras
import numpy as np
import tensorflow as tf

from cl_keras import estimators

TITLES = {
    "jsd": "JSD, read by NWJ",
    "donsker_varadhan": "Donsker-Varadhan (MINE)",
    "nwj": "NWJ",
    "info_nce": "InfoNCE",
    "club": "CLUB",
}
OPTIONS = {
    "out": None,
    "estimators": list(TITLES),
    "information": [0.5, 1, 2, 4, 6, 8],
    "seeds": [0, 1, 2],
    "dimensions": 20,
    "batch": 128,
    "steps": 1000,
    "batches": 200,
    "hidden": 128,
    "learning_rate": 1e-3,
}
# Each trial traces its own functions, which TensorFlow would warn of.
tf.get_logger().setLevel("ERROR")


def best_scores(name: str, x: tf.Tensor, y: tf.Tensor, rho: tf.Tensor) -> tf.Tensor:
    """Of all pairs, log p(y | x) - log p(y), or what the estimator has in its place."""
    gap = tf.reduce_sum((y[tf.newaxis] - rho * x[:, tf.newaxis]) ** 2, axis=-1)
    log_variance = x.shape[-1] * tf.math.log(1.0 - rho**2)
    conditional = -0.5 * (log_variance + gap / (1.0 - rho**2))
    if name == "club":
        return conditional
    ratio = conditional + 0.5 * tf.reduce_sum(y**2, axis=-1)
    return ratio + (1.0 if name == "nwj" else 0.0)


class Trial:
    """One estimator and its critic, which learns from samples of one correlation."""

    def __init__(self, name: str, args: harness.Args, information: float) -> None:
        self.name, self.args = name, args
        # Of each pair of coordinates: I = -d/2 ln(1 - rho^2).
        self.rho = tf.sqrt(1.0 - tf.exp(-2.0 * information / args.dimensions))
        make = estimators.Gaussian if name == "club" else estimators.Separable
        self.critic = make(hidden=args.hidden)
        self.critic.build((None, args.dimensions), (None, args.dimensions))
        self.mine = estimators.MINE()
        self.optimizer = keras.optimizers.Adam(args.learning_rate)
        self.optimizer.build(self.critic.trainable_variables)

    def _draw(self) -> tuple[tf.Tensor, tf.Tensor]:
        shape = [2, self.args.batch, self.args.dimensions]
        x, noise = tf.unstack(tf.random.normal(shape))
        return x, self.rho * x + tf.sqrt(1.0 - self.rho**2) * noise

    def _objective(self, scores: tf.Tensor) -> tf.Tensor:
        if self.name == "donsker_varadhan":
            return self.mine(scores, training=True)
        if self.name == "club":  # The likelihood of the pairs that belong together.
            return tf.reduce_mean(tf.linalg.diag_part(scores))
        return getattr(estimators, self.name)(scores)

    def _estimate(self, scores: tf.Tensor) -> tf.Tensor:
        if self.name == "jsd":
            return estimators.nwj(scores + 1.0)
        return getattr(estimators, self.name)(scores)

    @tf.function
    def train(self) -> None:
        """Takes steps on fresh samples."""
        for _ in tf.range(self.args.steps):
            x, y = self._draw()
            with tf.GradientTape() as tape:
                loss = -self._objective(self.critic(x, y))
            variables = self.critic.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)

    @tf.function
    def read(self) -> tf.Tensor:
        """Two estimates of a fresh batch: the critic's, and that of the best one."""
        x, y = self._draw()
        scores = self.critic(x, y), best_scores(self.name, x, y, self.rho)
        return tf.stack([self._estimate(one) for one in scores])


def measure(name: str, information: float, args: harness.Args) -> dict[str, Any]:
    values = []
    for seed in args.seeds:
        keras.utils.set_random_seed(seed)
        trial = Trial(name, args, information)
        trial.train()
        values.append([trial.read().numpy() for _ in range(args.batches)])
    row: dict[str, Any] = {"estimator": name, "information": information}
    for number, key in enumerate(("", "optimal_")):
        estimates = np.array(values)[:, :, number]
        row |= {
            f"{key}mean": float(np.mean(estimates)),
            f"{key}seed_std": float(np.std(np.mean(estimates, axis=1))),
            f"{key}batch_std": float(np.mean(np.std(estimates, axis=1))),
        }
    harness.table({f"{name} {information}": row})
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}


def draw(rows: list[dict[str, Any]], args: harness.Args) -> None:
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9.0, 4.0), dpi=144, layout="constrained")
    estimates, deviations = canvas.subplots(1, 2)
    estimates.axline((0, 0), slope=1, color="lightgrey", linewidth=3, label="known")
    estimates.axhline(np.log(args.batch), color="lightgrey", label=f"log {args.batch}")
    for number, name in enumerate(args.estimators):
        mine = [row for row in rows if row["estimator"] == name]
        style = {"color": f"C{number}", "marker": "o", "markersize": 4}
        x = [row["information"] for row in mine]
        estimates.plot(x, [row["mean"] for row in mine], label=TITLES[name], **style)
        estimates.plot(x, [row["optimal_mean"] for row in mine], ":", **style)
        deviations.semilogy(x, [row["optimal_batch_std"] for row in mine], **style)
    top = 1.4 * max(args.information)
    estimates.set(ylim=(-0.05 * top, top), title="Estimate (dotted: best critic)")
    deviations.set(title="Deviation over batches, best critic")
    for panel in (estimates, deviations):
        panel.set(xlabel="mutual information (nats)", ylabel="nats")
    estimates.legend(fontsize=7, frameon=False)
    canvas.savefig(args.out)


def main() -> None:
    args = harness.parse(__doc__, OPTIONS)
    rows = [
        measure(name, information, args)
        for name in args.estimators
        for information in args.information
    ]
    if args.out:
        draw(rows, args)
    harness.emit(args, {"log_k": round(float(np.log(args.batch)), 4), "rows": rows})


if __name__ == "__main__":
    main()
