"""Runs a .tflite file in a browser: LiteRT.js in headless Chromium, on wasm or WebGPU.

It needs what `make runtimes-browser` fetches, and Node.js. WebGPU runs on SwiftShader, a software
driver: the numbers of a GPU, not its speed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes.protocol import RunResult, Runtime, Speed, check_images
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.quantized import dequantize, quantize
from segnet_tf.system import places, subprocesses

PARTS = places.runtimes() / "browser"
DRIVER = Path(__file__).resolve().parent / "browser_driver"
COMMAND = "make runtimes-browser"
Accelerator = Literal["wasm", "webgpu"]
# LiteRT.js has typed arrays for these only.
DTYPES = ("float32", "int32", "uint8")


@dataclass(frozen=True)
class BrowserResult(RunResult):
    """What a browser made of a file; `delegated` is `None` where LiteRT.js says "not all".

    Attributes:
        jspi: whether the file ran only in the build of LiteRT.js that needs JSPI, which shares a
            graph between WebGPU and wasm. Browsers without JSPI cannot run it.
        dispatches: how many times WebGPU was called to compute.
        browser: its version.
    """

    jspi: bool
    dispatches: int
    browser: str


@dataclass(frozen=True)
class Browser(Runtime):
    """LiteRT.js on one accelerator.

    Args:
        name: in the registry.
        accelerator: `"wasm"` (XNNPACK) or `"webgpu"` (ML Drift, computing in float32).
        seconds: that a run may take in all.
    """

    name: str
    accelerator: Accelerator
    seconds: float = 900
    speed: Speed = "native"

    def unavailable(self) -> str | None:
        """See `Runtime.unavailable`."""
        return unavailable()

    def run(self, content: bytes, images: Sequence[np.ndarray]) -> BrowserResult:
        """See `Runtime.run`.

        Raises:
            UserError: parts are missing, the file's input or output is of a dtype that LiteRT.js
                doesn't know, LiteRT.js refuses the file, or WebGPU did nothing or reported an
                error.
        """
        if missing := unavailable():
            raise UserError(missing)
        graph = flatbuffer.read(content)
        _check_dtypes(graph)
        source = graph.tensors[graph.inputs[0]]
        check_images(images, source.shape)
        targets = [graph.tensors[index] for index in graph.outputs]
        # The page may read what is in PARTS, and nothing else.
        with tempfile.TemporaryDirectory(prefix="job_", dir=PARTS) as folder:
            job = Path(folder)
            (job / "model").write_bytes(content)
            for index, image in enumerate(images):
                codes = quantize(image, source.dtype, source.scale, source.zero_point)
                codes.tofile(job / f"in_{index}")
            result = self._drive(job, len(images))
            self._check(result)
            outputs = [
                [
                    dequantize(
                        np.fromfile(job / f"out_{image}_{index}", d["dtype"]).reshape(d["shape"]),
                        target.scale,
                        target.zero_point,
                    )
                    for index, (d, target) in enumerate(zip(described, targets, strict=True))
                ]
                for image, described in enumerate(result["outputs"])
            ]
        return BrowserResult(
            outputs,
            len(graph.ops) if result["fullyAccelerated"] else None,
            bool(result["jspi"]),
            int(result["gpu"]["dispatches"]),
            str(result["version"]),
        )

    def _drive(self, job: Path, images: int) -> dict[str, Any]:
        """Starts Node.js, which drives the browser; what it wrote into result.json."""
        browser, libraries = program()
        request = {
            "page": str(DRIVER / "browser.html"),
            "browser": browser,
            "libraries": libraries,
            "accelerator": self.accelerator,
            # LiteRT.js's own choice is float16 where the driver can.
            "precision": "fp32",
            "images": images,
            "seconds": self.seconds,
        }
        (job / "job.json").write_text(json.dumps(request), "utf-8")
        finished = subprocesses.run(
            ["node", str(DRIVER / "browser.mjs"), str(PARTS), str(job)],
            seconds=self.seconds,
            how="in the browser",
            advice="Take fewer images or a smaller input size.",
        )
        try:
            return json.loads((job / "result.json").read_text("utf-8"))
        except FileNotFoundError:
            reason = f"Node.js failed with code {finished.code}: {finished.last_line}"
            return {"error": reason}

    def _check(self, result: dict[str, Any]) -> None:
        problem = result.get("error")
        if not problem and self.accelerator == "webgpu":
            if result["gpu"]["errors"]:
                problem = result["gpu"]["errors"][0]
            elif result["outputs"] and not result["gpu"]["dispatches"]:
                problem = "nothing of it ran on WebGPU"
        if problem:
            words = " ".join([*str(problem).split("\n")[:1], *result.get("messages", [])[-1:]])
            raise UserError(
                f"`tflite` must be one that LiteRT.js takes ({self.accelerator}). "
                f"Received: one of which it says: {' '.join(words.split())[:400]}"
            )


def unavailable() -> str | None:
    """What of LiteRT.js and the browser is missing, with the command that installs it."""
    if not (PARTS / ".ready").is_file():
        return f"LiteRT.js and a browser are not set up. Install them with: {COMMAND} (320 MB)"
    if not shutil.which("node"):
        return "Node.js was not found. Install it with: apt-get install nodejs npm"
    if not _browser().exists():
        return f"The browser is gone: {_browser()}. Install another with: {COMMAND}"
    return None


def _browser() -> Path:
    return PARTS / (PARTS / "browser").read_text("utf-8").strip()


def program() -> tuple[str, str | None]:
    """The browser, and where its libraries are if it is not the system's own."""
    browser = _browser()
    if not browser.is_relative_to(PARTS):
        return str(browser), None
    libraries = PARTS / "system/usr/lib/x86_64-linux-gnu"
    return str(browser), f"{browser.parent}:{libraries}:{libraries / 'pulseaudio'}"


def _check_dtypes(graph: flatbuffer.Graph) -> None:
    for index in (*graph.inputs, *graph.outputs):
        if (dtype := graph.tensors[index].dtype) not in DTYPES:
            raise UserError(
                f"`tflite` must have inputs and outputs of {', '.join(DTYPES)} for a browser, as "
                f"LiteRT.js has no others. Received: {dtype}. Export it with --io float32."
            )
