"""Keras's `fit` on several replicas: what Keras 3.15 gets wrong there, mended on one model.

Nothing here changes the class of the model or what its file says: a run may go on elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import keras
import tensorflow as tf

from segnet_tf.training.epoch_log import Logs

Step = Callable[[object], Mapping[str, tf.Tensor]]
Gradients = Iterable[tuple[tf.Tensor, tf.Variable]]


def mend(model: keras.Model) -> None:
    """Makes a compiled model train right on the replicas of the strategy it was built under.

    `fit` builds losses and metrics from a batch that it has averaged over the replicas, which
    fails where they are on several machines; here they are built from the shapes that the model
    takes. The scalars of a step fail to be averaged there, and get an axis. And the optimizer
    clips each replica's gradient on its own before it adds them up: the sum of clipped parts is
    not the clipped sum, and a part that is not finite lowers the loss scale of one replica alone.
    Here the gradients are added up first.
    """
    strategy = model.distribute_strategy
    with strategy.scope():
        image = tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)
        labels = tf.TensorSpec(image.shape[:-1], tf.uint8)
        model._symbolic_build(data_batch=(image, labels))
    model._maybe_symbolic_build = lambda iterator=None, data_batch=None: None
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        model.train_step = _with_axis(model.train_step)
        model.test_step = _with_axis(model.test_step)
    _add_up_first(model.optimizer)


def _with_axis(step: Step) -> Step:
    def stepped(data: object) -> Mapping[str, tf.Tensor]:
        return keras.tree.map_structure(lambda value: tf.reshape(value, (1,)), step(data))

    return stepped


def _add_up_first(optimizer: keras.optimizers.Optimizer) -> None:
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # behind a loss scale
    add_up, apply = inner._all_reduce_sum_gradients, optimizer.apply_gradients
    inner._all_reduce_sum_gradients = list
    optimizer.apply_gradients = lambda pairs: apply(add_up(pairs))


class AverageStatistics(keras.callbacks.Callback):
    """Averages the moving statistics of batch normalizations that see one replica's images only.

    Each replica moves its own ones then. They are averaged before they are used or saved.
    """

    def on_test_begin(self, logs: Logs = None) -> None:
        self._average()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._average()

    def _average(self) -> None:
        moving = [v for v in self.model.non_trainable_variables if v.name.startswith("moving_")]

        def average() -> None:
            context = tf.distribute.get_replica_context()
            for variable in moving:
                value = tf.identity(variable.value)
                variable.assign(context.all_reduce(tf.distribute.ReduceOp.MEAN, value))

        tf.function(lambda: self.model.distribute_strategy.run(average))()
