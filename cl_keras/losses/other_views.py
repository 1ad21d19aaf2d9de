# SPDX-License-Identifier: Apache-2.0
"""What a view is told apart from: the views of all replicas."""

from __future__ import annotations

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
) -> list[tf.Tensor]:
    """Of each view, (b,): of its products with all gathered views but itself.

    Without `positives`, the other view of its example is left out, too.
    """
    # Rows in the order [all first views, all second views], so example i of
    # this replica, at `start + i`, must not see itself there.
    local, count = tf.shape(views[0])[0], tf.shape(everyone[0])[0]
    own = distribute.row_offset(local) + tf.range(local)
    lse = logsumexp(
        tf.concat(views, axis=0) / temperature,
        tf.concat(everyone, axis=0),
        excluded=tf.concat([own, count + own if positives else own], axis=0),
        groups=None if positives else tf.tile(tf.range(count), [2]),
        block=block,
    )
    return tf.split(lse, 2)
