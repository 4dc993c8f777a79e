"""Which precision a run trains in, on processors and GPUs that are here and that are not."""

from __future__ import annotations

import json

import pytest
import tiny_run

from segnet_tf import models
from segnet_tf.config import TrainConfig
from segnet_tf.config_files import RECIPES, read_config
from segnet_tf.system import processor
from segnet_tf.training import precision
from segnet_tf.training.run_training import resume, train

# Lines of /proc/cpuinfo. The first two are EPYCs, the third is a phone's core.
ZEN2 = "processor\t: 0\nflags\t\t: fpu sse4_2 avx2 fma f16c bmi2\n"
ZEN4 = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16 avx512_vnni\n"
SAPPHIRE = "processor\t: 0\nflags\t\t: fpu avx2 avx512f amx_bf16 amx_tile\n"
CORTEX = "processor\t: 0\nFeatures\t: fp asimd i8mm bf16\n"
OLD_ARM = "processor\t: 0\nFeatures\t: fp asimd asimdhp\nmodel name\t: bf16\n"


@pytest.mark.parametrize(
    ("text", "has"),
    [(ZEN2, False), (ZEN4, True), (SAPPHIRE, True), (CORTEX, True), (OLD_ARM, False), ("", False)],
)
def test_bfloat16_is_told_by_the_processor_s_flags(text, has, tmp_path):
    (tmp_path / "cpuinfo").write_text(text)
    assert processor.has_bfloat16(tmp_path / "cpuinfo") == has


def test_where_nothing_tells_there_is_none(tmp_path):
    assert not processor.has_bfloat16(tmp_path / "absent")


@pytest.mark.parametrize(
    ("asked", "gpu", "has_bfloat16", "resolved", "said"),
    [
        ("auto", None, True, "bfloat16", "bfloat16"),
        ("auto", None, False, "float32", "this processor has no bfloat16"),
        ("auto", (9, 0), False, "bfloat16", "bfloat16"),
        ("auto", (7, 5), True, "float16", "float16"),
        ("auto", (6, 1), True, "float32", "float32"),
        ("bfloat16", None, False, "bfloat16", "8 times"),
        ("bfloat16", None, True, "bfloat16", ""),
        ("bfloat16", (8, 0), False, "bfloat16", ""),
        ("float16", None, False, "float16", ""),
        ("float32", (9, 0), True, "float32", ""),
    ],
)
def test_what_is_trained_in(asked, gpu, has_bfloat16, resolved, said, monkeypatch, capsys):
    monkeypatch.setattr(precision, "gpu_capability", lambda: gpu)
    monkeypatch.setattr(processor, "has_bfloat16", lambda: has_bfloat16)
    assert precision.resolved(asked) == resolved
    output = "".join(capsys.readouterr())
    assert said in output and output.count("\n") == bool(said)


@pytest.mark.slow
def test_a_run_keeps_what_it_began_with(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(models, "build", tiny_run.build)
    tiny_run.without_pictures(monkeypatch)
    monkeypatch.setattr(precision, "gpu_capability", lambda: None)
    monkeypatch.setattr(processor, "has_bfloat16", lambda: False)
    train(tiny_run.config(epochs=1, mixed_precision="auto"), tmp_path / "run")
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert record["config"]["mixed_precision"] == "float32"
    capsys.readouterr()
    # On a machine that has it the run goes on as it began.
    monkeypatch.setattr(processor, "has_bfloat16", lambda: True)
    resume(tmp_path / "run")
    assert "bfloat16" not in "".join(capsys.readouterr())
    # And the other way round it says what that costs.
    record["config"]["mixed_precision"] = "bfloat16"
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    monkeypatch.setattr(processor, "has_bfloat16", lambda: False)
    resume(tmp_path / "run")
    assert "8 times" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(file.stem for file in RECIPES.glob("*.toml")))
def test_no_recipe_asks_for_what_a_processor_may_lack(name):
    config = TrainConfig.from_json(read_config(name))
    assert config.mixed_precision in ("auto", "float32")
