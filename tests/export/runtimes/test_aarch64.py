"""LiteRT's aarch64 kernels under qemu-user against the x86 ones: bit by bit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import small_files

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import aarch64, cpu
from segnet_tf.export.runtimes.aarch64 import Aarch64

ROOT = Path(__file__).resolve().parents[3]
needs_parts = pytest.mark.skipif(
    bool(Aarch64().unavailable()), reason=Aarch64().unavailable() or ""
)


@pytest.fixture
def no_parts(monkeypatch, tmp_path):
    monkeypatch.setattr(aarch64, "PARTS", tmp_path)


def test_missing_parts_name_the_command(no_parts):
    said = Aarch64().unavailable()
    assert "make runtimes-aarch64" in said and "\n" not in said
    with pytest.raises(UserError, match="make runtimes-aarch64"):
        Aarch64().run(b"", [])
    assert "\nruntimes-aarch64:" in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.slow
@needs_parts
def test_unreachable_mirror_is_one_line(tmp_path):
    script = ROOT / "export" / "devices" / "aarch64.sh"
    done = subprocess.run(
        [script, tmp_path / "parts", "python3", ROOT / "constraints.txt"],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_MIRROR": "http://127.0.0.1:9/debian"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and "was not reached: E: " in done.stderr
    assert not list(tmp_path.iterdir()), "left over"


@pytest.mark.slow
@needs_parts
@pytest.mark.parametrize(
    ("kind", "processor", "tolerance"),
    [
        ("float32", "max", 0),
        # Their kernels add in another order.
        ("float32", "cortex-a76", 1e-6),
        ("float32", "cortex-a53", 1e-6),
        ("int8", "max", 0),
        ("int8", "cortex-a76", 0),
        ("int8", "cortex-a53", 0),
    ],
)
def test_same_bits_as_x86(kind, processor, tolerance):
    content, images = small_files.content(kind), small_files.images(2)
    interpreter = cpu.open_interpreter(content, "xnnpack")
    result = Aarch64(processor=processor).run(content, images)
    found = result.outputs
    assert result.delegated == cpu.partitions(content).delegated
    assert len(found) == len(images)
    for image, outputs in zip(images, found, strict=True):
        (expected,) = cpu.run(interpreter, image)
        assert len(np.unique(expected.argmax(-1))) > 1, "nothing to tell apart"
        assert small_files.same_pixels(outputs[0], expected) == 1
        np.testing.assert_allclose(outputs[0], expected, rtol=0, atol=tolerance, strict=True)


@pytest.mark.slow
@needs_parts
def test_uint8_input_is_quantized_there_too():
    content, images = small_files.content("int8", "uint8"), small_files.images(1)
    interpreter = cpu.open_interpreter(content, "xnnpack")
    ((found,),) = Aarch64().run(content, images).outputs
    np.testing.assert_array_equal(found, cpu.run(interpreter, images[0])[0], strict=True)


@pytest.mark.slow
@needs_parts
def test_refused_file_is_one_line():
    with pytest.raises(UserError, match="^`tflite` must") as caught:
        Aarch64().run(small_files.content("float32")[:4000], small_files.images(1))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@needs_parts
def test_time_limit():
    with pytest.raises(UserError, match="within 0.1 s"):
        Aarch64(seconds=0.1).run(small_files.content("float32"), [])
