"""LiteRT's compiler for Qualcomm NPUs, and what their emulator makes of our files."""

from __future__ import annotations

import json
from pathlib import Path

import edited_tflite
import lowered_pair
import numpy as np
import pytest
import small_files
import tensorflow as tf
from PIL import Image

from segnet_tf.cli.main import main
from segnet_tf.errors import UserError
from segnet_tf.export.checks import rules
from segnet_tf.export.options import ExportOptions
from segnet_tf.export.runtimes import cpu, qualcomm
from segnet_tf.export.runtimes.qualcomm import Compiled, Qualcomm
from segnet_tf.export.tflite_file import flatbuffer

ROOT = Path(__file__).resolve().parents[3]
SPAN = (-6.0, 6.0)
needs_parts = pytest.mark.skipif(
    bool(Qualcomm().unavailable()), reason=Qualcomm().unavailable() or ""
)


@pytest.fixture
def no_parts(monkeypatch, tmp_path):
    monkeypatch.setattr(qualcomm, "PARTS", tmp_path)


def test_missing_parts_name_the_command(no_parts):
    said = Qualcomm().unavailable()
    assert "make runtimes-npu" in said and "\n" not in said
    with pytest.raises(UserError, match="make runtimes-npu"):
        Qualcomm().compiled(b"")
    assert "\nruntimes-npu:" in (ROOT / "Makefile").read_text("utf-8")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": "dynamic", "npu": ("SM8750",)}, "compiled whole.*--dynamic.*int8 or float16"),
        ({"format": "float16", "npu": ("SM8750",), "unpool": "custom"}, "unpool='custom'"),
        ({"format": "int8", "npu": "SM8750"}, "`npu` must be a tuple of names"),
    ],
)
def test_what_no_npu_takes_is_one_line(fields, words):
    with pytest.raises(UserError, match=words) as caught:
        ExportOptions(**fields)
    assert "\n" not in str(caught.value)


def test_an_soc_is_one_of_litert_s_list():
    assert {"SM8550", "SM8650", "SM8750"} <= set(qualcomm.socs())
    with pytest.raises(UserError, match="SM8750.*Received: 'SM1'"):
        qualcomm.check_soc("SM1")


@pytest.mark.parametrize("found", [(85, 86, 1), (86, 86, 2)])
def test_a_file_in_parts_is_refused(found):
    qualcomm.check_whole(Compiled(b"", 86, 86, 1), "SM8750")
    with pytest.raises(UserError, match=f"{found[0]} of 86 ops in {found[2]}, with copies"):
        qualcomm.check_whole(Compiled(b"", *found), "SM8750")


def every_pair() -> np.ndarray:
    """int8 codes `(1, 512, 512, 2)`: a window for each ordered pair of codes.

    The pair lies in a row of the window in the first channel, in a column in the second, above and
    left of codes that are never larger than either.
    """
    first, second = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128), indexing="ij")
    lowest = np.minimum(first, second)
    codes = np.empty((1, 512, 512, 2), np.int8)
    codes[0, ::2, ::2] = first[..., None]
    codes[0, ::2, 1::2] = np.stack([second, lowest], -1)
    codes[0, 1::2, ::2] = np.stack([lowest, second], -1)
    codes[0, 1::2, 1::2] = lowest[..., None]
    return codes


def wrong_windows(content: bytes, codes: np.ndarray) -> int:
    """In how many windows the emulator places another value, or in another place, than NumPy."""
    interpreter = cpu.open_interpreter(content)
    scale, zero = lowered_pair.steps(interpreter)
    image = lowered_pair.on_steps(interpreter, codes)
    (outputs,) = Qualcomm().run(content, [image]).outputs
    pooled, unpooled = (np.rint(values / np.float32(scale)) + zero for values in outputs)
    wanted_pooled, _ = lowered_pair.tensorflows(codes.astype(np.float32), ceil=False)
    # Unpooling puts zeros, the code of 0, where no maximum was.
    argmax = tf.nn.max_pool_with_argmax(
        codes.astype(np.float32), 2, 2, "VALID", include_batch_in_index=True
    ).argmax.numpy()
    wanted = np.full(codes.shape, zero, np.float32)
    wanted.put(argmax.ravel(), wanted_pooled.ravel())
    windows = (unpooled != wanted).reshape(1, 256, 2, 256, 2, 2).any((2, 4))
    return int((windows | (pooled != wanted_pooled)).sum())


@pytest.mark.slow
@needs_parts
def test_all_pairs_of_codes_through_pooling_and_unpooling():
    codes = every_pair()
    content = lowered_pair.convert(codes.shape, "valid", SPAN)
    assert wrong_windows(content, codes) == 0

    def too_small(values, quantization):
        quantization.scale = np.asarray(quantization.scale) * np.float32(0.002)
        return values

    # The judge sees a gain with which neighboring codes give the same mask.
    assert wrong_windows(edited_tflite.with_kernels(content, too_small), codes) > 10_000


@pytest.mark.slow
@needs_parts
def test_uint8_input_gives_what_float32_gives():
    content, images = small_files.content("int8", "uint8"), small_files.images(2)
    result = Qualcomm().run(content, images)
    assert result.delegated == len(flatbuffer.read(content).ops)
    # The same network, whose file quantizes the image itself.
    expected = Qualcomm().run(small_files.content("int8"), images).outputs
    (first,), (second,) = result.outputs
    assert np.abs(first - second).max() > 1e-3  # each image has its own output
    np.testing.assert_array_equal(first, expected[0][0])
    np.testing.assert_array_equal(second, expected[1][0])


@pytest.mark.slow
@needs_parts
@pytest.mark.timeout(900)
def test_the_shipped_file_is_exact_there():
    folder = ROOT / "android_demo_assets"
    content = (folder / "segnet_lite_int8.tflite").read_bytes()
    height, width = flatbuffer.read(content).tensors[0].shape[1:3]
    sample = Image.open(folder / "sample.png").convert("RGB").resize((width, height))
    image = np.asarray(sample, np.float32)[None]
    wrong, pairs = rules.count_mask_mismatches(content, [image], Qualcomm())
    assert wrong == 0 and pairs > 300_000
    found, expected = (
        runtime.run(content, [image]).outputs[0][0].argmax(-1)
        for runtime in (Qualcomm(), cpu.Cpu("xnnpack", has_delegate=True))
    )
    assert (found == expected).mean() > 0.98 and len(np.unique(found)) > 3


@pytest.mark.slow
@needs_parts
def test_export_writes_a_compiled_file_beside_the_other(run, tmp_path, capsys):
    output, report = tmp_path / "m.tflite", tmp_path / "r.json"
    arguments = ["export", "--int8", "--model", str(run), "--output", str(output)]
    assert main([*arguments, "--npu", "SM8750", "--json", str(report)]) == 0
    compiled = tmp_path / "m_SM8750.tflite"
    said = json.loads(report.read_text())["npu"]["SM8750"]
    assert said["wrong_pairs"] == 0 and said["pairs"] > 1000 and said["partitions"] == 1
    assert said["bytes"] == compiled.stat().st_size > 1000
    assert f"NPU file     {compiled}" in capsys.readouterr().out
    assert compiled.read_bytes() != output.read_bytes()
    before = compiled.read_bytes()
    assert main([*arguments, "--overwrite", "--npu", "SM8750", "SM1"]) == 2
    assert compiled.read_bytes() == before


@pytest.mark.slow
@needs_parts
def test_a_file_that_the_compiler_refuses_is_one_line(run, tmp_path, capsys):
    output = tmp_path / "m.tflite"
    arguments = ["export", "--float16", "--model", str(run), "--output", str(output)]
    assert main([*arguments, "--npu", "SM8350"]) == 2  # an SoC without float16
    error = capsys.readouterr().err.splitlines()[-1]
    assert "compiles for SM8350. Received: one that is refused: Failed to" in error
    assert not list(tmp_path.iterdir())
