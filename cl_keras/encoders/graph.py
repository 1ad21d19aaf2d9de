# SPDX-License-Identifier: Apache-2.0
"""Graph networks: GCN, also with a diffusion, GraphSAGE with the mean, GIN.

Each is a functional model of a dict, `features` `(nodes, F)` and `edges`
`(edges, 2)` int32 rows (source, target), that gives one vector a node. Its first
layer, `"projection"`, is the product of features and weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras

from cl_keras import batch_norm as normalization
from cl_keras.encoders.graph_layers import (
    DiffusionPropagation,
    GCNPropagation,
    MeanPropagation,
    NodeProjection,
    SumPropagation,
)

Tensor: TypeAlias = keras.KerasTensor
Layer = Callable[[Tensor, Tensor, int, str], Tensor]


def gcn(
    input_shape: tuple[int],
    units: int | Sequence[int] = 512,
    *,
    activation: str = "prelu",
    last_activation: str | None = None,
    batch_norm: bool = False,
    sparse_features: bool = False,
    name: str = "gcn",
) -> keras.Model:
    """Graph convolutional network, by default of one layer, as in DGI.

    A layer is act(D^(-1/2) (A + I) D^(-1/2) X W + b).

    Args:
        input_shape: `(F,)`, the number of features of a node.
        units: Features after each layer; one number for one layer.
        activation: After every layer: `"prelu"`, with one slope for all features of
            the layer that starts at 0.25, or an activation of Keras.
        last_activation: Another one after the last layer, such as `"linear"`.
        batch_norm: Whether batch normalisation comes before each activation. It sees
            all nodes of a batch, padding too: for single graphs.
        sparse_features: Whether features come as a `tf.SparseTensor`; dense ones
            are still taken. `keras.models.clone_model` forgets this: the copy is
            the same network, and makes features dense.
        name: Name of the model.

    Returns:
        A functional model, {"features", "edges"} -> `(nodes, units[-1])` float32.

    Raises:
        ValueError: If a shape or a number of units is wrong.

    Reference:
        Kipf and Welling (2017), Semi-Supervised Classification with Graph
        Convolutional Networks, arXiv:1609.02907; the slope is that of DGI's code.

    Example:
    >>> gcn((1433,), units=64).output_shape
    (None, 64)
    """

    def layer(x: Tensor, edges: Tensor, width: int, suffix: str) -> Tensor:
        x = NodeProjection(width, name=f"projection{suffix}")(x)
        x = GCNPropagation(name=f"propagation{suffix}")(x, edges)
        return normalization.batch_norm()(x) if batch_norm else x

    activations = activation, last_activation or activation
    return _build(layer, input_shape, units, activations, sparse_features, name)


def graph_sage(
    input_shape: tuple[int],
    units: int | Sequence[int] = (512, 512, 512),
    *,
    activation: str = "prelu",
    sparse_features: bool = False,
    name: str = "graph_sage",
) -> keras.Model:
    """GraphSAGE with the mean of the neighbours: for graphs not seen in training.

    A layer is act(X W_self + mean over neighbours of X W + b). Outputs are not
    normalised to length one.

    Args:
        input_shape: `(F,)`, the number of features of a node.
        units: Features after each layer; one number for one layer.
        activation: As for `gcn`.
        sparse_features: As for `gcn`.
        name: Name of the model.

    Returns:
        A functional model, {"features", "edges"} -> `(nodes, units[-1])` float32.

    Raises:
        ValueError: If a shape or a number of units is wrong.

    Reference:
        Hamilton, Ying and Leskovec (2017), Inductive Representation Learning on
        Large Graphs, arXiv:1706.02216.

    Example:
    >>> graph_sage((50,), units=[32, 16]).output_shape
    (None, 16)
    """

    def layer(x: Tensor, edges: Tensor, width: int, suffix: str) -> Tensor:
        x = NodeProjection(2 * width, name=f"projection{suffix}")(x)
        return MeanPropagation(name=f"propagation{suffix}")(x, edges)

    return _build(layer, input_shape, units, (activation,) * 2, sparse_features, name)


def gin(
    input_shape: tuple[int],
    units: int | Sequence[int] = (64, 64, 64),
    *,
    activation: str = "relu",
    learn_epsilon: bool = False,
    batch_norm: bool = False,
    concatenate: bool = False,
    sparse_features: bool = False,
    name: str = "gin",
) -> keras.Model:
    """Graph isomorphism network: sums over neighbours, for sets of graphs.

    A layer is act(Dense(act(((1 + epsilon) X + sum over neighbours of X) W + b))).
    By default there is no batch normalisation, which mixes padding and other graphs
    into every node.

    Args:
        input_shape: `(F,)`, the number of features of a node.
        units: Features after each layer; one number for one layer.
        activation: As for `gcn`.
        learn_epsilon: Whether epsilon is learnt (GIN-epsilon) or 0 (GIN-0).
        batch_norm: Whether batch normalisation comes before each layer's activation.
        concatenate: Whether the result has the features of all layers side by side.
        sparse_features: As for `gcn`.
        name: Name of the model.

    Returns:
        A functional model, {"features", "edges"} -> `(nodes, units[-1])` float32, or as
        wide as all units together.

    Raises:
        ValueError: If a shape or a number of units is wrong.

    Reference:
        Xu et al. (2019), How Powerful are Graph Neural Networks?, arXiv:1810.00826,
        equation 4.1.

    Example:
    >>> gin((7,), units=16).output_shape
    (None, 16)
    """

    def layer(x: Tensor, edges: Tensor, width: int, suffix: str) -> Tensor:
        x = NodeProjection(width, name=f"projection{suffix}")(x)
        x = SumPropagation(learn_epsilon, name=f"propagation{suffix}")(x, edges)
        x = _activation(activation, name=f"hidden{suffix}")(x)
        x = keras.layers.Dense(width, name=f"dense{suffix}")(x)
        return normalization.batch_norm()(x) if batch_norm else x

    activations = (activation,) * 2
    return _build(
        layer, input_shape, units, activations, sparse_features, name, concatenate
    )


def diffusion_gcn(
    input_shape: tuple[int],
    units: int = 512,
    *,
    alpha: float = 0.2,
    steps: int = 20,
    activation: str = "prelu",
    sparse_features: bool = False,
    name: str = "diffusion_gcn",
) -> keras.Model:
    """One layer of a GCN, and one over the graph's diffusion, added: as in MVGRL.

    The layers `"graph"` and `"diffusion"` give the two terms. The diffusion is that of
    personalised PageRank, without a matrix of all pairs of nodes.

    Args:
        input_shape: `(F,)`, the number of features of a node.
        units: Features of a node.
        alpha: Probability that a walk stops at a step, in (0, 1].
        steps: Products that approach the diffusion.
        activation: As for `gcn`.
        sparse_features: As for `gcn`.
        name: Name of the model.

    Returns:
        A functional model, {"features", "edges"} -> `(nodes, units)` float32.

    Raises:
        ValueError: If a shape or a number is wrong.

    Reference:
        Hassani and Khasahmadi (2020), Contrastive Multi-View Representation Learning on
        Graphs, arXiv:2006.05582, section 3.

    Example:
    >>> diffusion_gcn((1433,), units=64).output_shape
    (None, 64)
    """
    inputs = _inputs(input_shape, [units], sparse_features)
    views = {
        "graph": GCNPropagation(name="propagation"),
        "diffusion": DiffusionPropagation(alpha, steps, name="diffused"),
    }
    terms = []
    for view, propagation in views.items():
        x = NodeProjection(units, name=f"projection_{view}")(inputs["features"])
        x = propagation(x, inputs["edges"])
        terms.append(_activation(activation, name=view, dtype="float32")(x))
    total = keras.layers.Add(name="embedding", dtype="float32")(terms)
    return keras.Model(inputs, total, name=name)


def _inputs(
    input_shape: tuple[int], widths: Sequence[int], sparse_features: bool
) -> dict[str, Tensor]:
    if len(input_shape) != 1 or not input_shape[0] or input_shape[0] < 1:
        raise ValueError(
            "`input_shape` must be (F,), the number of features of a node. "
            f"Received: input_shape={input_shape}"
        )
    if not widths or any(width < 1 for width in widths):
        raise ValueError(
            f"`units` must be positive, one number a layer. Received: units={widths}"
        )
    return {
        "features": keras.Input(input_shape, name="features", sparse=sparse_features),
        "edges": keras.Input((2,), name="edges", dtype="int32"),
    }


def _build(
    layer: Layer,
    input_shape: tuple[int],
    units: int | Sequence[int],
    activations: tuple[str, str],
    sparse_features: bool,
    name: str,
    concatenate: bool = False,
) -> keras.Model:
    widths = [units] if isinstance(units, int) else list(units)
    inputs = _inputs(input_shape, widths, sparse_features)
    x, edges = inputs["features"], inputs["edges"]
    outputs = []
    for number, width in enumerate(widths, 1):
        last = number == len(widths)
        x = layer(x, edges, width, "" if number == 1 else f"_{number}")
        # float32 under mixed precision too: losses, probes and clients read this.
        x = _activation(
            activations[last],
            name="embedding" if last and not concatenate else f"activation_{number}",
            dtype="float32" if last else None,
        )(x)
        outputs.append(x)
    if concatenate:
        x = keras.layers.Concatenate(name="embedding", dtype="float32")(outputs)
    return keras.Model(inputs, x, name=name)


def _activation(
    activation: str, *, name: str, dtype: str | None = None
) -> keras.layers.Layer:
    if activation == "prelu":
        return keras.layers.PReLU(
            keras.initializers.Constant(0.25), shared_axes=[1], name=name, dtype=dtype
        )
    return keras.layers.Activation(activation, name=name, dtype=dtype)
