"""Pictures, videos and the camera on the page, and what it says when they or a model won't do."""

from __future__ import annotations

import base64

import keras
import numpy as np
import page_session as session
import pytest
from PIL import Image

from segnet_tf.data.scenes import synthetic
from segnet_tf.export import sources
from segnet_tf.export.conversion import convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file.uncertainty import Uncertainty
from segnet_tf.models import segnet_mini

pytestmark = pytest.mark.slow
DRAWN = session.DRAWN.format
TOLD = [("wait", session.PROBLEM), ("read", session.TITLE), ("read", session.ADVICE)]
CLOSED = ("click", "#problem-close")
PICTURE = "[picture.width, picture.height]"


def said(result):
    """Titles and advice of the problems, in their order."""
    return list(zip(result["read"][::2], result["read"][1::2], strict=True))


def test_wrong_files_are_told_and_do_no_harm(site, assets, tmp_path):
    (tmp_path / "page.tflite").write_text("<html>this was a download page</html>", "utf-8")
    whole = (assets / "segnet_mini_int8.tflite").read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 3])
    (tmp_path / "other.tflite").write_bytes(two_channels())
    (tmp_path / "torn.png").write_bytes((assets / "sample.png").read_bytes()[:200])
    (tmp_path / "torn.mp4").write_bytes(b"no video")
    choices = [
        ("#model-file", "page.tflite"),
        ("#model-file", "cut.tflite"),
        ("#model-file", "other.tflite"),
        ("#file", "torn.png"),
        ("#file", "torn.mp4"),
    ]
    steps = []
    for selector, name in choices:
        steps += [("choose", [selector, str(tmp_path / name)]), *TOLD, CLOSED]
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), *steps],
                # The model that there was goes on.
                *[("run", "delete stage.dataset.frames"), ("click", "#use-sample")],
                *[("wait", DRAWN(1)), ("read", "document.getElementById('model').value")],
                ("read", session.RUNS_ON),
            ]
        )
    (page, cut, other, *torn, (model, runs_on)) = said(result)
    assert page == (
        "“page.tflite” is not a TensorFlow Lite file.",
        "Choose a .tflite file.",
    )
    assert cut[0] == "LiteRT.js can’t run “cut.tflite”."
    assert other[0] == ("“other.tflite” is not a model for this page: it takes 1×32×32×2 float32.")
    assert "RGB or grey" in other[1]
    assert [title for title, _ in torn] == [
        f"“torn.{kind}” can’t be read as a picture or a video." for kind in ("png", "mp4")
    ]
    assert model == "segnet_mini_int8.tflite" and runs_on == "wasm"


def two_channels():
    """A file whose images are neither RGB nor grey."""
    keras.utils.set_random_seed(0)
    return convert.convert(segnet_mini(2, (32, 32, 2), widths=(2, 2, 2, 2, 2)), (32, 32))


def test_own_model_and_pictures_of_any_mode(site, assets, tmp_path):
    image = Image.fromarray(synthetic.scene(3, size=(60, 90))[0])
    image.convert("L").save(tmp_path / "grey.png")
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(
        tmp_path / "sixteen.png"
    )
    image.convert("RGBA").save(tmp_path / "alpha.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter, as phones store what they took upright
    image.save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "own.tflite").write_bytes((assets / "segnet_mini_float16.tflite").read_bytes())
    steps = [("wait", DRAWN(1))]
    for count, name in enumerate(["grey.png", "sixteen.png", "alpha.png", "turned.jpg"], 2):
        steps += [("choose", ["#file", str(tmp_path / name)]), ("wait", DRAWN(count))]
        steps += [("read", PICTURE)]
    steps += [
        ("choose", ["#model-file", str(tmp_path / "own.tflite")]),
        *[("wait", DRAWN(6)), ("read", "document.getElementById('model').value")],
    ]
    with session.served(site) as url:
        result = session.browse([("goto", url), *steps])
    assert result["read"] == [[90, 60]] * 3 + [[60, 90], "own.tflite"]


def test_a_model_that_says_where_it_is_unsure_fades_there(site, assets, manifest, tmp_path):
    """The page's colors against the outputs of the file on this computer's kernels."""
    classes, size = len(manifest["labels"]), (96, 128)
    model = sources.open_source("weights:segnet_mini_camvid").model
    said = Uncertainty()
    content = convert.convert(model, size, output_kind="probabilities", uncertainty=said)
    (tmp_path / "own.tflite").write_bytes(content)
    image = np.asarray(Image.open(assets / "sample.png"))[None].astype(np.float32)
    entropy, probabilities = cpu.run(cpu.open_interpreter(content), image)
    steps = [
        *[("wait", DRAWN(1)), ("read", "document.getElementById('unsure-row').hidden")],
        *[("choose", ["#model-file", str(tmp_path / "own.tflite")]), ("wait", DRAWN(2))],
        *[("read", "document.getElementById('unsure-row').hidden"), ("read", session.MASK)],
        *[("select", ["#unsure", "faded"]), ("read", session.MASK)],
        ("screenshot", [str(session.SCREENSHOTS / "unsure.png"), False]),
        *[("click", "#show-none"), ("read", session.MASK)],
        *[("select", ["#unsure", "unsure"]), ("read", session.MASK)],
    ]
    session.SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with session.served(site) as url:
        result = session.browse([("goto", url), *steps], scale=2)
    before, after, plain, faded, none, alone = result["read"]
    assert (before, after) == (True, False)
    drawn = session.classes_drawn(plain, manifest["palette"])
    assert (drawn == probabilities[0].argmax(-1)).mean() > 0.99
    wanted = 255 * np.clip(1 - 2 * entropy[0, ..., 0] / np.log(classes), 0, 1)
    alpha = np.frombuffer(base64.b64decode(faded[2]), np.uint8).reshape(*size, 4)[..., 3]
    assert np.ptp(wanted) > 20
    # The worker rounds the entropy to 1/255, which the page doubles.
    assert np.abs(alpha - wanted).max() <= 4
    assert not any(base64.b64decode(none[2]))
    shown = np.frombuffer(base64.b64decode(alone[2]), np.uint8).reshape(*size, 4)[..., 3]
    assert np.abs(shown - 255 * entropy[0, ..., 0] / np.log(classes)).max() <= 1


def test_file_that_is_not_the_manifests(site, assets):
    model = site / "segnet_mini_int8.tflite"
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with session.served(site) as url:
            result = session.browse(
                [
                    *[("goto", url), *TOLD, ("select", ["#model", "segnet_mini_float16.tflite"])],
                    *[("wait", DRAWN(1)), ("read", f"!({session.PROBLEM})")],
                ]
            )
    finally:
        model.write_bytes(whole)
    title, advice, mended = result["read"]
    assert "is not the file that manifest.json describes" in title
    assert "make android-assets" in advice and mended


def test_missing_manifest(site, assets):
    hidden = (site / "manifest.json").rename(site / "hidden.json")
    try:
        with session.served(site) as url:
            own = [str(assets / "segnet_mini_float16.tflite"), str(assets / "sample.png")]
            # Files of the user need none.
            steps = [("goto", url), *TOLD, ("drop", ["main", own]), ("wait", DRAWN(1))]
            result = session.browse([*steps, ("read", f"!({session.PROBLEM})")])
    finally:
        hidden.rename(site / "manifest.json")
    assert result["read"][0] == "manifest.json could not be loaded."
    assert "make android-assets" in result["read"][1] and result["read"][2]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (session.DENIED, "The camera was not allowed."),
        (session.NO_CAMERA, "No camera was found."),
    ],
)
def test_no_camera(site, flags, words):
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("click", "#use-camera"), *TOLD],
                ("read", "document.getElementById('use-sample').ariaPressed"),
                ("read", "document.getElementById('stage').ariaBusy"),
            ],
            flags=session.NO_WEBGPU + flags,
        )
    title, advice, sample, busy = result["read"]
    assert title == words and advice
    assert sample == "true" and busy == "false"


def test_camera_runs_and_pauses(site):
    frames = "Number(stage.dataset.frames)"
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("click", "#use-camera"), ("wait", DRAWN(5))],
                *[("read", session.STATUS), ("read", PICTURE), ("click", "#pause")],
                ("run", "new Promise((go) => setTimeout(go, 1500))"),
                *[("read", frames), ("run", "new Promise((go) => setTimeout(go, 1000))")],
                *[("read", frames), ("click", "#pause"), ("wait", DRAWN(8))],
                *[("click", "#use-sample"), ("wait", f"{session.STATUS}.includes('sample')")],
                ("read", "document.getElementById('live').hidden"),
            ],
            flags=session.NO_WEBGPU + session.CAMERA,
            permissions=("camera",),
        )
    status, picture, paused, later, hidden = result["read"]
    assert status == "Camera is running." and min(picture) > 100
    assert paused == later, "goes on while it is paused"
    assert hidden


# A second of a moving square, recorded by the browser itself.
RECORDED = """(async () => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 160, height: 120});
  const context = canvas.getContext('2d');
  const recorder = new MediaRecorder(canvas.captureStream(20), {mimeType: 'video/webm'});
  const parts = [];
  recorder.ondataavailable = ({data}) => parts.push(data);
  recorder.start();
  for (let step = 0; step < 30; step++) {
    context.fillStyle = '#8899aa';
    context.fillRect(0, 0, 160, 120);
    context.fillStyle = '#335511';
    context.fillRect(4 * step, 40, 40, 40);
    await new Promise((go) => setTimeout(go, 40));
  }
  await new Promise((go) => { recorder.onstop = go; recorder.stop(); });
  const chosen = new DataTransfer();
  chosen.items.add(new File(parts, 'drive.webm', {type: 'video/webm'}));
  const input = document.getElementById('file');
  input.files = chosen.files;
  input.dispatchEvent(new Event('change'));
})()"""


def test_video_runs(site):
    with session.served(site) as url:
        result = session.browse(
            [
                *[("goto", url), ("wait", DRAWN(1)), ("run", RECORDED), ("wait", DRAWN(6))],
                *[("read", session.STATUS), ("read", PICTURE)],
                ("read", "document.getElementById('frame-time').innerText"),
            ]
        )
    status, picture, time = result["read"]
    assert status == "drive.webm is running." and picture == [160, 120]
    assert time.endswith("/s")
