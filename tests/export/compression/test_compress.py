"""Pruning and clustering, counted in the int8 files by NumPy."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tiny_models

from segnet_tf.export import sources
from segnet_tf.export.checks import rules
from segnet_tf.export.compression import compress, finetune, qat
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.tflite_file import flatbuffer


@pytest.fixture(scope="module")
def how(network):
    found = finetune.recipe(sources.Source("net", network, None), "synthetic:8", seed=3)
    return dataclasses.replace(
        found, config=dataclasses.replace(found.config, batch_size=4, learning_rate=0.01)
    )


def ranges_of(model):
    return calibration.measure_ranges(model, tiny_models.images(count=3))


def filters(content):
    """The stored int8 numbers of every convolution's filter, all of them but the masks'."""
    file = flatbuffer.read(content)
    assert rules.int8_failures(file) == [] and rules.mask_failures(file, 2) == []
    return [file.tensors[op.inputs[1]].data for op in file.ops if op.name == "CONV_2D"]


@pytest.fixture(scope="module")
def pruned(network, how):
    return compress.prune(network, how, sparsity=0.75, epochs=2)


def kernels_of(model):
    return [weight for weight in model.get_weights() if weight.ndim == 4]


@pytest.mark.slow
def test_the_asked_share_of_the_weights_is_zero_and_each_filter_has_its_own(network, pruned):
    kernels = kernels_of(network)
    assert len(kernels) == 5 and compress.zeros_share(network) == 0
    wanted = compress.shares(kernels, 0.75)
    for kernel, share in zip(kernels_of(pruned), wanted, strict=True):
        # tfmot rounds the number of weights that are left.
        assert np.mean(kernel == 0) == pytest.approx(share, abs=1 / kernel.size)
    assert compress.zeros_share(pruned) == pytest.approx(0.75, abs=0.01)
    changed = [
        not np.allclose(new[new != 0], old[new != 0])
        for new, old in zip(kernels_of(pruned), kernels, strict=True)
    ]
    assert all(changed), "what is left is trained"


def test_the_lowest_lamp_scores_go():
    """The scores by the paper's formula, one weight at a time."""
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=s) * w for s, w in (((3, 3, 2, 4), 1), ((40,), 9), ((200,), 0.1))]
    scores = []
    for number, kernel in enumerate(kernels):
        flat = kernel.ravel()
        for weight in flat:
            rest = sum(other**2 for other in flat if abs(other) >= abs(weight))
            scores.append((weight**2 / rest, number))
    lowest = [number for _, number in sorted(scores)[: len(scores) // 2]]
    wanted = [lowest.count(number) / kernel.size for number, kernel in enumerate(kernels)]
    assert compress.shares(kernels, 0.5) == pytest.approx(wanted)
    assert len(set(wanted)) == 3


def test_a_filter_keeps_its_greatest_weight():
    one, zeros, many = np.array([3.0]), np.zeros(10), np.ones(1000)
    assert compress.shares([one, zeros, many], 0.999) == [0.0, 0.9, 0.999]


@pytest.mark.slow
def test_the_file_has_the_zeros(pruned):
    found = filters(
        convert.convert(pruned, tiny_models.SIZE, format="int8", ranges=ranges_of(pruned))
    )
    assert_zeros(found, pruned)


def assert_zeros(stored, model):
    """Each filter of a file has the zeros of the model's, by its size, and maybe more."""
    wanted = sorted((kernel.size, np.sum(kernel == 0)) for kernel in kernels_of(model))
    found = sorted((numbers.size, np.sum(numbers == 0)) for numbers in stored)
    assert [size for size, _ in found] == [size for size, _ in wanted]
    assert all(here >= there for (_, here), (_, there) in zip(found, wanted, strict=True))


@pytest.mark.slow
def test_training_for_int8_leaves_the_zeros(pruned, how):
    model, ranges = qat.train(pruned, ranges_of(pruned), how, epochs=1, keep_zeros=True)
    assert compress.zeros_share(model) == compress.zeros_share(pruned)
    assert_zeros(
        filters(convert.convert(model, tiny_models.SIZE, format="int8", ranges=ranges)), pruned
    )


@pytest.mark.slow
def test_a_clustered_filter_has_that_many_values(network, how):
    model = compress.cluster(network, how, clusters=6, epochs=1)
    assert [len(np.unique(kernel)) for kernel in kernels_of(model)] == [6] * 5
    for stored in filters(
        convert.convert(model, tiny_models.SIZE, format="int8", ranges=ranges_of(model))
    ):
        channels = stored.reshape(len(stored), -1)  # one scale each
        assert max(len(np.unique(channel)) for channel in channels) <= 6


@pytest.mark.slow
def test_clustering_a_pruned_model_leaves_its_zeros(pruned, how):
    model = compress.cluster(pruned, how, clusters=6, epochs=2, keep_zeros=True)
    for kernel, before in zip(kernels_of(model), kernels_of(pruned), strict=True):
        assert len(np.unique(kernel)) <= 6
        assert (kernel[before == 0] == 0).all() and (kernel != 0).any()


@pytest.mark.slow
def test_more_clusters_than_weights_are_as_many_as_weights(how):
    model = tiny_models.two_stages(num_classes=11)
    again = compress.cluster(model, how, clusters=200, epochs=1)
    sizes = [kernel.size for kernel in kernels_of(again)]
    values = [len(np.unique(kernel)) for kernel in kernels_of(again)]
    assert min(sizes) < 200 and all(
        count <= min(200, size) for count, size in zip(values, sizes, strict=True)
    )
