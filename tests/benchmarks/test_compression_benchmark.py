"""benchmarks/compression.py: what it measures and what it writes, never how good it is."""

from __future__ import annotations

import gzip
import json

import compression
import pytest

from segnet_tf.export.compression.plan import Compression


@pytest.mark.slow
def test_every_way_has_a_row(run, tmp_path, fast, capfd):
    files, out = tmp_path / "files", tmp_path / "out.json"
    arguments = ["--model", run, "--data", "synthetic:8", "--clusters", 8, "--limit", 1]
    arguments = [str(a) for a in [*arguments, "--output", files, "--json", out]]
    assert compression.main(arguments) == 0
    content = json.loads(out.read_text())
    rows = content["rows"]
    assert list(rows) == [
        "float32", "int8", "qat 1", "prune 0.5", "prune 0.5 + qat 1", "cluster 8",
        "prune 0.5 + cluster 8",
    ]  # fmt: skip
    for name, row in rows.items():
        stored = (files / f"{name.replace(' ', '_')}.tflite").read_bytes()
        assert row["bytes"] == len(stored) and row["wrong_pairs"] == 0
        assert row["gzip_bytes"] == len(gzip.compress(stored, 9, mtime=0))
        assert 0 <= row["mean_iou"] <= 1 and 0 <= row["boundary_f1"] <= 1
    assert rows["prune 0.5"]["zeros"] == pytest.approx(0.5, abs=0.01)
    shown = capfd.readouterr()
    assert len(shown.out.splitlines()) == 2 + len(rows)
    # Three rows begin with the same pruning, which is trained once.
    assert shown.err.count("prune 0.5: epoch 1 of 1") == 1
    assert shown.err.count("going on after epoch 1") == 2
    # Called again it takes what is there.
    times = {path: path.stat().st_mtime_ns for path in files.iterdir()}
    assert compression.main([*arguments, "--overwrite"]) == 0
    assert times == {path: path.stat().st_mtime_ns for path in files.iterdir()}
    assert json.loads(out.read_text()) == content


def test_the_rows_are_what_was_asked_for():
    made = compression.ways(qat_epochs=3, epochs=5, sparsity=0.6, clusters=16)
    assert made["float32"] is None and made["int8"] == Compression()
    assert made["prune 0.6 + qat 3"] == Compression(qat=3, prune=0.6, epochs=5)
    assert made["cluster 16"] == Compression(cluster=16, epochs=5)
    assert made["prune 0.6 + cluster 16"] == Compression(prune=0.6, cluster=16, epochs=5)


def test_bad_input_is_one_line(capsys, tmp_path):
    there = tmp_path / "there.json"
    there.write_text("{}")
    assert compression.main(["--json", str(there)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--overwrite" in error
    assert compression.main(["--only", "int8", "int9"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith("Received: int9.\n")
