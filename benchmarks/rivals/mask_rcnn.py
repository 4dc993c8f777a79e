"""Mask R-CNN (torchvision's, ResNet-50 with FPN, random weights) in eager PyTorch, for its cost.

`python -m rivals.mask_rcnn HEIGHT WIDTH RUNS` prints a line of JSON. It imports no TensorFlow.

Reference:
    He et al., 2017, https://arxiv.org/abs/1703.06870
"""

from __future__ import annotations

import importlib.util
import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[1]
NAME = "mask_rcnn_resnet50_fpn"
# COCO's. Random weights are sure of nothing: without a threshold the mask branch has work to do, on
# as many objects as a street may show.
CLASSES, OBJECTS = 91, 20
RUNS = 5


def check_installed() -> None:
    """Raises UserError if PyTorch or torchvision is missing."""
    missing = [name for name in ("torch", "torchvision") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"`mask_rcnn` needs PyTorch and torchvision. Received: no {' and no '.join(missing)}. "
            "Install them: pip install -c constraints.txt -e '.[torch]'."
        )


def measure(size: tuple[int, int], runs: int = RUNS) -> dict[str, Any]:
    """Its cost in a subprocess with one thread, as a row of the table of `segnet-tf compare`.

    Args:
        size: `(height, width)` of the image in pixels, which the network is told not to enlarge.
        runs: to take the median of, after one to warm up.
    """
    done = subprocess.run(
        [sys.executable, "-m", "rivals.mask_rcnn", *map(str, (*size, runs))],
        cwd=BENCHMARKS,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(
            "`mask_rcnn` must run. Received: its process failed, see above. "
            "Give a smaller --size or leave it out."
        )
    found = json.loads(done.stdout.splitlines()[-1])
    note = (
        f"eager PyTorch in float32, random weights, {OBJECTS} objects, "
        f"{found['process_bytes'] / 1e6:.0f} MB peak memory of the process, of which "
        f"{found['bare_process_bytes'] / 1e6:.0f} MB are imports; timed by itself"
    )
    return {
        "name": NAME,
        "parameters": found["parameters"],
        "macs": found["macs"],
        "files": {"float32": {"ms": found["ms"]}},
        "notes": [note],
    }


def _run(height: int, width: int, runs: int) -> dict[str, Any]:
    import torch
    import torchvision
    from torch import nn

    from segnet_tf.system.resident import resident_peak

    bare = resident_peak()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=CLASSES,
        min_size=min(height, width),
        max_size=max(height, width),
        box_score_thresh=0.0,
        box_detections_per_img=OBJECTS,
    ).eval()
    macs = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal macs
        if isinstance(layer, nn.ConvTranspose2d):
            macs += inputs[0].numel() * math.prod(layer.weight.shape[1:])
        else:
            macs += output.numel() * math.prod(layer.weight.shape[1:])

    multiplying = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    layers = [layer for layer in model.modules() if isinstance(layer, multiplying)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    image = [torch.rand(3, height, width)]
    times = []
    with torch.inference_mode():
        model(image)
        for hook in hooks:
            hook.remove()
        for _ in range(runs):
            began = time.perf_counter()
            model(image)
            times.append(time.perf_counter() - began)
    return {
        "ms": 1000 * statistics.median(times),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "macs": macs,
        "process_bytes": resident_peak(),
        "bare_process_bytes": bare,
    }


if __name__ == "__main__":
    print(json.dumps(_run(*map(int, sys.argv[1:]))))
