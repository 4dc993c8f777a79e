"""examples/segnet_tf.ipynb runs as it stands, from its first cell to its last."""

from __future__ import annotations

import json
import re

import pytest
from checkout_files import ROOT

NOTEBOOK = ROOT / "examples" / "segnet_tf.ipynb"


def test_it_is_kept_without_outputs():
    # They would be those of another version. Who opens it runs it, and so does the test below.
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 5
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)


def test_it_installs_the_package_only_where_it_is_missing():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    first = "".join(next(cell["source"] for cell in cells if cell["cell_type"] == "code"))
    assert re.search(r"find_spec\(\"segnet_tf\"\) is None:\n    %pip install.* segnet_tf$", first)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a minute and a half alone, on two cores
def test_it_runs_and_its_file_agrees_with_keras(tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="needs the extra `notebook`")
    nbclient = pytest.importorskip("nbclient", reason="needs the extra `notebook`")
    pytest.importorskip("ipykernel", reason="needs the extra `notebook`")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # The pictures as a reader sees them, not conftest's.
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=1000, resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    said = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 5  # the data, the scores, three scenes with their masks
    shares = [float(share) for share in re.findall(r"the same class: ([\d.]+) %", said)]
    assert len(shares) == 3 and min(shares) > 90, shares
    assert (tmp_path / "runs" / "notebook" / "model_int8.tflite").is_file()
