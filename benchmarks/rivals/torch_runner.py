"""The same network in eager PyTorch, in a subprocess: one inference at a time, or training steps.

`python -m rivals.torch_runner` is asked through `served`: for the layers and the size first, then
for a run with a number of threads. It imports no TensorFlow.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rivals import served

if TYPE_CHECKING:
    import torch

# OpenMP's threads keep a processor busy for so long after a run, which would slow down the next.
SPIN_SECONDS = 0.25
# As `segnet-tf train` has them.
VOID = 255
RATE, DECAY, CLIP = 1e-3, 0.01, 1.0
# PyTorch's own order of the axes, and the one that its convolutions are faster in on a processor.
LAYOUTS = ("contiguous", "channels_last")


def unavailable() -> str | None:
    """Why there is no PyTorch to run; `None` if there is."""
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed (the extra `torch`)"
    return None


# Kind of a layer, channels of its output, places of its inputs: see `networks.layer_list`.
Entry = tuple[str, int, list[int]]


class Runner:
    """A PyTorch process that waits while others are timed.

    Args:
        layers: of `networks.layer_list`.
        size: `(height, width)` of the image in pixels.
        training: batch size, precision ("float32" or "bfloat16") and order of the axes (a name of
            `LAYOUTS`) of training steps; `None` times inferences of one image in float32.
        threads: of runs that are asked for without a number.

    Attributes:
        cpu_seconds: time of processors, of all threads, that each run took.
    """

    def __init__(
        self,
        layers: list[Entry],
        size: tuple[int, int],
        training: tuple[int, str, str] | None = None,
        threads: int = 1,
    ) -> None:
        self.cpu_seconds: list[float] = []
        self._threads = threads
        request = {"layers": layers, "size": size, "training": training, "threads": threads}
        self._process = served.Served("rivals.torch_runner", request)

    def seconds(self, threads: int | None = None) -> float:
        """Time of one inference or step, the process warm."""
        answer = self._process.ask(threads or self._threads)
        self.cpu_seconds.append(answer["cpu"])
        time.sleep(SPIN_SECONDS)
        return float(answer["seconds"])

    def peaks(self) -> dict[str, int]:
        """Peak resident bytes of the process: after one run, and after the imports (`bare`)."""
        ready = self._process.ready
        return {"process_bytes": ready["peak"], "bare_process_bytes": ready["base"]}

    def close(self) -> None:
        """Lets the subprocess end and waits for it."""
        self._process.close()


def network(layers: list[Entry]) -> torch.nn.Module:
    """The layers as a `torch.nn.Module` from `(batch, 3, height, width)` to logits."""
    from torch import nn

    class Twin(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            channels = {-1: 3}
            self.steps = nn.ModuleList()
            last = {}
            for at, (kind, count, inputs) in enumerate(layers):
                self.steps.append(_step(kind, channels[inputs[0]], count))
                channels[at] = count
                last.update(dict.fromkeys(inputs[:1] if kind == "unpool" else inputs, at))
            # Maps that no later layer needs are dropped.
            self.dropped = [[place for place in last if last[place] == at] for at in channels]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maps, indices = {-1: x}, {}
            for at, (step, (kind, _, inputs)) in enumerate(zip(self.steps, layers, strict=True)):
                # Beside its map an unpooling needs the indices, and not the map that was pooled.
                found = [maps[place] for place in (inputs[:1] if kind == "unpool" else inputs)]
                if kind == "pool":
                    x, index = step(found[0])
                    indices[at] = (index, found[0].shape[2:])
                elif kind == "unpool":
                    (place,) = (place for place in inputs[1:] if place in indices)
                    index, size = indices.pop(place)
                    groups = found[0].shape[1] // index.shape[1]
                    x = step(found[0], index.repeat(1, groups, 1, 1), output_size=size)
                else:
                    x = step(*found)
                maps[at] = x
                for place in self.dropped[at + 1]:
                    del maps[place]
            return x

    return Twin().eval()


def _step(kind: str, channels: int, count: int) -> torch.nn.Module:
    """The module of an entry that reads `channels` and gives `count`."""
    import torch
    from torch import nn

    class Function(nn.Module):
        def __init__(self, function: Callable[..., torch.Tensor]) -> None:
            super().__init__()
            self.forward = function

    convolution = re.fullmatch(r"(conv|depthwise)(\d+)(?:/(\d))?(\+bias)?", kind)
    if convolution:
        kernel, stride = int(convolution[2]), int(convolution[3] or 1)
        groups = channels if convolution[1] == "depthwise" else 1
        bias = convolution[4] is not None
        # Keras's "same" on a map that the stride divides: the odd row is the last.
        before = (kernel - stride) // 2
        after = kernel - stride - before
        conv = nn.Conv2d(
            channels,
            count,
            kernel,
            stride,
            padding=before if before == after else 0,
            groups=groups,
            bias=bias,
        )
        if before == after:
            return conv
        return nn.Sequential(nn.ZeroPad2d((before, after, before, after)), conv)
    if kind.startswith("average"):
        return nn.AdaptiveAvgPool2d(int(kind.removeprefix("average")))
    if kind == "norm":
        return nn.BatchNorm2d(channels)
    if kind in ("relu", "relu6"):
        return nn.ReLU(inplace=True) if kind == "relu" else nn.ReLU6(inplace=True)
    if kind == "pool":
        return nn.MaxPool2d(2, stride=2, return_indices=True)
    if kind == "unpool":
        return nn.MaxUnpool2d(2, stride=2)
    functions: dict[str, Callable[..., torch.Tensor]] = {
        "add": torch.add,
        "concatenate": lambda *maps: torch.cat(maps, 1),
        "even": lambda x: nn.functional.pad(x, (0, x.shape[3] % 2, 0, x.shape[2] % 2)),
        "resize": lambda x, like: nn.functional.interpolate(x, like.shape[2:], mode="bilinear"),
    }
    return Function(functions[kind])


def _inference(model: torch.nn.Module, size: tuple[int, int]) -> Callable[[], None]:
    import torch

    image = torch.rand(1, 3, *size)

    def run() -> None:
        with torch.inference_mode():
            model(image)

    return run


def training_step(
    model: torch.nn.Module,
    size: tuple[int, int],
    batch: int,
    precision: str = "float32",
    layout: str = "contiguous",
) -> Callable[[], None]:
    """A step of training on random images: loss without void, clipped gradients, AdamW.

    It computes no scores, which a step of `segnet-tf train` does.
    """
    import torch
    from torch import nn

    order = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    model = model.to(memory_format=order).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    images = torch.rand(batch, 3, *size).contiguous(memory_format=order)
    with torch.no_grad():
        classes = model(images).shape[1]
    labels = torch.randint(0, classes, (batch, *size))
    mixed = precision == "bfloat16"

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16) if mixed else contextlib.nullcontext():
            logits = model(images)
        loss = nn.functional.cross_entropy(logits.float(), labels, ignore_index=VOID)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()

    return run


def _serve() -> None:
    import torch

    from segnet_tf.system.resident import resident_peak

    base = resident_peak()
    asked = served.questions()
    request: dict[str, Any] = next(asked)
    torch.manual_seed(0)
    torch.set_num_threads(request["threads"])
    model = network(request["layers"])
    training = request["training"]
    if training is None:
        run = _inference(model, request["size"])
    else:
        run = training_step(model, request["size"], *training)
    run()
    if training is not None:
        run()  # the first one makes the optimizer's state
    served.answer({"peak": resident_peak(), "base": base})
    for threads in asked:
        torch.set_num_threads(threads)
        if training is None:
            run()  # its threads slept while others were timed
        began, cpu = time.perf_counter(), time.process_time()
        run()
        seconds = time.perf_counter() - began
        served.answer({"seconds": seconds, "cpu": time.process_time() - cpu})


if __name__ == "__main__":
    _serve()
