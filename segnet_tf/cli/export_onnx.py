"""`segnet-tf export --onnx`: a trained model to an ONNX file that has passed its checks."""

from __future__ import annotations

import argparse
from typing import Any

from segnet_tf.errors import UserError
from segnet_tf.system.json_files import write_json
from segnet_tf.system.outputs import check_file
from segnet_tf.system.tensorflow_start import start_tensorflow

# What an ONNX file has not, with the value that says it was not asked for.
_NOT_HERE: dict[str, Any] = {
    "io": "float32",
    "unpool": "builtin",
    "mc_samples": None,
    "uncertainty": None,
    "ranges": None,
    "debug": False,
    "qat": None,
    "prune": None,
    "cluster": None,
    "npu": None,
    "max_drop": None,
}


def run(arguments: argparse.Namespace) -> int:
    """Exports at one size; UserError if a check failed."""
    for name, unset in _NOT_HERE.items():
        if getattr(arguments, name) != unset:
            option = f"--{name.replace('_', '-')}"
            raise UserError(
                f"`--onnx` is float32 and has no {option}. Received: {option} with it. Leave it "
                "out, or export a .tflite file."
            )
    sizes = arguments.input_size or [None]
    if len(sizes) > 1:
        raise UserError(
            f"`--input-size` must be one size with --onnx. Received: {len(sizes)}. Call it once "
            "for each size."
        )
    check_file(arguments.json, arguments.overwrite, "--json")
    start_tensorflow()
    from segnet_tf.export import onnx_exporter

    limit = onnx_exporter.IMAGES if arguments.limit is None else arguments.limit
    path, facts = onnx_exporter.export_onnx(
        arguments.model,
        data=arguments.data,
        output=arguments.output,
        input_size=sizes[0],
        output_kind=arguments.output_kind or "logits",
        batch=arguments.batch,
        labels=arguments.labels,
        limit=limit,
        overwrite=arguments.overwrite,
    )
    write_json(arguments.json, facts)
    print(onnx_exporter.text(facts))
    print(f"wrote {path}")
    return 0
