"""The precision that a run trains in, by what this machine computes fast."""

from __future__ import annotations

import sys

import tensorflow as tf

from segnet_tf.system import processor


def resolved(name: str) -> str:
    """`TrainConfig.mixed_precision` without "auto", and a line that says what was chosen or costs.

    bfloat16 needs no loss scaling and reaches float32's scores; float16 is for GPUs that lack it.
    """
    gpu = gpu_capability()
    if name == "auto":
        chosen, why = _fastest(gpu)
        print(f"training in {chosen}: {why}", flush=True)
        return chosen
    if name == "bfloat16" and gpu is None and not processor.has_bfloat16():
        print(
            "segnet-tf: this processor has no bfloat16 and emulates it: a step takes about 8 times "
            "as long as in float32. --mixed-precision auto trains in what is fast.",
            file=sys.stderr,
            flush=True,
        )
    return name


def gpu_capability() -> tuple[int, int] | None:
    """CUDA's compute capability of the first GPU, e.g. (8, 0); None without a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    details = tf.config.experimental.get_device_details(gpus[0])
    # Other makers' GPUs have none: nothing is known of their 16 bits.
    return details.get("compute_capability", (0, 0))


def _fastest(gpu: tuple[int, int] | None) -> tuple[str, str]:
    if gpu is None:
        if processor.has_bfloat16():
            return "bfloat16", "this processor computes in it"
        return "float32", "this processor has no bfloat16"
    if gpu >= (8, 0):
        return "bfloat16", "this GPU computes in it"
    if gpu >= (7, 0):
        return "float16", "this GPU computes in it and has no bfloat16"
    return "float32", "this GPU has no fast 16 bits"
