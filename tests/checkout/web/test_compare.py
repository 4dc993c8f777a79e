"""Two models beside each other, files that are dropped, and the page by keyboard alone."""

from __future__ import annotations

import re

import model_files
import page_session as session
import pytest
from PIL import Image

from segnet_tf.data.scenes import synthetic

pytestmark = pytest.mark.slow
DRAWN = session.DRAWN.format
DRAWN_B = "document.getElementById('stage-b').dataset.frames >= {}".format
TIMES = "[...document.querySelectorAll('.pane:not([hidden]) dd')].map((time) => time.innerText)"
CHOSEN = "['model', 'model-b'].map((id) => document.getElementById(id).value)"
HIDDEN = "document.getElementById('pane-b').hidden"
LEGENDS = """['classes', 'classes-b'].map((id) => document.getElementById(id).hidden ? 0 :
  document.querySelectorAll(`#${id} li`).length)"""
FOCUS = "document.activeElement.id || document.activeElement.closest('fieldset')?.id"


@pytest.fixture
def files(tmp_path):
    """Name -> path of some models, and of a picture."""
    paths = {}
    for name in ("labels", "thirty_two", "two_classes"):
        paths[name] = str(tmp_path / f"{name}.tflite")
        (tmp_path / f"{name}.tflite").write_bytes(model_files.made(name).content)
    paths["picture"] = str(tmp_path / "picture.png")
    Image.fromarray(synthetic.scene(166, size=(64, 96))[0]).save(paths["picture"])
    return paths


def test_two_files_on_the_same_picture(site, files):
    """Both have 32 classes of the same names: one legend, and how far they agree."""
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1))],
                ("drop", ["#legend", [files["labels"], files["thirty_two"], files["picture"]]]),
                ("wait", f"{session.STATUS}.startsWith('picture.png: ')"),
                *[("wait", DRAWN_B(5)), ("read", session.MASK), ("read", session.MASK_B)],
                ("read", "document.querySelectorAll('#legend label')[10].style.cssText"),
                *[("read", session.STATUS), ("read", TIMES), ("read", LEGENDS), ("read", CHOSEN)],
                # A switch is for both.
                *[("click", "#show-none"), ("read", session.MASK), ("read", session.MASK_B)],
                # Others beside it: a legend of their own.
                ("drop", ["#stage-b", [files["two_classes"]]]),
                ("wait", f"{session.STATUS}.includes('crack')"),
                *[("wait", DRAWN_B(5)), ("read", LEGENDS), ("read", CHOSEN)],
                *[("select", ["#model-b", ""]), ("read", HIDDEN), ("read", LEGENDS)],
            ]
        )
    one, two, _, status, times, legends, chosen, none, none_b, others, kept, gone, alone = result[
        "read"
    ]
    image = synthetic.scene(166, size=(64, 96))[0]
    first, second = (model_files.made(name).classes(image) for name in ("labels", "thirty_two"))
    assert one[:2] == two[:2] == [96, 64]
    share = float(re.search(r"Both give ([\d.]+)\u00a0% of the pixels", status)[1])
    # To the decimal, but for pixels that turn with another instruction set.
    assert abs(share - 100 * (first == second).mean()) <= 0.2
    assert len(times) == 6 and all(re.match(r"[\d.]+\u00a0m?s", times[at]) for at in (1, 2, 4, 5))
    assert legends == [32, 0] and chosen == ["labels.tflite", "thirty_two.tflite"]
    palette = [list(color) for color in model_files.COLORS]
    for mask, wanted in ((one, first), (two, second)):
        assert (session.classes_drawn(mask, palette) == wanted).mean() > 0.99
    assert all((session.classes_drawn(mask, palette) == 255).all() for mask in (none, none_b))
    assert others == [32, 2] and kept == ["labels.tflite", "two_classes.tflite"]
    assert gone and alone == [32, 0]


def test_what_cannot_be_dropped_is_told(site, files, tmp_path):
    (tmp_path / "page.tflite").write_text("<html>", "utf-8")
    told = [("wait", session.PROBLEM), ("read", session.TITLE), ("click", "#problem-close")]
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("drop", ["main", []]), *told],
                ("drop", ["main", [files["labels"], files["two_classes"], files["thirty_two"]]]),
                *told,
                ("drop", ["main", [files["two_classes"], str(tmp_path / "page.tflite")]]),
                *[*told, ("wait", DRAWN(2)), ("read", HIDDEN), ("read", CHOSEN)],
                ("read", "document.body.classList.contains('dropping')"),
                # The refused one leaves the first as it is, in a list that knows it.
                *[("select", ["#model", "segnet_mini_int8.tflite"]), ("wait", DRAWN(3))],
                *[("select", ["#model", "two_classes.tflite"]), ("wait", DRAWN(4))],
                ("read", CHOSEN),
            ]
        )
    none, three, page, hidden, chosen, dropping, again = result["read"]
    assert none == "No file was dropped." and three == "3 models are too many."
    assert page == "“page.tflite” is not a TensorFlow Lite file."
    assert hidden and chosen == again == ["two_classes.tflite", ""] and not dropping


def test_camera_with_two_models(site, files, tmp_path):
    (tmp_path / "page.tflite").write_text("<html>", "utf-8")
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("click", "#use-camera"), ("wait", DRAWN(4))],
                ("drop", ["main", [files["labels"], files["thirty_two"]]]),
                *[("wait", DRAWN_B(4)), ("read", TIMES)],
                ("read", "document.getElementById('agreement').innerText"),
                # A model that is refused while pictures run: it is told, and they go on.
                ("drop", ["main", [str(tmp_path / "page.tflite")]]),
                *[("wait", session.PROBLEM), ("read", session.TITLE)],
                ("run", "window.before = Number(stage.dataset.frames)"),
                ("wait", "Number(stage.dataset.frames) > before + 2"),
                *[("click", "#use-sample"), ("wait", f"{session.STATUS}.startsWith('sample')")],
            ],
            flags=session.NO_WEBGPU + session.CAMERA,
            permissions=("camera",),
        )
    times, words, refused = result["read"]
    assert refused == "“page.tflite” is not a TensorFlow Lite file."
    assert times[2].endswith("/s") and times[5].endswith("/s")
    assert re.search(r"Both give [\d.]+\u00a0% of the pixels the same class\.", words)


def test_by_keyboard(site):
    """Tab goes through the page in the order that is seen; arrow keys name the classes."""
    tabs = [step for _ in range(9) for step in (("press", "Tab"), ("read", FOCUS))]
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), *tabs],
                ("run", "document.getElementById('stage').focus()"),
                *[("press", "Shift+ArrowDown"), ("press", "ArrowRight"), ("read", session.STATUS)],
                ("read", "document.getElementById('under').innerText"),
                ("read", "document.getElementById('status').getAttribute('aria-live')"),
            ]
        )
    *order, said, under, live = result["read"]
    assert order == ["stage", "use-sample", "use-file", "use-camera", "opacity", "show-all"] + [
        "show-none", "classes", "classes",
    ]  # fmt: skip
    assert under and said == f"{under} here." and live == "polite"


@pytest.mark.parametrize(
    ("name", "viewport", "scale"), [("phone", (390, 844), 2), ("desktop", (1280, 860), 1)]
)
def test_screenshot_of_two_fits_the_screen(site, files, name, viewport, scale):
    session.SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = session.SCREENSHOTS / f"compare_{name}.png"
    unnamed = """[...document.querySelectorAll('button, select, input:not([hidden]), [tabindex]')]
      .filter((item) => !(item.ariaLabel || item.labels?.[0]?.innerText || item.innerText).trim())
      .map((item) => item.outerHTML)"""
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1))],
                ("select", ["#model-b", "segnet_mini_float16.tflite"]),
                *[("wait", DRAWN_B(5)), ("screenshot", [str(path), True])],
                *[("read", "document.documentElement.scrollWidth"), ("read", unnamed)],
                ("read", "['stage', 'stage-b'].map((id) => "
                 "document.getElementById(id).getBoundingClientRect().top)"),
            ],
            viewport=viewport,
            scale=scale,
        )  # fmt: skip
    width, unnamed, tops = result["read"]
    assert width == viewport[0] and not unnamed
    assert (tops[0] == tops[1]) == (name == "desktop"), "beside each other where there is room"
