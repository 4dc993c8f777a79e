"""At which size a model sees an image: that of its training, unless one is asked for."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from PIL import Image
from tiny_run import record_of

import segnet_tf
from segnet_tf.cli.main import main
from segnet_tf.errors import UserError
from segnet_tf.inference.image_scale import ImageScale
from segnet_tf.models.pretrained import shipped
from segnet_tf.runs.checkpoints import read_record

CAMVID = ((360, 480), (360, 480))
SMALL = (24, 32)


@pytest.mark.parametrize(
    ("own", "seen"),
    [
        ((360, 480), (360, 480)),
        ((3000, 4000), (360, 480)),  # a phone's photo, 8.33 times as wide and as high
        ((4000, 3000), (480, 360)),  # held upright: as large a picture, and no wider
        ((90, 120), (360, 480)),
        ((1080, 1920), (312, 554)),  # 16:9 of the same area: 312 * 554 = 172848, 360 * 480 = 172800
    ],
)
def test_one_size_in_training(own, seen):
    assert ImageScale(None, CAMVID).seen(own) == seen


@pytest.mark.parametrize(
    ("own", "seen"),
    [
        ((100, 100), (100, 100)),
        ((50, 300), (50, 300)),
        ((50, 50), (80, 80)),
        ((800, 200), (320, 80)),
    ],
)
def test_several_sizes_in_training(own, seen):
    """Between 80x80 and 160x160 pixels an image is taken as it is, else as large as the nearer."""
    assert ImageScale(None, ((80, 80), (160, 160))).seen(own) == seen


def test_what_is_asked_for_comes_first():
    scale = ImageScale(None, CAMVID)
    assert scale.seen((3000, 4000), (72, 96)) == (72, 96)
    assert scale.seen((3000, 4000), "own") == (3000, 4000)
    assert ImageScale((64, 64), CAMVID).seen((3000, 4000)) == (64, 64)
    assert ImageScale(None, None).seen((3000, 4000)) == (3000, 4000)


@pytest.mark.parametrize(
    "asked", ["Own", "16x24", 64, True, (0, 0), (-1, 5), (16,), (16, 24, 3), (16.0, 24.0)]
)
def test_what_is_no_size_is_one_line(asked):
    with pytest.raises(UserError, match="`size` must be .height, width.*Received: ") as error:
        ImageScale(None, CAMVID).seen((3000, 4000), asked)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", shipped.names())
def test_shipped_weights_know_their_size(name):
    stored = read_record(f"weights:{name}")["image_sizes"]
    assert stored == {"smallest": [360, 480], "largest": [360, 480]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on images of 24x32 whose network gives other classes at another scale."""
    folder = tmp_path_factory.mktemp("run")
    keras.utils.set_random_seed(1)
    image = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 64, -2)(image)
    x = keras.layers.Conv2D(8, 7, padding="same", activation="relu")(x)
    keras.Model(image, keras.layers.Conv2D(4, 1)(x)).save(folder / "best.keras")
    (folder / "config.json").write_text(json.dumps(record_of(4, SMALL)))
    return folder


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A picture of 240x320 pixels, and the file of it."""
    pixels = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    path = tmp_path_factory.mktemp("photos") / "photo.png"
    picture = Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC)
    picture.save(path)
    return path, np.asarray(picture)


def predicted(run, photo, output, *more):
    command = ["predict", "--model", str(run), "--input", str(photo), "--output", str(output)]
    assert main([*command, *more]) == 0
    with Image.open(output / "photo_mask.png") as mask:
        return np.array(mask)


def test_predict_sees_photos_as_training_did(run, photo, tmp_path, capsys):
    path, pixels = photo
    by_default = predicted(run, path, tmp_path / "default")
    said = capsys.readouterr()
    assert "photos of 320x240 are seen at 32x24" in said.err and "as in training" in said.err
    told = predicted(run, path, tmp_path / "told", "--size", "24x32")
    own = predicted(run, path, tmp_path / "own", "--size", "own")
    assert capsys.readouterr().err == ""
    assert by_default.shape == own.shape == (240, 320)  # the photo's
    np.testing.assert_array_equal(by_default, told)
    assert np.mean(by_default != own) > 0.1
    # From Python too, also where the model is in memory.
    np.testing.assert_array_equal(segnet_tf.predict(run, pixels), told)
    loaded = segnet_tf.load_model(run)
    np.testing.assert_array_equal(segnet_tf.predict(loaded, pixels), told)
    np.testing.assert_array_equal(segnet_tf.predict(loaded, pixels, size="own"), own)
    batch = segnet_tf.predict(loaded, np.stack([pixels, pixels[::-1]]))
    np.testing.assert_array_equal(batch[0], told)


def test_evaluate_sees_images_as_training_did(run, photo, tmp_path, capsys):
    data = tmp_path / "data"
    for name in ("val", "valannot"):
        (data / name).mkdir(parents=True)
    Image.fromarray(photo[1]).save(data / "val" / "photo.png")
    # The truth is what the model says at its own scale: all right there, and only there.
    truth = predicted(run, photo[0], tmp_path / "told", "--size", "24x32")
    Image.fromarray(truth).save(data / "valannot" / "photo.png")
    (data / "classes.txt").write_text("a\nb\nc\nd\n")
    command = ["evaluate", "--model", str(run), "--data", str(data)]
    capsys.readouterr()
    assert main([*command, "--json", str(tmp_path / "scores.json")]) == 0
    assert "as in training" in capsys.readouterr().err
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["global_accuracy"] == 1
    assert scores["protocol"]["input_size"] == "scaled to the area that training saw, 24x32 pixels"
    assert main([*command, "--size", "own", "--json", str(tmp_path / "own.json")]) == 0
    own = json.loads((tmp_path / "own.json").read_text())
    assert own["global_accuracy"] < 0.9
    assert own["protocol"]["input_size"] == "each image's own"


def test_video_is_seen_as_training_did(run, photo, tmp_path, capsys):
    pytest.importorskip("av", reason="needs PyAV: pip install av")
    from drawn_videos import read, write

    write(tmp_path / "a.mkv", [photo[1]] * 2, "ffv1", "bgr0")  # without loss
    frames = {}
    for name, more in (("default", ()), ("told", ("--size", "24x32")), ("own", ("--size", "own"))):
        command = ["predict", "--model", str(run), "--input", str(tmp_path / "a.mkv")]
        assert main([*command, "--output", str(tmp_path / name), *more]) == 0
        assert ("as in training" in capsys.readouterr().err) == (name == "default")
        frames[name] = read(tmp_path / name / "a_overlay.mp4")[0][0].astype(int)
    np.testing.assert_array_equal(frames["default"], frames["told"])
    assert np.abs(frames["default"] - frames["own"]).mean() > 1


def test_no_pixel_of_a_photo_is_skipped():
    """A tenth of the size: bilinear interpolation alone would see 4 of each 100 pixels."""
    image = keras.Input((None, None, 3))
    conv = keras.layers.Conv2D(3, 1, use_bias=False)
    model = keras.Model(image, conv(image))  # the class is the strongest color
    conv.kernel.assign(np.eye(3)[None, None])
    photo = np.zeros((240, 320, 3), np.uint8)
    photo[..., 1] = 200
    for row, column in np.ndindex(2, 2):  # the pixels in the middle of each ten by ten
        photo[4 + row :: 10, 4 + column :: 10] = (0, 0, 250)
    assert (segnet_tf.predict(model, photo, size=(24, 32)) == 1).all()


def test_synthetic_scenes_are_made_as_in_training(run, tmp_path):
    """They have no size of their own, so nothing is to be scaled."""
    (tmp_path / "run").mkdir()
    for name in ("best.keras",):
        (tmp_path / "run" / name).write_bytes((run / name).read_bytes())
    (tmp_path / "run" / "config.json").write_text(json.dumps(record_of(4, (40, 56))))
    command = ["predict", "--model", str(tmp_path / "run"), "--input", "synthetic"]
    assert main([*command, "--limit", "1", "--output", str(tmp_path / "out")]) == 0
    (mask,) = (tmp_path / "out").glob("*_mask.png")
    with Image.open(mask) as opened:
        assert opened.size == (56, 40)


def test_a_file_that_knows_nothing_says_so_of_large_photos(run, tmp_path, capsys):
    alone = tmp_path / "alone.keras"
    alone.write_bytes((run / "best.keras").read_bytes())
    for size, warned in (((1200, 1700), True), ((120, 170), False)):
        photo = tmp_path / f"{warned}" / "photo.png"
        photo.parent.mkdir()
        Image.new("RGB", size[::-1]).save(photo)
        assert predicted(alone, photo, tmp_path / f"out{warned}").shape == size
        error = capsys.readouterr().err
        assert ("--size HxW" in error and "1700x1200" in error) == warned
        if not warned:
            assert error == ""
    predicted(alone, tmp_path / "True" / "photo.png", tmp_path / "told", "--size", "own")
    assert capsys.readouterr().err == ""


def test_many_sizes_are_told_of_in_few_lines(run, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for side in range(40, 60):
        Image.new("RGB", (2 * side, side)).save(tmp_path / "in" / f"{side}.png")
    command = ["predict", "--model", str(run), "--input", str(tmp_path / "in")]
    assert main([*command, "--output", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and "other sizes likewise" in lines[-1]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["config", "data"])
def test_older_runs_are_known_by_their_configuration_or_data(run, photo, where, tmp_path):
    record = record_of(4, SMALL)
    del record["image_sizes"]
    if where == "config":
        record["config"] |= {"data": "synthetic:8", "size": [36, 48]}
        wanted = "36x48"
    else:
        for name in ("train", "trainannot"):
            (tmp_path / "data" / name).mkdir(parents=True)
            Image.new("RGB" if name == "train" else "L", (64, 48)).save(
                tmp_path / "data" / name / "a.png"
            )
        (tmp_path / "data" / "classes.txt").write_text("a\nb\nc\nd\n")
        record["config"] |= {"data": str(tmp_path / "data")}
        wanted = "48x64"
    old = tmp_path / "old"
    old.mkdir()
    (old / "best.keras").write_bytes((run / "best.keras").read_bytes())
    (old / "config.json").write_text(json.dumps(record))
    by_default = predicted(old, photo[0], tmp_path / "default")
    told = predicted(old, photo[0], tmp_path / "told", "--size", wanted)
    np.testing.assert_array_equal(by_default, told)
    # With its data gone it is as unknown as a bare file.
    record["config"]["data"] = str(tmp_path / "gone")
    (old / "config.json").write_text(json.dumps(record))
    own = predicted(old, photo[0], tmp_path / "own", "--size", "own")
    np.testing.assert_array_equal(predicted(old, photo[0], tmp_path / "gone_out"), own)


def test_a_size_is_read_from_the_command_line(run, photo, tmp_path, capsys):
    command = ["predict", "--model", str(run), "--input", str(photo[0]), "--output", str(tmp_path)]
    assert main([*command, "--size", "mine"]) == 2
    assert "HEIGHTxWIDTH in pixels, or own" in capsys.readouterr().err


def test_a_model_of_a_fixed_size_says_so(photo, tmp_path, capsys):
    image = keras.Input((24, 32, 3))
    keras.Model(image, keras.layers.Conv2D(4, 1)(image)).save(tmp_path / "fixed.keras")
    assert predicted(tmp_path / "fixed.keras", photo[0], tmp_path / "out").shape == (240, 320)
    line = "photos of 320x240 are seen at 32x24 (width x height), which the model is fixed to"
    assert line in capsys.readouterr().err
