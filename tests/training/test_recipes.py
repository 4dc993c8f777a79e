"""The authors' recipes say what their solver files say, and a small copy of each learns."""

from __future__ import annotations

import dataclasses

import pytest
import tiny_run

from segnet_tf import models
from segnet_tf.config import TrainConfig
from segnet_tf.config_files import read_config
from segnet_tf.data import open_samples
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.runs.checkpoints import load_model
from segnet_tf.training.batch_statistics import recompute_batch_statistics
from segnet_tf.training.epoch_log import read_log
from segnet_tf.training.run_training import train

IMAGES = 367  # of CamVid's train

# base_lr and max_iter of segnet_basic_solver.prototxt and segnet_solver.prototxt.
SOLVERS = {"segnet_basic_authors": (0.1, 10_000), "segnet_authors": (0.001, 40_000)}


@pytest.mark.parametrize("name", SOLVERS)
def test_the_recipe_is_the_solver_file(name):
    rate, steps = SOLVERS[name]
    config = TrainConfig.from_json(read_config(name) | {"data": "x"})
    assert config.epochs * (IMAGES // config.batch_size) == pytest.approx(steps, rel=0.002)
    assert (config.optimizer, config.learning_rate, config.schedule) == ("sgd", rate, "constant")
    assert (config.weight_decay, config.decay, config.clip_norm) == (0.0005, "l2", 0)
    assert (config.batch_size, config.crop, config.augment) == (4, None, "none")
    assert (config.loss, config.class_weights, config.warmup) == ("crossentropy", "median", 0)
    network = models.build(config.model, 11, (360, 480, 3), **config.model_options)
    # Ceil mode: 45 rows are pooled to 23. The numbers of weights are those of the authors' files:
    # 29.5 and 1.4 million.
    assert 23 in {layer.output[0].shape[1] for layer in network.layers if "_pool" in layer.name}
    assert network.count_params() / 1e6 == pytest.approx(
        {"segnet": 29.45, "segnet_basic": 1.42}[config.model], abs=0.02
    )
    assert (network.get_layer("normalization").count_params(), config.initial_weights) == (
        0,
        {"segnet": "imagenet", "segnet_basic": None}[config.model],
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "widths", "rate"),
    # From random weights and in 60 steps the full SegNet needs a higher rate than from VGG16's.
    [("segnet_basic_authors", [8] * 4, None), ("segnet_authors", [8] * 5, 0.2)],
)
def test_a_small_copy_learns(name, widths, rate, tmp_path, monkeypatch):
    tiny_run.without_pictures(monkeypatch)
    recipe = TrainConfig.from_json(read_config(name) | {"data": "synthetic:24", "size": (64, 96)})
    config = dataclasses.replace(
        recipe,
        epochs=12,
        val_every=4,
        initial_weights=None,
        learning_rate=rate or recipe.learning_rate,
        model_options=recipe.model_options | {"widths": widths},
    )
    train(config, tmp_path / "run")
    losses = [row["loss"] for row in read_log(tmp_path / "run/log.csv")]
    assert losses[-1] < 0.85 * losses[0]
    model = load_model(tmp_path / "run")
    train_samples, val = (
        open_samples(config.data, split, size=config.size) for split in ("train", "val")
    )
    # One for each convolution but the classifier.
    layers = {"segnet_basic": 8, "segnet": 25}[config.model]
    assert recompute_batch_statistics(model, train_samples) == layers
    assert evaluate(model, val).summary["mean_iou"] > 0.08  # one class everywhere has 0.03
