"""Quantization-aware training, judged by the LiteRT runtime and by NumPy."""

from __future__ import annotations

import dataclasses
import os

import family_models
import keras
import mobile_model
import numpy as np
import pytest
import tiny_models

from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.export import sources
from segnet_tf.export.checks import rules
from segnet_tf.export.compression import fake_quant, finetune, qat
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.losses.divergence import divergence


def ranges_of(model):
    return calibration.measure_ranges(model, tiny_models.images(count=3))


@pytest.fixture(scope="module")
def how(network):
    """Eight synthetic scenes of the tiny network's size, two a batch."""
    found = finetune.recipe(sources.Source("net", network, None), "synthetic:8", seed=3)
    return dataclasses.replace(found, config=dataclasses.replace(found.config, batch_size=4))


@pytest.mark.slow
@pytest.mark.parametrize("build", [tiny_models.two_stages, mobile_model.build])
def test_the_network_computes_what_the_file_computes(build):
    """Depthwise filters, ReLU6, Add and Concatenate too: where the file rounds, it rounds."""
    model = build()
    ranges = ranges_of(model)
    network = qat.build(model, ranges)
    file = cpu.open_interpreter(
        convert.convert(model, tiny_models.SIZE, format="int8", ranges=ranges)
    )
    low, high = ranges["classifier"]
    for image in tiny_models.images(count=3):
        trained, run = network(image, training=False).numpy(), cpu.run(file, image)[0]
        codes = np.abs(trained - run) / ((high - low) / 255)
        # Sums that end between two codes may go either way.
        assert np.median(codes) < 0.01 and np.mean(codes > 1.01) < 0.01
        exact = np.abs(np.asarray(model(image)) - run) / ((high - low) / 255)
        assert np.mean(exact > 1.01) > 0.03, "without rounding it is not the same"


@pytest.mark.slow
def test_transposed_convolutions_and_joined_maps_round_as_the_file_does():
    """A scale for each place in the stride, and for a joined map the concatenation's range."""
    model = family_models.build("unet", num_classes=5, size=tiny_models.SIZE)
    ranges = ranges_of(model)
    network = qat.build(model, ranges)
    content = convert.convert(model, tiny_models.SIZE, format="int8", ranges=ranges)
    file = cpu.open_interpreter(content)
    low, high = ranges["classifier"]
    for image in tiny_models.images(count=2):
        trained, run = network(image, training=False).numpy(), cpu.run(file, image)[0]
        codes = np.abs(trained - run) / ((high - low) / 255)
        assert np.median(codes) < 0.01 and np.mean(codes > 1.01) < 0.02


@pytest.fixture(scope="module")
def trained(network, how):
    ranges = ranges_of(network)
    # A hundred times the usual rate: two epochs of two steps must show.
    config = dataclasses.replace(how.config, learning_rate=0.1)
    return ranges, *qat.train(network, ranges, dataclasses.replace(how, config=config), epochs=2)


@pytest.mark.slow
def test_training_changes_weights_and_ranges(network, trained):
    before, model, after = trained
    changed = {
        variable.path.split("/")[-1]
        for variable, old in zip(model.weights, network.get_weights(), strict=True)
        if not np.allclose(np.asarray(variable), old)
    }
    assert {"kernel", "gamma", "beta", "bias"} <= changed
    assert changed.isdisjoint({"moving_mean", "moving_variance"})
    assert set(after) == set(before)
    for name in ("encoder1_relu1", "encoder2_relu1", "classifier"):
        assert after[name][1] != pytest.approx(before[name][1], rel=1e-3), name
        assert (after[name][0] == 0) == (before[name][0] == 0)


@pytest.mark.slow
def test_the_file_has_the_learned_ranges(trained):
    _, model, ranges = trained
    file = flatbuffer.read(convert.convert(model, tiny_models.SIZE, format="int8", ranges=ranges))
    assert rules.int8_failures(file) == [] and rules.mask_failures(file, 2) == []
    for name in ("encoder1_relu1", "encoder2_relu1", "classifier"):
        low, high = ranges[name]
        scales = {
            float(tensor.scale[0])
            for tensor in file.tensors
            if tensor.name.startswith(name) and tensor.dtype == "int8" and tensor.data is None
        }
        assert len(scales) == 1 and scales.pop() == pytest.approx((high - low) / 255, rel=1e-5)


@pytest.mark.slow
def test_training_learns_the_labels_and_the_teachers_answers(network, how):
    image = tiny_models.images()[0]
    wrong = [weight + 0.2 if weight.ndim == 4 else weight for weight in network.get_weights()]
    model = keras.models.clone_model(network)
    model.set_weights(wrong)
    ranges = ranges_of(model)
    fast = dataclasses.replace(how, config=dataclasses.replace(how.config, learning_rate=0.5))
    trained, _ = qat.train(model, ranges, fast, epochs=10)
    apart = [
        float(divergence(np.asarray(network(image)), np.asarray(other(image))))
        for other in (model, trained)
    ]
    assert apart[1] < 0.5 * apart[0]


@pytest.mark.slow
def test_a_pruned_filter_keeps_its_zeros(network, how):
    keep = np.random.default_rng(0)
    sparse = keras.models.clone_model(network)
    sparse.set_weights(
        [w * (keep.random(w.shape) < 0.5) if w.ndim == 4 else w for w in network.get_weights()]
    )
    ranges = ranges_of(sparse)
    fast = dataclasses.replace(how, config=dataclasses.replace(how.config, learning_rate=0.1))
    for kept in (True, False):
        model, _ = qat.train(sparse, ranges, fast, epochs=1, keep_zeros=kept)
        zeros = [
            np.mean(new[old == 0] == 0)
            for new, old in zip(model.get_weights(), sparse.get_weights(), strict=True)
            if new.ndim == 4
        ]
        assert (min(zeros) == 1) == kept


@pytest.mark.slow
def test_a_broken_off_training_ends_at_the_same_weights(network, how, tmp_path, monkeypatch):
    ranges = ranges_of(network)
    kept, options = tmp_path / "kept.npz", {"label": "qat", "epochs": 3, "learning_rate": 0.01}

    def weights(**more):
        built = qat.build(network, ranges)
        losses = finetune.fit(built, how, **options, **more)
        return losses, [variable.numpy() for variable in built.variables]

    whole, expected = weights()
    save = finetune._save

    def save_then_stop(path, state, mark, epochs):
        save(path, state, mark, epochs)
        if epochs == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(finetune, "_save", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        weights(checkpoint=kept)
    monkeypatch.setattr(finetune, "_save", save)
    rest, found = weights(checkpoint=kept)
    assert rest == whole[2:]
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))
    # Other training does not go on from there, nor does a damaged file stop it.
    options["learning_rate"] = 0.02
    assert len(weights(checkpoint=kept)[0]) == 3
    kept.write_bytes(kept.read_bytes()[: os.path.getsize(kept) // 2])
    assert len(weights(checkpoint=kept)[0]) == 3


def test_without_a_record_the_usual_recipe_is_taken(network, run):
    bare = finetune.recipe(sources.Source("net", network, None), "synthetic:8", seed=0)
    assert bare.num_classes == 11 and len(bare.class_weights) == 11
    assert bare.config.crop == tiny_models.SIZE and bare.samples.split == "train"
    own = finetune.recipe(sources.open_source(str(run)), None, seed=5)
    assert own.class_weights is None and own.config.batch_size == 2 and own.config.seed == 5
    with pytest.raises(UserError, match="`data` must be given for `compression`"):
        finetune.recipe(sources.Source("net", network, None), None, seed=0)


def test_a_filter_of_zeros_is_no_division_by_zero():
    import tensorflow as tf

    kernel = tf.constant(np.zeros((3, 3, 2, 1), np.float32))
    assert np.array_equal(fake_quant.PerChannel(True)(kernel, True, {}), kernel)
    # Each channel of a depthwise filter has a scale of its own: 1 and 0.001 both survive.
    kernel = tf.constant(np.array([1.0, 0.001], np.float32).reshape(1, 1, 2, 1))
    np.testing.assert_allclose(fake_quant.PerChannel(True)(kernel, True, {}), kernel, rtol=1e-5)
    assert fake_quant.PerChannel(False)(kernel, True, {})[0, 0, 1, 0] == 0


def test_samples_are_of_the_train_split_only(network, run):
    source = sources.open_source(str(run))
    assert finetune.recipe(source, "synthetic:20", seed=0).samples.split == "train"
    scenes = synthetic.samples("train", size=tiny_models.SIZE, count=20)
    assert len(finetune.recipe(source, "synthetic:20", seed=0).samples) == len(scenes)
