# SPDX-License-Identifier: Apache-2.0
"""What a step on 8, 64 and 512 GPUs would take, by arithmetic: none was there.

    python benchmarks/many_devices.py
    python benchmarks/many_devices.py --encoder resnet18 --size 32 --per-device 512

Counts the operations, parameters and synchronised layers of a real SimCLR model, and
what its step sends, and divides by the speeds given: operations that a device sustains,
bandwidth in a machine of eight and between machines, latency of a collective. Nothing
overlaps: a step is the sum of its parts, which is the worst case.
"""

from __future__ import annotations

from typing import Any

import harness

OPTIONS = {
    "encoder": "resnet50",
    "size": 224,
    "per_device": 256,
    "embedding": 128,
    "tflops": 300.0,
    "inside": 300.0,
    "between": 50.0,
    "latency_us": 30.0,
    "devices": [1, 8, 64, 512],
}
_IN_A_MACHINE = 8


def counted(args: harness.Args) -> dict[str, int]:
    """Operations of a view, parameters and synchronised layers of the model."""
    tf = harness.tensorflow(args.threads)
    from tensorflow.python.profiler import model_analyzer, option_builder

    from cl_keras import encoders, methods

    shape = (args.size, args.size, 3)
    model = methods.SimCLR(encoders.build(args.encoder, shape))
    spec = tf.TensorSpec((1, *shape))
    graph = tf.function(model.encoder).get_concrete_function(spec).graph
    operations = option_builder.ProfileOptionBuilder.float_operation()
    options = option_builder.ProfileOptionBuilder(operations).with_empty_output()
    found = model_analyzer.profile(graph, options=options.build())
    return {"forward_flops": found.total_float_ops, **size_of(model)}


def size_of(model: Any) -> dict[str, int]:
    """Parameters of a model, its synchronised layers and their channels."""
    import keras

    norms = [
        layer
        for part in (model.encoder, model.projector)
        for layer in part.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    return {
        "parameters": model.count_params(),
        "norms": len(norms),
        "channels": sum(norm.moving_mean.shape[0] for norm in norms),
    }


def exchanged(
    devices: int, size: dict[str, int], batch: int, embedding: int
) -> dict[str, tuple[float, int]]:
    """Bytes that a device sends in a step, and in how many collectives.

    Of rings: each value goes out and comes in, but for a device's own share.
    """
    ring = 2 * (devices - 1) / devices * 4
    return {
        "gradients": (ring * size["parameters"], 1),
        # Half an exchange forward; backward their gradients are summed.
        "embeddings": (1.5 * ring * batch * embedding, 3),
        # Keras: sums of values, squares and counts forward, of two gradients backward.
        "batch_norm": (ring * 5 * size["channels"], 5 * size["norms"]),
    }


def step(devices: int, size: dict[str, int], args: harness.Args) -> dict[str, Any]:
    """Milliseconds of the parts of a step."""
    speed = 1e9 * (args.inside if devices <= _IN_A_MACHINE else args.between)
    latency = args.latency_us * 1e-6 * (devices > 1)
    views, batch = 2 * args.per_device, 2 * args.per_device * devices
    # Backward twice the forward pass.
    compute = 3 * size["forward_flops"] * views
    # Similarities of own rows with all: forward, again, and two products backward.
    loss = 4 * 2 * views * batch * args.embedding
    parts = {"compute": (compute + loss) / (args.tflops * 1e12)}
    for name, (sent, calls) in exchanged(devices, size, batch, args.embedding).items():
        parts[name] = sent / speed + calls * latency
    whole = sum(parts.values())
    shown = {f"{name}_ms": round(1e3 * value, 1) for name, value in parts.items()}
    return shown | {
        "images_per_second": round(args.per_device * devices / whole),
        "efficiency": round(parts["compute"] / whole, 3),
        "negatives": batch - 2,
    }


def main() -> None:
    args = harness.parse(__doc__, OPTIONS | harness.THREADS)
    size = counted(args)
    rows = {f"{devices} GPUs": step(devices, size, args) for devices in args.devices}
    harness.table(rows)
    harness.emit(args, {**size, "steps": rows})


if __name__ == "__main__":
    main()
