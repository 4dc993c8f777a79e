"""Training steps of one of our networks, in a subprocess that is asked for one at a time.

`python -m rivals.keras_steps` is asked through `served`: for a configuration and a variant first,
then for a "step" or for its "pooling" alone, of the same batch each time.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rivals import served, torch_runner
from segnet_tf.config import TrainConfig
from segnet_tf.system.resident import resident_peak
from segnet_tf.system.tensorflow_start import start_tensorflow

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# Without indices, see `networks.plain_steps`; the others are forms of the pooling layers.
PLAIN = "no_indices"


class Steps:
    """A process that trains one variant of a network.

    Args:
        config: of the training; its first batch is used again and again.
        variant: a form of the pooling layers, or `PLAIN`.
        threads: of TensorFlow.

    Attributes:
        cpu_seconds: time of processors, of all threads, that each step took.
    """

    def __init__(self, config: TrainConfig, variant: str, threads: int) -> None:
        environment = {
            "TF_NUM_INTRAOP_THREADS": str(threads),
            "TF_NUM_INTEROP_THREADS": str(threads),
            "TF_ENABLE_ONEDNN_OPTS": "1",
            # A processor's step is what is measured, also where there is a GPU.
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        self.cpu_seconds: list[float] = []
        request = {"config": config.to_json(), "variant": variant}
        self._process = served.Served("rivals.keras_steps", request, environment)

    @property
    def layers(self) -> list[torch_runner.Entry]:
        """The network for PyTorch, see `networks.layer_list`."""
        return [(kind, count, inputs) for kind, count, inputs in self._process.ready["layers"]]

    def step(self) -> float:
        """Seconds of one step."""
        answer = self._process.ask("step")
        self.cpu_seconds.append(answer["cpu"])
        return float(answer["seconds"])

    def pooling(self) -> float:
        """Seconds that its pooling and unpooling layers take alone, forwards and backwards."""
        return float(self._process.ask("pooling")["seconds"])

    def peaks(self) -> dict[str, int]:
        """Peak resident bytes of the process: after two steps, and after the imports (`bare`)."""
        ready = self._process.ready
        return {"process_bytes": ready["peak"], "bare_process_bytes": ready["base"]}

    def close(self) -> None:
        """Lets the subprocess end and waits for it."""
        self._process.close()


def pooling_alone(model: keras.Model, images: tf.Tensor) -> Callable[[], object]:
    """A function that runs the pooling and unpooling layers of a network, and their gradients.

    Args:
        model: a functional one.
        images: the batch whose maps they get.
    """
    import keras
    import tensorflow as tf

    from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

    unpoolings = [layer for layer in model.layers if isinstance(layer, MaxUnpooling2D)]
    poolings = [layer.input[1]._keras_history.operation for layer in unpoolings]
    assert all(isinstance(layer, MaxPoolingWithArgmax2D) for layer in poolings)
    wanted = [pool.input for pool in poolings] + [unpool.input[0] for unpool in unpoolings]
    maps = keras.Model(model.input, wanted)(images, training=True)

    @tf.function
    def run(maps: list[tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(maps)
            before, coarse = maps[: len(poolings)], maps[len(poolings) :]
            outputs = []
            for pool, unpool, x, values in zip(poolings, unpoolings, before, coarse, strict=True):
                pooled, argmax = pool(x)
                outputs += [pooled, unpool(values, argmax, output_size=x)]
        return tape.gradient(outputs, maps, output_gradients=outputs)

    return lambda: run(maps)


def _serve() -> None:
    from rivals import networks
    from segnet_tf.comparison import training_step
    from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

    base = resident_peak()
    asked = served.questions()
    request: dict[str, Any] = next(asked)
    model, batches = training_step.opened(TrainConfig.from_json(request["config"]), None)
    layers = networks.layer_list(model)
    batch = next(iter(batches))
    if request["variant"] == PLAIN:
        model = networks.plain_steps(model)
    else:
        for layer in model.layers:
            if isinstance(layer, (MaxPoolingWithArgmax2D, MaxUnpooling2D)):
                layer.form = request["variant"]
    seconds = training_step.step_seconds(model, itertools.repeat(batch))
    next(seconds)  # builds the graph
    next(seconds)
    served.answer({"layers": layers, "peak": resident_peak(), "base": base})
    alone: Callable[[], object] | None = None
    for question in asked:
        if question == "step":
            began = time.process_time()
            taken = next(seconds)
            served.answer({"seconds": taken, "cpu": time.process_time() - began})
            continue
        if alone is None:
            alone = pooling_alone(model, batch[0])
            alone()
        began = time.perf_counter()
        alone()
        served.answer({"seconds": time.perf_counter() - began})


if __name__ == "__main__":
    start_tensorflow()
    _serve()
