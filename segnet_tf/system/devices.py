"""Which kind of device the operations that are being built will run on."""

from __future__ import annotations

import tensorflow as tf

# TensorFlow's own test, by which `tf.cond`, `tf.while_loop` and `execute_fn_for_device` choose what
# they build for XLA. It has no public name.
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext


def in_xla() -> bool:
    """Whether XLA compiles what is being built: `jit_compile=True`, a TPU's replica.

    `tf.function(jit_compile=True)`, which is what Keras makes of `model.compile(jit_compile=True)`,
    and `TPUStrategy.run` trace Python inside an XLA context. `Layer.supports_jit` and
    `model.jit_compile` say only what is allowed or asked: the same model is also called without
    XLA, for example by `model(images)`.

    A `tf.function` that was first called outside and is called again inside of a compiled one is
    not traced again, and keeps what was built then.
    """
    return bool(GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def on_cpu_kernels() -> bool:
    """Whether the CPU's kernels run what is being built: no XLA, and no GPU or TPU in the process.

    A block of `tf.device("CPU")` beside a GPU is not seen: a graph's ops get their device later.
    """
    return not in_xla() and {d.device_type for d in tf.config.list_logical_devices()} <= {"CPU"}
