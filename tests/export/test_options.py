"""`ExportOptions`: refused at once, without a model, what no export can be."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from segnet_tf.errors import UserError
from segnet_tf.export.compression.plan import Compression
from segnet_tf.export.options import ExportFields, ExportOptions, options_of
from segnet_tf.export.tflite_file import formats
from segnet_tf.export.tflite_file.uncertainty import Uncertainty

FLOATS = ("float32", "float16", "dynamic")
REFUSED = {
    "no such format": ({"format": "int16x8"}, "`format` must be one of int8, float32"),
    "no such io": ({"format": "int8", "io": "int16"}, "Received: io='int16'"),
    "no such output": ({"format": "int8", "output_kind": "masks"}, "`output_kind` must be one of"),
    "no such unpool": ({"format": "float32", "unpool": "scatter"}, "`unpool` must be one of"),
    "no image at a time": ({"format": "int8", "batch": 0}, "`batch` must be at least 1"),
    "calibrated on nothing": (
        {"format": "int8", "calibration_images": 0},
        "`calibration_images` must be at least 1, `seed` at least 0. Received: 0 and 0",
    ),
    "negative seed": ({"format": "float32", "seed": -1}, "Received: 64 and -1"),
    "no number": (
        {"format": "float32", "largest_drop": float("nan")},
        "`largest_drop` must be a number",
    ),
    "ranges of other weights": (
        {"format": "int8", "ranges": "r.json", "compression": Compression(prune=0.5)},
        "`ranges` \\(--ranges\\) must not go with `compression`.*Received: r.json",
    ),
    "one sample": ({"format": "int8", "mc_samples": 1}, "must be 2 to 64 passes.*Received: 1"),
    "too many samples": ({"format": "int8", "mc_samples": 65}, "must be 2 to 64 passes"),
    "half a sample": ({"format": "int8", "mc_samples": 2.5}, "`mc_samples` must be a whole number"),
    "no such uncertainty": (
        {"format": "int8", "uncertainty": "variance"},
        "`uncertainty` must be one of entropy. Received: 'variance'",
    ),
    "logits of samples": (
        {"format": "int8", "mc_samples": 8, "output_kind": "logits"},
        "--mc-samples\\) is made of probabilities. Received: output_kind='logits'",
    ),
    "entropy of logits": (
        {"format": "float32", "uncertainty": "entropy", "output_kind": "logits"},
        "--uncertainty\\) is made of probabilities. Received: output_kind='logits'",
    ),
    "custom samples": (
        {"format": "float32", "mc_samples": 8, "unpool": "custom"},
        "--mc-samples\\) is made of builtin ops. Received: unpool='custom'",
    ),
    "pruned samples": (
        {"format": "int8", "mc_samples": 8, "compression": Compression(prune=0.5)},
        "--mc-samples\\) needs dropout, which it takes out. Received: compression",
    ),
    "samples layer by layer": (
        {"format": "int8", "mc_samples": 8, "debug": True},
        "--mc-samples\\) has many tensors a layer. Received: debug=True",
    ),
    **{
        f"{name} in {format}": ({"format": format, **fields}, words)
        for format in FLOATS
        for name, fields, words in (
            ("io", {"io": "int8"}, "`io` must be float32, or uint8 or int8 together with format"),
            ("bytes", {"io": "uint8"}, "Received: io='uint8'. Export to int8 or leave out io"),
            ("qat", {"compression": Compression(qat=1)}, f"--qat.*needs format=.int8.*=.{format}"),
            ("debug", {"debug": True}, f"--debug.*needs format=.int8.*=.{format}"),
            ("ranges", {"ranges": "r.json"}, f"--ranges.*needs format=.int8.*=.{format}"),
        )
    },
    **{
        f"custom in {format}": (
            {"format": format, "unpool": "custom"},
            f"--unpool custom.*must go with format=.float32. or.*Received: format=.{format}",
        )
        for format in ("int8", "dynamic")
    },
}
REFUSED_TRAININGS = {
    "no epochs": ({"qat": 0}, "`qat` \\(--qat\\) must be at least 1"),
    "nothing pruned": ({"prune": 0.0}, "`prune` \\(--prune\\) must be a share"),
    "all pruned": ({"prune": 1.0}, "`prune` \\(--prune\\) must be a share"),
    "one value": ({"cluster": 1}, "`cluster` \\(--cluster\\) must be 2 to 256"),
    "too many values": ({"cluster": 257}, "`cluster` \\(--cluster\\) must be 2 to 256"),
    "no fine-tuning": (
        {"prune": 0.5, "epochs": 0},
        "`epochs` \\(--fine-tune-epochs\\) must be at least 1",
    ),
    "zero and one more": (
        {"prune": 0.5, "cluster": 2},
        "`cluster` \\(--cluster\\) must be 3 or more",
    ),
    "torn clusters": ({"qat": 1, "cluster": 8}, "`cluster` \\(--cluster\\) cannot be combined"),
    "epochs of nothing": ({"epochs": 2}, "`epochs` \\(--fine-tune-epochs\\) is how long"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_combination_is_one_line(case):
    fields, words = REFUSED[case]
    with pytest.raises(UserError, match=words) as caught:
        ExportOptions(**fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", REFUSED_TRAININGS)
def test_a_wrong_training_is_one_line(case):
    fields, words = REFUSED_TRAININGS[case]
    with pytest.raises(UserError, match=words) as caught:
        Compression(**fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("format", formats.FORMATS)
def test_every_format_needs_nothing_else(format):
    options = ExportOptions(format)
    assert (options.io, options.output_kind, options.batch) == ("float32", "logits", 1)
    assert not options.compression
    with pytest.raises(UserError, match="`batch`"):  # a changed copy is checked too
        dataclasses.replace(options, batch=-1)


def test_an_uncertainty_is_given_with_probabilities_or_labels():
    assert ExportOptions("int8").second_output is None
    samples = ExportOptions("int8", mc_samples=8, seed=3)
    assert samples.output_kind == "probabilities"
    assert samples.second_output == Uncertainty(samples=8, seed=3)
    labels = ExportOptions("float16", uncertainty="entropy", output_kind="labels")
    assert labels.output_kind == "labels" and labels.second_output == Uncertainty(samples=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"format": "int8", "mc_samples": 2, "uncertainty": "entropy", "ranges": "r.json"},
        {"format": "int8", "uncertainty": "entropy", "compression": Compression(qat=1)},
        {"format": "int8", "io": "uint8", "debug": True, "ranges": "r.json"},
        {"format": "int8", "compression": Compression(qat=1, prune=0.5)},
        {"format": "float16", "unpool": "custom", "compression": Compression(prune=0.5)},
        {"format": "float32", "largest_drop": -1.0},
    ],
)
def test_what_goes_together_is_let_through(fields):
    options = ExportOptions(**fields)
    assert all(getattr(options, name) == value for name, value in fields.items())


def test_the_options_cost_no_import_of_tensorflow():
    """A command line reads them for its `--help`."""
    code = (
        "import sys, segnet_tf.export.options; "
        "print({'tensorflow', 'keras', 'numpy'} & {name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_keywords_are_the_fields():
    """A type checker sees the keywords, the call makes the data class: they must be the same."""
    fields = {field.name: field.type for field in dataclasses.fields(ExportOptions)}
    keywords = {
        name: getattr(kind, "__forward_arg__", kind)
        for name, kind in ExportFields.__annotations__.items()
    }
    assert keywords == fields and list(keywords) == list(fields)
    assert not ExportFields.__required_keys__


WRONG_VALUES = {
    "text for a size": (
        {"input_size": "64x64"},
        r"`input_size` must be \(height, width\).*'64x64'",
    ),
    "negative size": ({"input_size": (-32, 48)}, r"Received: \(-32, 48\)"),
    "a size of floats": ({"input_size": (32.0, 48)}, r"Received: \(32.0, 48\)"),
    "one side": ({"input_size": 64}, "Received: 64"),
    "three sides": ({"input_size": (64, 64, 3)}, r"Received: \(64, 64, 3\)"),
    "capitals": ({"format": "INT8"}, "Received: format='INT8'. Did you mean int8"),
    "no format": ({"format": None}, "`format` must be one of"),
    "another type of format": ({"format": ["int8"]}, "`format` must be one of"),
    "text for a number": ({"batch": "2"}, "`batch` must be a whole number. Received: '2'"),
    "half an image": ({"calibration_images": 1.5}, "`calibration_images` must be a whole number"),
    "true images": ({"limit": True}, "`limit` must be a whole number. Received: True"),
    "no images": ({"limit": 0}, "`limit` must be at least 1 image"),
    "text for a seed": ({"seed": "0"}, "`seed` must be a whole number"),
    "text for a drop": ({"largest_drop": "2 %"}, "`largest_drop` must be a number"),
    "text for a flag": ({"overwrite": "no"}, "`overwrite` must be True or False"),
    "a number for a path": ({"output": 3}, "`output` must be a path. Received: 3"),
    "text for a training": ({"compression": "qat"}, "`compression` must be a Compression"),
}


@pytest.mark.parametrize("case", WRONG_VALUES)
def test_a_wrong_value_is_one_line(case):
    fields, words = WRONG_VALUES[case]
    with pytest.raises(UserError, match=words) as caught:
        ExportOptions(**{"format": "int8", **fields})
    assert "\n" not in str(caught.value)


def test_values_of_numpy_do_as_well():
    sides = np.array([32, 48])
    options = ExportOptions("int8", input_size=list(sides), limit=np.int64(2), batch=np.uint8(1))
    assert options.input_size == (32, 48)


WRONG_CALLS = {
    "misspelt": (None, {"format": "int8", "ouput": 3}, r"Received: ouput=\. Did you mean output\?"),
    "misspelt model": (None, {"format": "int8", "modle": 3}, r"Did you mean model\?"),
    "of another function": (None, {"format": "int8", "xyz": 3}, "Received: xyz=. There are model"),
    "no format": (
        None,
        {"batch": 2},
        '`format` must be one of.*Received: none. Give format="int8"',
    ),
    "format in second place": ("int8", {}, r"'int8' in second place. Write .*format=\"int8\""),
    "and in capitals": ("FLOAT16", {}, 'Write .*format="float16"'),
    "a dict": ({"format": "int8"}, {}, "`options` must be ExportOptions.*Received: dict"),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_a_wrong_call_is_one_line(case):
    options, fields, words = WRONG_CALLS[case]
    with pytest.raises(UserError, match=words) as caught:
        options_of(options, fields)
    assert "\n" not in str(caught.value)
