"""The page in headless Chromium: what it draws, against LiteRT in Python."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import urlsplit

import numpy as np
import page_assets
import page_session as session
import pytest
from PIL import Image

from export import web_folder
from segnet_tf.export.runtimes import browser

pytestmark = pytest.mark.slow
DRAWN, MASK = session.DRAWN.format, session.MASK
FACTS = "document.getElementById('model-facts').innerText"
SIZE = (96, 128)  # of conftest.py's files


def wanted(assets, name="segnet_mini_int8.tflite"):
    image = np.asarray(Image.open(assets / "sample.png"))
    labels = page_assets.classes_of((assets / name).read_bytes(), image)
    assert len(np.unique(labels)) > 5, "nothing to tell apart"
    return labels


def test_wasm_draws_the_same_mask_and_asks_no_other_host(site, assets, manifest):
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("read", MASK)],
                ("select", ["#model", "segnet_mini_float16.tflite"]),
                *[("wait", DRAWN(2)), ("read", MASK)],
                *[("read", session.RUNS_ON), ("read", FACTS), ("read", "crossOriginIsolated")],
            ]
        )
    int8, float16, runs_on, facts, isolated = result["read"]
    # A handful of pixels may be near-ties that another instruction set turns.
    drawn = session.classes_drawn(int8, manifest["palette"])
    assert (drawn != wanted(assets)).sum() <= 5
    drawn = session.classes_drawn(float16, manifest["palette"])
    assert (drawn != wanted(assets, "segnet_mini_float16.tflite")).sum() <= 5
    assert runs_on == "wasm" and isolated
    assert "128 × 96" in facts and "no GPU for WebGPU" in facts
    assert {urlsplit(address).netloc for address in result["requests"]} == {urlsplit(url).netloc}
    assert not [line for line in result["said"] if "Content Security Policy" in line]


def test_the_files_of_this_project(tmp_path):
    if not (web_folder.ASSETS / "manifest.json").is_file():
        pytest.skip("there are no demo assets yet: make android-assets")
    if missing := browser.unavailable():
        pytest.skip(missing)
    manifest = json.loads((web_folder.ASSETS / "manifest.json").read_text("utf-8"))
    with session.served(web_folder.assemble(tmp_path / "site")) as url:
        steps = [("goto", url), ("wait", DRAWN(1)), ("read", MASK)]
        result = session.browse(steps, seconds=250)
    image = np.asarray(Image.open(web_folder.ASSETS / manifest["sample"]["image"]).convert("RGB"))
    first = manifest["models"][0]
    assert list(image.shape) == first["input"]["shape"][1:], "it should need no resizing"
    labels = page_assets.classes_of((web_folder.ASSETS / first["file"]).read_bytes(), image)
    drawn = session.classes_drawn(result["read"][0], manifest["palette"])
    assert (drawn == labels).mean() >= 0.9999


def test_webgpu_draws_the_same_mask(site, assets, manifest):
    with session.served(site) as url:
        steps = [("goto", url), ("wait", DRAWN(1)), ("read", MASK), ("read", session.RUNS_ON)]
        result = session.browse(steps, flags=session.WEBGPU, seconds=250)
    drawn = session.classes_drawn(result["read"][0], manifest["palette"])
    assert result["read"][1] == "WebGPU"
    # It computes an int8 file in float, so it rounds elsewhere.
    assert (drawn == wanted(assets)).mean() >= 0.98


def test_webgpu_that_fails_later_gives_way_to_wasm(site, assets, manifest):
    worker = site / "web" / "model_worker.js"
    sound = worker.read_text("utf-8")
    # From the second picture on: the first is a trial, with the model's opening.
    second = "(self.runs = (self.runs ?? 0) + 1) > 1 && model.options.accelerator === 'webgpu'"
    check = "if (gpuErrors.length)"
    broken = sound.replace(check, f"if ({second}) gpuErrors.push('made up');\n    {check}")
    assert broken != sound
    worker.write_text(broken, "utf-8")
    try:
        with session.served(site) as url:
            result = session.browse(
                [
                    *[("goto", url), ("wait", DRAWN(1)), ("read", session.RUNS_ON)],
                    *[("read", session.TITLE), ("read", session.ADVICE), ("read", MASK)],
                ],
                flags=session.WEBGPU,
                seconds=250,
            )
    finally:
        worker.write_text(sound, "utf-8")
    runs_on, title, advice, mask = result["read"]
    assert runs_on == "wasm" and "WebGPU failed" in title and "made up" in advice
    drawn = session.classes_drawn(mask, manifest["palette"])
    assert (drawn != wanted(assets)).sum() <= 5


def test_classes_and_opacity(site, assets, manifest):
    road = manifest["labels"].index("Road")
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1))],
                ("run", f"document.querySelectorAll('#legend input')[{road}].focus()"),
                *[("press", "Space"), ("read", MASK)],
                *[("click", "#show-none"), ("read", MASK), ("click", "#show-all"), ("read", MASK)],
                ("run", "scrollTo(0, 0)"),
                ("read", "(({left, top, width, height}) => [left, top, width, height])"
                 "(stage.getBoundingClientRect())"),
                ("hover", [200, 320]),
                ("read", "document.getElementById('under').innerText"),
                *[("run", "opacity.focus()"), ("press", "ArrowRight")],
                ("read", "[mask.style.opacity, opacity.ariaValueText ?? '', "
                 "document.getElementById('opacity-value').innerText]"),
                ("read", "[...document.querySelectorAll('#legend label')].map(x => x.innerText)"),
                ("read", "mask.getAttribute('aria-label')"),
            ]
        )  # fmt: skip
    no_road, none, every, box, under, opacity, legend, described = result["read"]
    labels = wanted(assets)
    left, top, width, height = box
    assert top < 320 < top + height, "the mouse is off the picture"
    row, column = int((320 - top) / height * SIZE[0]), int((200 - left) / width * SIZE[1])
    assert under == manifest["labels"][labels[row, column]]
    drawn = session.classes_drawn(no_road, manifest["palette"])
    assert (drawn[labels == road] == 255).mean() > 0.99
    assert (drawn[labels != road] == labels[labels != road]).mean() > 0.99
    assert (session.classes_drawn(none, manifest["palette"]) == 255).all()
    assert (session.classes_drawn(every, manifest["palette"]) == labels).mean() > 0.99
    assert opacity[0] == "0.65" and opacity[2] == "65 %"
    assert [line.split("\n")[0] for line in legend] == manifest["labels"]
    share = f"Road\u00a0{(labels == road).mean() * 100:.0f}\u00a0%"
    assert share in described
    assert any(line.split("\n")[1:] == [share.split("\u00a0", 1)[1]] for line in legend)


def test_works_without_the_server_once_loaded(assets, manifest, tmp_path, site):
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "export.serve_web", "--port", "0"]
        + ["--assets", assets, "--output", tmp_path / "site"],
        cwd=session.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().split()[0]
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("kill", server.pid)],
                *[("reload", None), ("wait", DRAWN(1)), ("read", MASK)],
                ("select", ["#model", "segnet_mini_float16.tflite"]),
                *[("wait", session.PROBLEM), ("read", session.TITLE), ("read", session.ADVICE)],
            ]
        )
    finally:
        server.kill()
        server.wait()
    mask, title, advice = result["read"]
    drawn = session.classes_drawn(mask, manifest["palette"])
    assert (drawn != wanted(assets)).sum() <= 5
    assert title == "segnet_mini_float16.tflite could not be loaded."
    assert "Go online once" in advice


@pytest.mark.parametrize(
    ("name", "viewport", "scale", "colors"),
    [("phone", (390, 844), 2, "light"), ("phone_dark", (390, 844), 2, "dark"),
     ("desktop", (1280, 860), 1, "light")],
)  # fmt: skip
def test_screenshot_fits_the_screen(site, name, viewport, scale, colors):
    session.SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    unnamed = """[...document.querySelectorAll('button, select, input:not([hidden])')].filter(
      (item) => !(item.ariaLabel || item.labels?.[0]?.innerText || item.innerText).trim()
    ).map((item) => item.outerHTML)"""
    small = """[...document.querySelectorAll('button, select, #legend label')].filter(
      (item) => item.offsetParent && item.getBoundingClientRect().height < 36
    ).map((item) => item.outerHTML)"""
    path = session.SCREENSHOTS / f"{name}.png"
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("screenshot", [str(path), False])],
                ("read", "document.documentElement.scrollWidth"),
                *[("read", unnamed), ("read", small)],
            ],
            viewport=viewport,
            scale=scale,
            colors=colors,
        )
    width, unnamed, small = result["read"]
    assert width == viewport[0], "wider than the screen"
    assert not unnamed and not small
    assert Image.open(path).size == (viewport[0] * scale, viewport[1] * scale)
