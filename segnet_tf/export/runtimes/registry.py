"""Every runtime of this project, a row each."""

from __future__ import annotations

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes.aarch64 import Aarch64
from segnet_tf.export.runtimes.browser import Browser
from segnet_tf.export.runtimes.cpu import Cpu
from segnet_tf.export.runtimes.gpu import Gpu
from segnet_tf.export.runtimes.gpu_drivers import LAVAPIPE, SWIFTSHADER
from segnet_tf.export.runtimes.protocol import Runtime
from segnet_tf.export.runtimes.qualcomm import Qualcomm

_ROWS: tuple[Runtime, ...] = (
    Cpu("xnnpack", has_delegate=True),
    Cpu("optimized"),
    Cpu("reference"),
    Aarch64("aarch64"),
    Gpu("gpu-float32", SWIFTSHADER),
    # SwiftShader has no float16 arithmetic: the delegate would quietly compute in float32 there.
    Gpu("gpu-float16", LAVAPIPE, float16=True),
    Browser("browser-wasm", "wasm"),
    Browser("browser-webgpu", "webgpu", speed="slow"),
    Qualcomm("qualcomm"),
)
# name -> runtime, in the order in which tables show them
RUNTIMES: dict[str, Runtime] = {row.name: row for row in _ROWS}


def get(name: str) -> Runtime:
    """The runtime of that name.

    Raises:
        UserError: there is none.
    """
    if name not in RUNTIMES:
        raise UserError(f"`runtime` must be one of {', '.join(RUNTIMES)}. Received: {name!r}.")
    return RUNTIMES[name]
