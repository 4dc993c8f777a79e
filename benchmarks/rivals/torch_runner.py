"""The same network in eager PyTorch, float32, in a subprocess.

`python -m rivals.torch_runner` reads a line of JSON with the layers and the size, then a number of
threads on each line, and writes a line of JSON for each. It imports no TensorFlow.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from segnet_tf.errors import UserError

if TYPE_CHECKING:
    import torch

BENCHMARKS = Path(__file__).resolve().parents[1]
# OpenMP's threads keep a processor busy for so long after a run, which would slow down the next.
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
        self.process = subprocess.Popen(
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
        """Peak resident bytes of the process: after one run, and after the imports (`bare`)."""
        return {"process_bytes": self.ready["peak"], "bare_process_bytes": self.ready["base"]}

    def close(self) -> None:
        """Lets the subprocess end and waits for it."""
        self.process.communicate()

    def _ask(self, line: str) -> dict[str, float]:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        except (OSError, ValueError) as error:
            raise UserError(
                "`torch` must be able to run the network. Received: its process failed, see above. "
                "Give --no-torch, or a smaller --size."
            ) from error


def network(layers: list[tuple[str, int]]) -> torch.nn.Module:
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

        def forward(self, x: torch.Tensor) -> torch.Tensor:
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

    from segnet_tf.system.resident import resident_peak

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
