"""LiteRT.js in headless Chromium against LiteRT on this processor."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import small_files

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import browser, cpu
from segnet_tf.export.runtimes.browser import Browser

ROOT = Path(__file__).resolve().parents[3]
needs_parts = pytest.mark.skipif(bool(browser.unavailable()), reason=browser.unavailable() or "")


def expected(content, images):
    interpreter = cpu.open_interpreter(content, "xnnpack")
    return [cpu.run(interpreter, image)[0] for image in images]


def agreement(found, wanted) -> float:
    assert len(np.unique(wanted[0].argmax(-1))) > 1, "nothing to tell apart"
    pairs = zip(found, wanted, strict=True)
    return float(np.mean([small_files.same_pixels(outputs[0], value) for outputs, value in pairs]))


def test_missing_parts_name_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "PARTS", tmp_path)
    said = browser.unavailable()
    assert "make runtimes-browser" in said and "\n" not in said
    with pytest.raises(UserError, match="make runtimes-browser"):
        Browser("browser-wasm", "wasm").run(b"", [])
    assert "\nruntimes-browser:" in (ROOT / "Makefile").read_text("utf-8")


def test_missing_node_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "PARTS", tmp_path)
    (tmp_path / ".ready").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install nodejs" in browser.unavailable()


def test_browser_that_is_not_there_is_one_line(tmp_path):
    done = subprocess.run(
        [ROOT / "export/devices/browser.sh", tmp_path / "parts"],
        env={"PATH": "/usr/bin:/bin", "CHROMIUM": "none-such"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "Received: none-such" in done.stderr
    assert not list(tmp_path.iterdir()), "left over"


@pytest.mark.slow
@needs_parts
@pytest.mark.parametrize("accelerator", ["wasm", "webgpu"])
def test_float32_gives_the_same_pixels(accelerator):
    content, images = small_files.content("float32"), small_files.images(2)
    result = Browser("browser", accelerator).run(content, images)
    wanted = expected(content, images)
    assert agreement(result.outputs, wanted) >= 0.9999
    for outputs, value in zip(result.outputs, wanted, strict=True):
        np.testing.assert_allclose(outputs[0], value, rtol=0, atol=1e-5, strict=True)
    if accelerator == "webgpu":
        assert result.delegated is not None and not result.jspi and result.dispatches > 20
    else:
        assert result.dispatches == 0


@pytest.mark.slow
@needs_parts
@pytest.mark.parametrize(("accelerator", "least"), [("wasm", 0.9999), ("webgpu", 0.95)])
@pytest.mark.parametrize("io", ["float32", "uint8"])
def test_int8_inside(io, accelerator, least):
    content, images = small_files.content("int8", io), small_files.images(2)
    result = Browser("browser", accelerator).run(content, images)
    # WebGPU computes an int8 file in float, so it rounds elsewhere.
    assert agreement(result.outputs, expected(content, images)) >= least
    # Then a part of it, the integer edge, is not WebGPU's.
    assert result.jspi == (accelerator == "webgpu" and io == "uint8")


@pytest.mark.slow
@needs_parts
def test_int8_input_is_refused():
    with pytest.raises(UserError, match="Received: int8. Export it with --io float32"):
        Browser("browser", "wasm").run(small_files.content("int8", "int8"), small_files.images(1))


@pytest.mark.slow
@needs_parts
def test_what_the_browser_says_is_one_line(monkeypatch):
    content = small_files.content("float32")
    read = browser.flatbuffer.read(content)
    monkeypatch.setattr(browser.flatbuffer, "read", lambda _: read)
    with pytest.raises(UserError, match="LiteRT.js takes") as caught:
        Browser("browser", "wasm").run(content[:4000], small_files.images(1))
    assert "\n" not in str(caught.value)
