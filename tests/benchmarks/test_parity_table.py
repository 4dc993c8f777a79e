"""benchmarks/parity.py and its text: what it prints and writes, not what the figures are."""

from __future__ import annotations

import dataclasses
import json

import parity as benchmark
import pytest
import tiny_models

from segnet_tf.cli import command
from segnet_tf.errors import UserError
from segnet_tf.export import exporter
from segnet_tf.export.checks import parity, parity_table
from segnet_tf.export.runtimes import registry
from segnet_tf.export.runtimes.cpu import Cpu
from segnet_tf.export.runtimes.gpu import Gpu
from segnet_tf.export.runtimes.protocol import Runtime

CELL = parity.Cell("float32", "xnnpack", 101, 105, 105, 0.99999999, 0.5, 0.5, 1e-5, 1e-6, 1.0)


def table(arguments, capsys) -> tuple[int, list[str], str]:
    code = benchmark.main(arguments)
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err


@pytest.mark.slow
def test_the_table_and_its_json(run, fast, tmp_path, capsys, monkeypatch):
    """A missing runtime is named with its command, one that refuses gets a row."""
    lacking = {"gpu-float32": "no driver: make runtimes-gpu"}

    class Refusing(Cpu):
        def run(self, content, images):
            raise UserError("`tflite` must be liked. Received: this one.")

    monkeypatch.setattr(Gpu, "unavailable", lambda self: lacking[self.name])
    monkeypatch.setitem(registry.RUNTIMES, "reference", Refusing("reference"))
    report = tmp_path / "out.json"
    names = ["xnnpack", "reference", "optimized", "gpu-float32"]
    arguments = ["--model", str(run), "--data", "synthetic:8", "--json", str(report)]
    arguments += ["--format", "float32", "int8", "--runtime", *names]
    code, lines, _ = table(arguments, capsys)
    assert code == 0
    assert "absent: gpu-float32: no driver: make runtimes-gpu" in lines
    for file_format in ("float32", "int8"):
        for runtime in ("xnnpack", "optimized"):
            assert any(line.split()[:3] == [file_format, runtime, "2"] for line in lines)
        assert f"{file_format:8} reference      refused: `tflite` must be liked. " in "\n".join(
            lines
        )
    content = json.loads(report.read_text())
    assert content["absent"] == lacking and content["images"] == 2
    rows = {(row["file_format"], row["runtime"]): row for row in content["rows"]}
    assert len(rows) == 4 and len(content["refused"]) == 2
    assert rows["float32", "xnnpack"]["pixels"] == 1.0
    assert rows["float32", "xnnpack"]["all_delegated"] is True
    assert rows["float32", "optimized"]["all_delegated"] is None
    (pair,) = content["int8_kernels"]["pairs"]
    assert (pair["first"], pair["second"], pair["images"]) == ("xnnpack", "optimized", 2)
    checked = {(row["runtime"], row["op"]) for row in content["int8_kernels"]["ops"]}
    assert checked >= {("xnnpack", "CONV_2D"), ("optimized", "CONV_2D")}
    assert set(content["files"]) == {"float32", "int8"}


def test_a_refused_format_does_not_end_the_table(run, fast, capsys, monkeypatch):

    def export(*_, **__):
        raise UserError("`model` must be whole. Received: half a one.")

    monkeypatch.setattr(exporter, "export", export)
    arguments = ["--model", str(run), "--format", "float32", "dynamic", "--runtime", "xnnpack"]
    code, lines, _ = table(arguments, capsys)
    assert code == 0
    assert [line.split()[0] for line in lines if "every runtime" in line] == ["float32", "dynamic"]


@pytest.mark.slow
def test_drawn_scenes_without_data(network, fast, tmp_path, capsys):
    """A bare file says nothing of its data."""
    network.save(tmp_path / "bare.keras")
    arguments = ["--model", str(tmp_path / "bare.keras"), "--input-size", "32x48", "--limit", "2"]
    code, lines, _ = table([*arguments, "--format", "float32", "--runtime", "xnnpack"], capsys)
    assert code == 0
    assert "synthetic val, 2 images, 32x48" in lines[0]
    assert lines[-1].startswith("float32  xnnpack") and "99.99 %: yes" in lines[-1]


@pytest.mark.slow
def test_a_row_in_the_registry_is_all_that_a_runtime_needs(
    network, fast, tmp_path, capsys, monkeypatch
):
    """It is offered, run as often as its speed says, and judged as its precision says."""

    class Half(Runtime):
        name, speed, float16, has_delegate = "half", "slow", True, False

        def unavailable(self):
            return None

        def run(self, content, images):
            return Cpu("reference").run(content, images)

    monkeypatch.setitem(registry.RUNTIMES, "half", Half())
    network.save(tmp_path / "bare.keras")
    arguments = ["--model", str(tmp_path / "bare.keras"), "--input-size", "32x48", "--limit", "3"]
    arguments += ["--format", "float32", "--runtime", "half", "--slow-images", "2"]
    code, lines, _ = table(arguments, capsys)
    assert code == 0
    assert lines[-1].split()[:3] == ["float32", "half", "2"]
    assert lines[-1].endswith("pixels >= 99.5 %: yes")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # All but one of a hundred million pixels is not all.
        ({"target": "t", "met": True}, "105/105     99.9999    50.00    50.00"),
        ({"target": "t", "met": True}, "t: yes"),
        ({"target": "t", "met": False}, "t: NO"),
        ({"target": "t", "met": True, "delegated": 99}, "t: yes, one delegate: NO"),
        ({"delegated": None}, "some/105"),
        (
            {"entropy_difference": 0.0471, "entropy_rank": 0.98765},
            "entropy 4.7e-02 nats apart, rank correlation 0.9877",
        ),
    ],
)
def test_a_row(changes, words):
    line = parity_table.row(dataclasses.replace(CELL, **changes))
    assert words in line and line == line.rstrip()


@pytest.mark.slow
def test_files_with_samples(tmp_path, fast, capsys):
    tiny_models.bayesian(11).save(tmp_path / "bare.keras")
    arguments = ["--model", str(tmp_path / "bare.keras"), "--input-size", "32x48", "--limit", "2"]
    arguments += ["--mc-samples", "2", "--format", "float32", "int8", "--runtime", "xnnpack"]
    code, lines, _ = table([*arguments, "--data", "synthetic:8"], capsys)
    assert code == 0
    for name in ("float32", "int8"):
        (line,) = (line for line in lines if line.split()[:2] == [name, "xnnpack"])
        assert "nats apart, rank correlation" in line and "refused" not in line


def test_slow_runtimes_get_few_images():
    parser = command.Parser("parity")
    benchmark.add_arguments(parser)
    arguments = parser.parse_args(["--slow-images", "4", "--emulated-images", "3"])
    counts = {name: benchmark.images_for(name, arguments, 50) for name in registry.RUNTIMES}
    slow = dict.fromkeys(("gpu-float32", "gpu-float16", "browser-webgpu"), 4)
    whole = dict.fromkeys(("xnnpack", "optimized", "reference", "browser-wasm"), 50)
    assert counts == {**slow, **whole, "aarch64": 3, "qualcomm": 3}
    assert benchmark.images_for("gpu-float16", arguments, 2) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--limit", "0"], "`limit` must be at least 1"),
        (["--slow-images", "0"], "`slow_images` must be at least 1"),
        (["--mc-samples", "1"], "`mc_samples` (--mc-samples) must be 2 to 64"),
        (["--model", "nothing"], "nothing"),
        (["--data", "no/such/folder"], "no/such/folder"),
        (["--json", "no/such/folder/out.json"], "`--json` must be in an existing folder"),
    ],
)
def test_bad_input_is_one_line(arguments, words, capsys):
    code, lines, error = table(arguments, capsys)
    assert code == 2 and lines == []
    assert error.startswith("parity: ") and error.count("\n") == 1
    assert words in error
