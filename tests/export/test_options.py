"""`ExportOptions`: refused at once, without a model, what no export can be."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from segnet_tf.errors import UserError
from segnet_tf.export.compression.plan import Compression
from segnet_tf.export.options import ExportOptions
from segnet_tf.export.tflite_file import formats

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
        "`--ranges` cannot be combined with --qat, --prune and --cluster.*Received: r.json",
    ),
    **{
        f"{name} in {format}": ({"format": format, **fields}, words)
        for format in FLOATS
        for name, fields, words in (
            ("io", {"io": "int8"}, "`io` must be float32, or uint8 or int8 together with --int8"),
            ("bytes", {"io": "uint8"}, "Received: io='uint8'. Add --int8 or leave out --io"),
            ("qat", {"compression": Compression(qat=1)}, f"needs --int8.*--qat with --{format}"),
            ("debug", {"debug": True}, f"needs --int8.*--debug with --{format}"),
            ("ranges", {"ranges": "r.json"}, f"need --int8.*--ranges with --{format}"),
        )
    },
    **{
        f"custom in {format}": (
            {"format": format, "unpool": "custom"},
            f"`unpool` custom must go with --float32 or --float16.*Received: --{format}",
        )
        for format in ("int8", "dynamic")
    },
}
REFUSED_TRAININGS = {
    "no epochs": ({"qat": 0}, "`--qat` must be at least 1"),
    "nothing pruned": ({"prune": 0.0}, "`--prune` must be a share"),
    "all pruned": ({"prune": 1.0}, "`--prune` must be a share"),
    "one value": ({"cluster": 1}, "`--cluster` must be 2 to 256"),
    "too many values": ({"cluster": 257}, "`--cluster` must be 2 to 256"),
    "no fine-tuning": ({"prune": 0.5, "epochs": 0}, "`--fine-tune-epochs` must be at least 1"),
    "zero and one more": ({"prune": 0.5, "cluster": 2}, "`--cluster` must be 3 or more"),
    "torn clusters": ({"qat": 1, "cluster": 8}, "`--cluster` cannot be combined"),
    "epochs of nothing": ({"epochs": 2}, "`--fine-tune-epochs` is how long"),
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


@pytest.mark.parametrize(
    "fields",
    [
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
