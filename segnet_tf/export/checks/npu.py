"""A .tflite file that has passed its checks, compiled for Qualcomm NPUs and checked there too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from segnet_tf.data import Samples
from segnet_tf.errors import UserError
from segnet_tf.export.checks import agreement, rules
from segnet_tf.export.checks.parity import label_map
from segnet_tf.export.checks.report import Report
from segnet_tf.export.conversion import masks
from segnet_tf.export.runtimes import qualcomm, registry
from segnet_tf.export.runtimes.qualcomm import Qualcomm
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.formats import OutputKind
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.outputs import check_file

# An image takes the emulator 5 to 30 seconds.
IMAGES = 1


def output_of(path: Path, soc: str) -> Path:
    """Where the file compiled for `soc` lies: beside the one it is made from."""
    return path.with_name(f"{path.stem}_{soc}{path.suffix}")


def check(socs: Iterable[str], path: Path, overwrite: bool) -> None:
    """Raises UserError for what cannot be compiled at all, before anything takes its time."""
    for soc in socs:
        qualcomm.check_soc(soc)
        check_file(output_of(path, soc), overwrite)
        if missing := Qualcomm(soc=soc).unavailable():
            raise UserError(
                f"`npu` (--npu) needs its compiler and emulator. Received: {soc}, but {missing}"
            )


def added(report: Report, aside: Path, path: Path, soc: str, samples: Samples | None) -> Report:
    """Compiles a file for an SoC, checks it in the emulator, and writes it if all is well.

    Args:
        report: of the file, without failures.
        aside: the file.
        path: what it is going to be called.
        soc: a name in `qualcomm.socs()`.
        samples: images to run, of which the first is taken; `None` for a synthetic scene.

    Returns:
        The report with `npu`: ops, partitions, masks and pixels of each SoC so far.

    Raises:
        UserError: the compiler refuses the file, or leaves a part of it out.
    """
    content = aside.read_bytes()
    graph = flatbuffer.read(content)
    npu = Qualcomm(soc=soc)
    compiled = npu.compiled(content)
    qualcomm.check_whole(compiled, soc)
    images = agreement.model_images(graph.tensors[graph.inputs[0]].shape, samples, IMAGES)
    wrong, pairs = 0, 0
    if masks.find(graph):
        wrong, pairs = rules.count_mask_mismatches(content, images, npu)
    kind = TFLiteModel(aside).output.kind
    here, there = (
        [_classes(outputs[-1], kind) for outputs in runtime.run(content, images).outputs]
        for runtime in (npu, registry.get("xnnpack"))
    )
    same = float(np.mean(np.equal(here, there)))
    failures = [f"argmax masks: {wrong} of {pairs} pairs wrong on {soc}"] if wrong else []
    output = output_of(path, soc)
    facts = {
        "file": str(output),
        "bytes": len(compiled.content),
        "ops": compiled.total,
        "partitions": compiled.partitions,
        "wrong_pairs": wrong,
        "pairs": pairs,
        "pixels_as_xnnpack": same,
        "images": len(images),
    }
    text = (
        f"NPU          {soc}: {compiled.delegated} of {compiled.total} ops, partitions: "
        f"{compiled.partitions}\n"
        f"NPU masks    {wrong:,} of {pairs:,} pairs wrong, in the emulator of {soc}\n"
        f"NPU pixels   {100 * same:.2f} % have XNNPACK's class, {len(images)} image\n"
        f"NPU file     {output}, {len(compiled.content) / 1e6:.2f} MB; experimental: no phone has "
        "run it"
    )
    if not failures:
        with replacing(output) as compiled_aside:
            compiled_aside.write_bytes(compiled.content)
    found = {**report.facts.get("npu", {}), soc: facts}
    return report.added("npu", found, text, failures)


def _classes(values: np.ndarray, kind: OutputKind) -> np.ndarray:
    if kind == "labels":
        return values
    return label_map(values, 0.5 if kind == "probabilities" else 0.0)
