"""Runs a .tflite file in a browser: LiteRT.js in headless Chromium, on wasm or WebGPU.

It needs what `make runtimes-browser` fetches, and Node.js. WebGPU runs on SwiftShader, a software
driver: the numbers of a GPU, not its speed.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.system import places, subprocesses

PARTS = places.runtimes() / "browser"
DRIVER = Path(__file__).resolve().parent / "browser"
COMMAND = "make runtimes-browser"
ACCELERATORS = ("wasm", "webgpu")
# LiteRT.js has typed arrays for these only.
DTYPES = ("float32", "int32", "uint8")


@dataclass(frozen=True)
class Answer:
    """What a browser made of a file.

    Attributes:
        outputs: for every image every output, as `runtimes.run` gives them.
        fully_accelerated: LiteRT.js's own word on whether the accelerator took every op.
        jspi: whether it ran only as the build that shares a graph out between WebGPU and wasm, and
            that browsers without JSPI can't run.
        dispatches: how many times WebGPU was set to work.
        browser: its version.
    """

    outputs: list[list[np.ndarray]]
    fully_accelerated: bool
    jspi: bool
    dispatches: int
    browser: str


def unavailable() -> str | None:
    """What is missing and the command that installs it, in one line; `None` if nothing is."""
    if not (PARTS / ".ready").is_file():
        return f"LiteRT.js and a browser are not set up. Install them with: {COMMAND} (320 MB)"
    if not shutil.which("node"):
        return "Node.js was not found. Install it with: apt-get install nodejs npm"
    if not _browser().exists():
        return f"The browser is gone: {_browser()}. Install another with: {COMMAND}"
    return None


def answers(
    content: bytes, images: list[np.ndarray], *, accelerator: str = "wasm", seconds: float = 900
) -> list[list[np.ndarray]]:
    """Every output for every image, as `runtimes.run` gives them; see `run_in_browser`."""
    return run_in_browser(content, images, accelerator=accelerator, seconds=seconds).outputs


def run_in_browser(
    content: bytes, images: list[np.ndarray], *, accelerator: str = "wasm", seconds: float = 900
) -> Answer:
    """Runs a file on images.

    Args:
        content: of the file.
        images: float32 `(batch, height, width, 3)` each, RGB 0..255.
        accelerator: `"wasm"` (XNNPACK) or `"webgpu"` (ML Drift, computing in float32).
        seconds: that it may take in all.

    Raises:
        UserError: parts are missing, the file's input or output is of a dtype that LiteRT.js
            doesn't know, LiteRT.js refuses the file, or WebGPU did nothing or reported an error.
    """
    if accelerator not in ACCELERATORS:
        raise UserError(
            f"`accelerator` must be one of {', '.join(ACCELERATORS)}. Received: {accelerator!r}."
        )
    if missing := unavailable():
        raise UserError(missing)
    graph = flatbuffer.read(content)
    _check_dtypes(graph)
    # The page may read what is in PARTS, and nothing else.
    with tempfile.TemporaryDirectory(prefix="job_", dir=PARTS) as folder:
        job = Path(folder)
        (job / "model").write_bytes(content)
        for index, image in enumerate(images):
            _quantized(image, graph.tensors[graph.inputs[0]]).tofile(job / f"in_{index}")
        result = _drive(job, accelerator, len(images), seconds)
        _check(result, accelerator)
        outputs = [
            [
                _real(np.fromfile(job / f"out_{image}_{index}", face["dtype"]), face, tensor)
                for index, (face, tensor) in enumerate(zip(faces, _outputs(graph), strict=True))
            ]
            for image, faces in enumerate(result["outputs"])
        ]
    return Answer(
        outputs,
        bool(result["fullyAccelerated"]),
        bool(result["jspi"]),
        int(result["gpu"]["dispatches"]),
        str(result["version"]),
    )


def _browser() -> Path:
    return PARTS / (PARTS / "browser").read_text("utf-8").strip()


def program() -> tuple[str, str | None]:
    """The browser, and where its libraries are if it is not the system's own."""
    browser = _browser()
    if not browser.is_relative_to(PARTS):
        return str(browser), None
    libraries = PARTS / "system/usr/lib/x86_64-linux-gnu"
    return str(browser), f"{browser.parent}:{libraries}:{libraries / 'pulseaudio'}"


def _outputs(graph: flatbuffer.Graph) -> list[flatbuffer.Tensor]:
    return [graph.tensors[index] for index in graph.outputs]


def _check_dtypes(graph: flatbuffer.Graph) -> None:
    for index in (*graph.inputs, *graph.outputs):
        if (dtype := graph.tensors[index].dtype) not in DTYPES:
            raise UserError(
                f"`tflite` must have inputs and outputs of {', '.join(DTYPES)} for a browser, as "
                f"LiteRT.js has no others. Received: {dtype}. Export it with --io float32."
            )


def _quantized(image: np.ndarray, tensor: flatbuffer.Tensor) -> np.ndarray:
    if tensor.dtype == "float32":
        return image.astype(np.float32)
    limits = np.iinfo(tensor.dtype)
    codes = np.rint(image / np.float32(tensor.scale[0])) + tensor.zero_point[0]
    return np.clip(codes, limits.min, limits.max).astype(tensor.dtype)


def _real(values: np.ndarray, face: dict, tensor: flatbuffer.Tensor) -> np.ndarray:
    values = values.reshape(face["shape"])
    if not tensor.scale.size:
        return values
    return (values.astype(np.float32) - tensor.zero_point[0]) * np.float32(tensor.scale[0])


def _drive(job: Path, accelerator: str, images: int, seconds: float) -> dict:
    browser, libraries = program()
    wish = {
        "page": str(DRIVER / "browser.html"),
        "browser": browser,
        "libraries": libraries,
        "accelerator": accelerator,
        # LiteRT.js's own choice is float16 where the driver can.
        "precision": "fp32",
        "images": images,
        "seconds": seconds,
    }
    (job / "job.json").write_text(json.dumps(wish), "utf-8")
    ended = subprocesses.run(
        ["node", str(DRIVER / "browser.mjs"), str(PARTS), str(job)],
        seconds=seconds,
        how="in the browser",
        advice="Take fewer images or a smaller input size.",
    )
    try:
        return json.loads((job / "result.json").read_text("utf-8"))
    except FileNotFoundError:
        return {"error": f"Node.js ended with code {ended.code}, saying: {ended.said}"}


def _check(result: dict, accelerator: str) -> None:
    problem = result.get("error")
    if not problem and accelerator == "webgpu":
        if result["gpu"]["errors"]:
            problem = result["gpu"]["errors"][0]
        elif result["outputs"] and not result["gpu"]["dispatches"]:
            problem = "nothing of it ran on WebGPU"
    if problem:
        said = " ".join([*str(problem).split("\n")[:1], *result.get("said", [])[-1:]])
        raise UserError(
            f"`tflite` must be one that LiteRT.js takes ({accelerator}). "
            f"Received: one of which it says: {' '.join(said.split())[:400]}"
        )
