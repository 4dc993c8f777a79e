"""One call for all runtimes, and what those say that cannot run here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.export.runtimes import cpu, registry

ROOT = Path(__file__).resolve().parents[3]


def one_line(info) -> str:
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


@pytest.fixture
def no_drivers(monkeypatch, tmp_path):
    monkeypatch.setenv("SEGNET_TF_RUNTIMES", str(tmp_path))


def test_missing_driver_names_the_command(no_drivers, float_file, images):
    for name in ("gpu-float32", "gpu-float16"):
        runtime = registry.get(name)
        assert "make runtimes-gpu" in runtime.unavailable()
        with pytest.raises(UserError) as info:
            runtime.run(float_file, images)
        assert "make runtimes-gpu" in one_line(info)


def test_cpu_runtimes_are_always_there(no_drivers):
    assert [registry.get(name).unavailable() for name in cpu.KERNELS] == [None] * 3
    others = {"aarch64", "gpu-float32", "gpu-float16", "browser-wasm", "browser-webgpu", "qualcomm"}
    assert set(registry.RUNTIMES) == others | set(cpu.KERNELS)


def test_unknown_runtime():
    with pytest.raises(UserError) as info:
        registry.get("tpu")
    assert "'tpu'" in one_line(info)
    assert all(name in str(info.value) for name in registry.RUNTIMES)


@pytest.mark.parametrize("name", cpu.KERNELS)
def test_outputs_are_those_of_keras(name, narrow, float_file, images):
    result = registry.get(name).run(float_file, images)
    assert [len(outputs) for outputs in result.outputs] == [1, 1]
    for outputs, image in zip(result.outputs, images, strict=True):
        np.testing.assert_allclose(outputs[0], narrow(image), atol=1e-5)
    assert (result.delegated == 0) is (not registry.get(name).has_delegate)


def test_images_of_another_shape(float_file):
    with pytest.raises(UserError) as info:
        registry.get("xnnpack").run(float_file, [np.zeros((1, 32, 32, 3), np.float32)])
    assert "(1, 64, 96, 3)" in one_line(info)


GOOD_LOG = "I0000 00:00:1.2 3 environment.cc:5] Selected adapter: SwiftShader Device (Subzero), x\n"


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("W0000 00:00:1.2 3 gpu_model_builder.cc:39] Shape mismatch in split", "Shape mismatch"),
        ("E0000 00:00:1.2 3 environment.cc:4] no", "E0000"),
        ("INFO: [environment.cc:1] WebGPU error: Error while parsing WGSL", "WGSL"),
        ("ERROR: Following operations are not supported", "ERROR"),
        ("Device was lost before MapAsync completed.", "lost"),
    ],
)
def test_log_with_an_error_is_refused(line, word):
    gpu = registry.get("gpu-float32")
    gpu.check_log(GOOD_LOG + "WARNING: Logging before InitGoogle()\n")
    with pytest.raises(UserError) as info:
        gpu.check_log(f"{GOOD_LOG}{line}\n")
    assert word in one_line(info)


def test_log_of_another_driver_is_refused():
    for log in (GOOD_LOG, ""):
        with pytest.raises(UserError) as info:
            registry.get("gpu-float16").check_log(log)
        assert "llvmpipe" in one_line(info)


def test_fetching_says_what_the_system_lacks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "export.fetch_gpu_drivers"],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path), "SEGNET_TF_RUNTIMES": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "Received: " in done.stderr


def test_worker_imports_no_tensorflow():
    # TensorFlow exports an LLVM of its own, which lavapipe would then call and crash.
    code = "import sys, segnet_tf.export.runtimes.gpu_worker; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
