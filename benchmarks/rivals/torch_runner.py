"""The same network in eager PyTorch, float32, in a process of its own.

`python -m rivals.torch_runner` reads a line of JSON with the layers and the size, then
"THREADS SECONDS" a line, and answers each with a line of JSON. It imports no TensorFlow.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from segnet_tf.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[1]


# OpenMP's threads go on spinning for as long, and would take the next one's processor.
SPIN_SECONDS = 0.25


def unavailable() -> str | None:
    """Why there is no PyTorch to run, `None` if there is."""
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed (the extra `torch`)"
    return None


class Runner:
    """A PyTorch process that waits while others are timed.

    Args:
        layers: of `networks.layer_list`.
        size: `(height, width)` of the image in pixels.
    """

    def __init__(self, layers: list[tuple[str, int]], size: tuple[int, int]) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "rivals.torch_runner"],
            cwd=BENCHMARKS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = self._ask(json.dumps({"layers": layers, "size": size}))

    def seconds(self, threads: int) -> float:
        """Time of one inference, the process warm."""
        seconds = float(self._ask(f"{threads}")["seconds"])
        time.sleep(SPIN_SECONDS)
        return seconds

    def peaks(self) -> dict[str, int]:
        """Peak resident bytes of the process: after one run, and `bare`, PyTorch imported."""
        return {"process_bytes": self.ready["peak"], "bare_process_bytes": self.ready["base"]}

    def close(self) -> None:
        """Ends the process."""
        self.child.communicate()

    def _ask(self, line: str) -> dict[str, Any]:
        assert self.child.stdin is not None and self.child.stdout is not None
        try:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
            return json.loads(self.child.stdout.readline())
        except (OSError, ValueError) as error:
            raise UserError(
                "`torch` must be able to run the network. Received: its process ended, see above. "
                "Give --no-torch, or a smaller --size."
            ) from error


def network(layers: list[tuple[str, int]]) -> Any:
    """The layers as a `torch.nn.Module` from `(1, 3, height, width)` to logits."""
    from torch import nn

    class Twin(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            channels = 3
            self.steps = nn.ModuleList()
            for kind, count in layers:
                if kind.startswith("conv"):
                    kernel = int(kind.removeprefix("conv").removesuffix("+bias"))
                    step: nn.Module = nn.Conv2d(
                        channels, count, kernel, padding=kernel // 2, bias="+bias" in kind
                    )
                    channels = count
                elif kind == "norm":
                    step = nn.BatchNorm2d(channels)
                elif kind == "relu":
                    step = nn.ReLU(inplace=True)
                elif kind == "pool":
                    step = nn.MaxPool2d(2, stride=2, return_indices=True)
                else:
                    step = nn.MaxUnpool2d(2, stride=2)
                self.steps.append(step)

        def forward(self, x: Any) -> Any:
            indices = []
            for step in self.steps:
                if isinstance(step, nn.MaxPool2d):
                    size = x.shape[2:]
                    x, index = step(x)
                    indices.append((index, size))
                elif isinstance(step, nn.MaxUnpool2d):
                    index, size = indices.pop()
                    x = step(x, index, output_size=size)
                else:
                    x = step(x)
            return x

    return Twin().eval()


def _serve() -> None:
    import torch

    from rivals.resident import resident_peak

    base = resident_peak()
    asked = json.loads(sys.stdin.readline())
    torch.manual_seed(0)
    model = network(asked["layers"])
    image = torch.rand(1, 3, *asked["size"])
    with torch.inference_mode():
        model(image)
        print(json.dumps({"peak": resident_peak(), "base": base}), flush=True)
        for line in sys.stdin:
            torch.set_num_threads(int(line))
            model(image)  # its threads slept while others were timed
            began = time.perf_counter()
            model(image)
            print(json.dumps({"seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    _serve()
