"""Opens the page in headless Chromium and does what a list of steps says."""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from export import serve_web
from segnet_tf.export.runtimes import browser

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "runs" / "web"
DRIVER = ROOT / "tests" / "checkout" / "web" / "browser_session.mjs"
# Each shows a picture: the page counts the frames that it drew.
DRAWN = "document.getElementById('stage').dataset.frames >= {}"
PROBLEM = "!document.getElementById('problem').hidden"
TITLE = "document.getElementById('problem-title').innerText"
ADVICE = "document.getElementById('problem-advice').innerText"
STATUS = "document.getElementById('status').innerText"
RUNS_ON = "document.getElementById('runs-on').innerText"
# The pixels of the mask, as the page drew them: [width, height, base64 of RGBA].
MASK = """(() => {
  const {width, height} = mask;
  const {data} = mask.getContext('2d').getImageData(0, 0, width, height);
  let text = '';
  for (const byte of data) text += String.fromCharCode(byte);
  return [width, height, btoa(text)];
})()"""

# Of the second model's picture.
MASK_B = MASK.replace("mask", "document.getElementById('mask-b')")

FLAGS = ["--no-sandbox"]
WEBGPU = [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
]
NO_WEBGPU = ["--disable-features=WebGPU", "--disable-gpu"]
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
NO_CAMERA = ["--use-fake-ui-for-media-stream"]
DENIED = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"]


@contextmanager
def served(folder: Path):
    """Serves a folder on a free port; gives the page's address."""
    server = serve_web.open_server(folder, port=0)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    try:
        yield f"http://localhost:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def browse(
    steps: list[tuple],
    *,
    flags: list[str] | None = None,
    permissions: tuple[str, ...] = (),
    viewport: tuple[int, int] = (390, 844),
    scale: float = 1,
    colors: str = "light",
    seconds: float = 120,
) -> dict:
    """Runs the steps, `(action, argument)` of browser_session.mjs.

    Returns:
        `read`: what each "read" step gave; `requests`: every address; `said`: the console.
    """
    program, libraries = browser.program()
    job = {
        "playwright": str(browser.PARTS / "package.json"),
        "browser": program,
        "libraries": libraries,
        "flags": FLAGS + (NO_WEBGPU if flags is None else flags),
        "permissions": permissions,
        "viewport": {"width": viewport[0], "height": viewport[1]},
        "scale": scale,
        "colors": colors,
        "seconds": seconds,
        "steps": steps,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        done = subprocess.run(
            ["node", str(DRIVER), file.name],
            capture_output=True,
            text=True,
            timeout=seconds * 3,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert "error" not in result, f"{result['error']}\n" + "\n".join(result["said"][-20:])
    return result


def classes_drawn(read: list, palette: list) -> np.ndarray:
    """What MASK read, as class ids; 255 where nothing is drawn."""
    width, height, text = read
    pixels = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
    labels = np.full((height, width), 255, np.uint8)
    for index, color in enumerate(palette):
        labels[(pixels == (*color, 255)).all(-1)] = index
    assert ((labels != 255) | (pixels[..., 3] == 0)).all(), "a color that is not of the palette"
    return labels
