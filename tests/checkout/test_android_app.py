"""The Android app: its plain Kotlin on a JVM against Pillow, NumPy and TensorFlow; its sources."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from xml.etree import ElementTree

import numpy as np
import pytest
from checkout_files import ROOT
from PIL import Image, ImageOps

from export.android import check_stand_ins, resource_class
from segnet_tf.errors import UserError
from segnet_tf.system import places

APP = ROOT / "android_demo_assets" / "app"
MAIN = APP / "app" / "src" / "main"
KOTLIN = MAIN / "kotlin" / "com" / "example" / "segmentation"
PLAIN = ("Picture", "Mask", "Manifest", "Engine", "FrameTimes")
DRIVER = ROOT / "tests" / "checkout" / "android_app" / "Checks.kt"
COMPILER = places.runtimes() / "kotlin"
needs_kotlin = pytest.mark.skipif(
    not (COMPILER / ".ready").is_file(), reason="no Kotlin compiler: make android-kotlin"
)
MANIFEST = {
    "models": [
        {"file": "net_int8.tflite", "format": "int8", "input": {"shape": [1, 36, 48, 3]}},
        {"file": "net_float16.tflite", "format": "float16", "input": {"shape": [1, 36, 48, 3]}},
    ],
    "labels": ["Straße", 'a "b"', "$c"],
    "palette": [[128, 64, 1], [0, 0, 255], [255, 255, 255]],
}


@pytest.fixture(scope="module")
def kotlin(tmp_path_factory):
    """Runs lines of Checks.kt in a JVM and gives what they print."""
    jars = sorted((COMPILER / "run_kotlin_kernel" / "jars").glob("*.jar"))
    libraries = ":".join(str(jar) for jar in jars if jar.name.startswith("kotlin"))
    out = tmp_path_factory.mktemp("classes")
    sources = [str(KOTLIN / f"{name}.kt") for name in PLAIN] + [str(DRIVER)]
    compiler = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"
    options = ["-no-stdlib", "-no-reflect", "-Werror", "-cp", libraries, "-d", str(out)]
    command = ["java", "-cp", ":".join(map(str, jars)), compiler, *options, *sources]
    subprocess.run(command, check=True, timeout=280)

    def run(folder, *lines):
        (folder / "lines").write_text("".join(f"{line}\n" for line in lines), "utf-8")
        command = ["java", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"]
        command += ["-cp", f"{out}:{libraries}", "com.example.segmentation.ChecksKt"]
        command.append(str(folder / "lines"))
        found = subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        return found.stdout.decode().splitlines()

    return run


def argb(image):
    """uint8 `(height, width, 3)` -> Android's pixels, `(height, width)`."""
    red, green, blue = np.moveaxis(image.astype(np.uint32), -1, 0)
    return 0xFF000000 | red << 16 | green << 8 | blue


def channels(pixels):
    return np.stack([pixels >> shift & 255 for shift in (16, 8, 0)], -1).astype(np.float64)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (17, 23, 3), np.uint8)


@needs_kotlin
@pytest.mark.slow
def test_pictures_turn_as_pillow_and_numpy_turn_them(kotlin, image, tmp_path):
    argb(image).tofile(tmp_path / "in")
    lines = []
    for orientation in range(1, 9):
        height, width = (17, 23) if orientation < 5 else (23, 17)
        lines.append(f"upright {orientation} 23 17 {width} {height} in exif{orientation}")
    lines += [f"camera {degrees} 23 17 in camera{degrees}" for degrees in (0, 90, 180, 270)]
    kotlin(tmp_path, *lines)
    for orientation in range(1, 9):
        photo = Image.fromarray(image)
        photo.getexif()[0x0112] = orientation
        expected = argb(np.asarray(ImageOps.exif_transpose(photo)))
        found = np.fromfile(tmp_path / f"exif{orientation}", np.uint32)
        assert np.array_equal(found, expected.ravel()), orientation
    for degrees in (0, 90, 180, 270):  # CameraX counts clockwise, NumPy the other way
        found = np.fromfile(tmp_path / f"camera{degrees}", np.uint32)
        assert np.array_equal(found, argb(np.rot90(image, -degrees // 90)).ravel()), degrees


@needs_kotlin
@pytest.mark.slow
def test_pictures_are_stretched_as_tensorflow_stretches_them(kotlin, image, tmp_path):
    import tensorflow as tf

    argb(image).tofile(tmp_path / "in")
    left, top, right, bottom = part = (3, 2, 21, 15)
    sizes = ((48, 36), (11, 7), (1, 1))
    sides = " ".join(map(str, part))
    kotlin(tmp_path, *(f"upright 6 23 17 {w} {h} in {w}x{h} {sides}" for w, h in sizes))
    turned = np.rot90(image[top:bottom, left:right], -1)
    for width, height in sizes:
        resized = tf.image.resize(turned, (height, width), "bilinear").numpy()
        pixels = np.fromfile(tmp_path / f"{width}x{height}", np.uint32).reshape(height, width)
        assert np.abs(channels(pixels) - resized).max() <= 0.501  # rounded to 8 bits
        assert (pixels >> 24 == 255).all()


@needs_kotlin
@pytest.mark.slow
def test_pixels_and_masks_are_numpys(kotlin, image, tmp_path):
    stride = 4 * 23 + 12
    rows = np.full((17, stride), 7, np.uint8)
    rgba = np.concatenate([image, np.full((17, 23, 1), 255, np.uint8)], -1)
    rows[:, : 4 * 23] = rgba.reshape(17, -1)
    rows.ravel()[: 16 * stride + 4 * 23].tofile(tmp_path / "rows")  # the last row has no rest
    argb(image).tofile(tmp_path / "in")
    random = np.random.default_rng(1)
    logits = random.integers(-3, 4, (6, 5, 200)).astype(np.float32)  # ties; ids above 127
    logits[0, 0, 199] = 9
    logits.tofile(tmp_path / "logits")
    single = random.normal(size=(6, 5, 1)).astype(np.float32)
    single[0, 0] = 0
    single.tofile(tmp_path / "single")
    palette = random.integers(0, 1 << 24, 200, dtype=np.uint32)
    palette.tofile(tmp_path / "palette")
    kotlin(
        tmp_path,
        f"rgba 23 17 {stride} rows rgba",
        "rgb in rgb",
        "argmax 5 6 logits ids",
        "argmax 5 6 single one",
        "painted 128 palette ids painted",
        "shares 200 ids shares",
    )
    assert np.array_equal(np.fromfile(tmp_path / "rgba", np.uint32), argb(image).ravel())
    assert np.array_equal(np.fromfile(tmp_path / "rgb", np.float32), image.ravel())
    ids = logits.argmax(-1).ravel()
    assert np.array_equal(np.fromfile(tmp_path / "ids", np.uint8), ids) and ids.max() == 199
    assert np.array_equal(np.fromfile(tmp_path / "one", np.uint8), (single > 0).ravel())
    painted = np.fromfile(tmp_path / "painted", np.uint32)
    assert np.array_equal(painted, 128 << 24 | palette[ids])
    shares = np.fromfile(tmp_path / "shares", np.float32)
    assert np.allclose(shares, np.bincount(ids, minlength=200) / ids.size)


@needs_kotlin
@pytest.mark.slow
def test_manifests_engines_and_times(kotlin, tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST), "utf-8")
    shipped = ROOT / "android_demo_assets" / "manifest.json"
    files = "net_int8.tflite net_int8_SM8750.tflite net_int8_SM8650.tflite"
    printed = kotlin(
        tmp_path,
        "manifest manifest.json",
        f"engines manifest.json SM8750 {files}",
        f"engines manifest.json SM8850 {files}",
        "times 2 9000000 9000000 0 1000000 2000000 10000000 3000000 6000000 30000000",
        "times 2 5000000 5000000 3",
        "sampling 4032 3024 480 360",
        "sampling 959 720 480 360",
        "sampling 100 100 480 360",
        f"manifest {shipped}",
    )
    assert printed[:2] == ["net_int8.tflite int8 48 36", "net_float16.tflite float16 48 36"]
    assert printed[2:6] == ["Straße", 'a "b"', "$c", "804001 0000FF FFFFFF"]
    usual = "int8 on the CPU: net_int8.tflite; float16 on the GPU: net_float16.tflite; "
    usual += "float16 on the GPU, MediaPipe: net_float16.tflite"
    assert printed[6] == f"{usual}; int8 on the NPU: net_int8_SM8750.tflite"
    assert printed[7] == usual
    # The mean of the last two; two frames that are 20 ms apart.
    assert printed[8:10] == ["2.0 4.0 50.0", "5.0 5.0 0.0"]
    assert printed[10:13] == ["8", "1", "1"]
    manifest = json.loads(shipped.read_text("utf-8"))
    first = manifest["models"][0]
    _, height, width, _ = first["input"]["shape"]
    assert printed[13] == f"{first['file']} {first['format']} {width} {height}"
    assert printed[15:-1] == manifest["labels"]
    assert printed[-1] == " ".join("{:02X}{:02X}{:02X}".format(*c) for c in manifest["palette"])


def test_strings_layouts_and_views_are_there(tmp_path):
    found = resource_class.names(MAIN / "res")
    code = "".join(file.read_text("utf-8") for file in KOTLIN.glob("*.kt"))
    used = re.findall(r"(?<!android\.)\bR\.(\w+)\.(\w+)", code)
    assert {kind for kind, _ in used} == {"layout", "string", "id"}
    assert {name for _, name in used} <= found["layout"] | found["string"] | found["id"]
    assert "        public static final int activity_main = 0;" in resource_class.java(found)
    for folder, ids in (("layout", "a"), ("layout-land", "b")):
        (tmp_path / "res" / folder).mkdir(parents=True)
        (tmp_path / "res" / folder / "main.xml").write_text(f'<View id="@+id/{ids}" />')
    with pytest.raises(UserError, match="the same views in all layouts named main. Received: a, b"):
        resource_class.names(tmp_path / "res")
    (tmp_path / "res" / "layout-land" / "main.xml").unlink()
    (tmp_path / "AndroidManifest.xml").write_text('<manifest label="@string/gone" />')
    with pytest.raises(UserError, match="Received: no string 'gone'"):
        resource_class.names(tmp_path / "res")


def test_what_is_said_fits_its_text():
    """Each text with a place for a value gets as many values as it has places."""
    texts = {
        element.attrib["name"]: element.text or ""
        for element in ElementTree.parse(MAIN / "res" / "values" / "strings.xml").getroot()
    }
    code = (KOTLIN / "MainActivity.kt").read_text("utf-8")
    calls = re.findall(r"getString\(R\.string\.(\w+)((?:, [\w.\[\]]+(?:\(\w+\))?)*)\)", code)
    assert len(calls) >= 6
    for name, values in calls:
        assert values.count(", ") == len(re.findall(r"%\d\$", texts[name])), name


def test_versions_are_used_and_the_models_are_taken_from_above():
    catalog = tomllib.loads((APP / "gradle" / "libs.versions.toml").read_text("utf-8"))
    entries = [*catalog["libraries"].values(), *catalog["plugins"].values()]
    assert {entry["version"]["ref"] for entry in entries} == set(catalog["versions"])
    scripts = "".join(file.read_text("utf-8") for file in APP.rglob("*.kts"))
    for name in catalog["libraries"]:
        assert f"libs.{name.replace('-', '.')})" in scripts
    assert 'getOrElse("..")' in scripts and "minSdk = if (npu) 31 else 24" in scripts
    properties = (APP / "gradle" / "wrapper" / "gradle-wrapper.properties").read_text("utf-8")
    assert "gradle-9.6.0-bin.zip" in properties
    assert "Gradle 9.6" in (APP / "README.md").read_text("utf-8")


def test_a_stand_in_that_android_has_not_so_is_found(tmp_path):
    stub = tmp_path / "android-stubs" / "view" / "__init__.pyi"
    stub.parent.mkdir(parents=True)
    stub.write_text(
        "class View:\n"
        "    GONE: typing.ClassVar[int] = ...\n"
        "    def __init__(self, context: android.content.Context, /) -> None: ...\n"
        "    def getDisplay(self) -> Display | None: ...\n"
        "    def post(self, action: java.lang.Runnable, /) -> bool: ...\n"
    )
    cls = check_stand_ins.stub(tmp_path, "android.view.View")
    assert cls is not None and check_stand_ins.stub(tmp_path, "android.view.Other") is None
    text = """
  public static final int GONE;
  public static final int SHUT;
  public android.view.View(android.content.Context);
  public android.view.Display getDisplay();
    RuntimeInvisibleAnnotations:
      0: #7()
        org.jetbrains.annotations.Nullable
  public android.view.Display getDisplay();
  public boolean post(java.lang.Runnable);
  public boolean post(int);
"""
    found = check_stand_ins.members(text, "android.view.View")
    right = [check_stand_ins.is_there(member, cls) for member in found]
    assert right == [True, False, True, True, False, True, False]
