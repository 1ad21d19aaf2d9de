# SPDX-License-Identifier: Apache-2.0
"""What a view is told apart from: the views of all replicas."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from cl_keras import distribute
from cl_keras.losses.blockwise import logsumexp


def logsumexp_of_others(
    views: tuple[tf.Tensor, tf.Tensor],
    everyone: tuple[tf.Tensor, tf.Tensor],
    temperature: float | tf.Tensor,
    block: int | None,
    *,
    positives: bool = True,
    within: bool = True,
) -> list[tf.Tensor]:
    """Of each view, (b,): of its products with all gathered views but itself.

    Without `positives`, the other view of its example is left out, too; without
    `within`, so are all views that come in the same place, first or second.
    """
    own, count = distribute.row_numbers(views[0]), tf.shape(everyone[0])[0]
    options: dict[str, Any] = {"block": block}
    if not within:
        options |= {} if positives else {"excluded": own, "groups": tf.range(count)}
        return [
            logsumexp(view / temperature, keys, **options)
            for view, keys in zip(views, everyone[::-1], strict=True)
        ]
    # Rows in the order [all first views, all second views], so example i of
    # this replica, at `own[i]`, must not see itself there.
    options["excluded"] = tf.concat([own, count + own if positives else own], axis=0)
    if not positives:
        options["groups"] = tf.tile(tf.range(count), [2])
    rows = tf.concat(views, axis=0) / temperature
    return tf.split(logsumexp(rows, tf.concat(everyone, axis=0), **options), 2)
