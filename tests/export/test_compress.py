"""Pruning and clustering, counted in the int8 files by NumPy."""

import dataclasses

import numpy as np
import pytest
import tiny_models

from export import calibration, checks, compress, convert, finetune, flatbuffer, qat, sources


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
    assert checks.int8_failures(file) == [] and checks.mask_failures(file, 2) == []
    return [file.tensors[op.inputs[1]].data for op in file.ops if op.name == "CONV_2D"]


@pytest.fixture(scope="module")
def pruned(network, how):
    return compress.prune(network, how, sparsity=0.75, epochs=2)


def test_the_asked_share_of_each_filter_is_zero(network, pruned):
    kernels = [weight for weight in pruned.get_weights() if weight.ndim == 4]
    assert len(kernels) == 5
    for kernel in kernels:
        # tfmot rounds the number of weights that are left.
        assert np.mean(kernel == 0) == pytest.approx(0.75, abs=1 / kernel.size)
    assert compress.zeros_share(pruned) == pytest.approx(0.75, abs=0.01)
    assert compress.zeros_share(network) == 0
    changed = [
        not np.allclose(new[new != 0], old[new != 0])
        for new, old in zip(pruned.get_weights(), network.get_weights(), strict=True)
        if new.ndim == 4
    ]
    assert all(changed), "what is left is trained"


def test_the_file_has_the_zeros(pruned):
    found = filters(convert.convert(pruned, tiny_models.SIZE, ranges=ranges_of(pruned)))
    assert len(found) == 5
    assert all(np.mean(stored == 0) >= 0.75 - 1 / stored.size for stored in found)


def test_training_for_int8_leaves_the_zeros(pruned, how):
    model, ranges = qat.train(pruned, ranges_of(pruned), how, epochs=1, keep_zeros=True)
    assert compress.zeros_share(model) == compress.zeros_share(pruned)
    found = filters(convert.convert(model, tiny_models.SIZE, ranges=ranges))
    assert all(np.mean(stored == 0) >= 0.75 - 1 / stored.size for stored in found)


def test_a_clustered_filter_has_that_many_values(network, how):
    model = compress.cluster(network, how, clusters=6, epochs=1)
    kernels = [weight for weight in model.get_weights() if weight.ndim == 4]
    assert [len(np.unique(kernel)) for kernel in kernels] == [6] * 5
    for stored in filters(convert.convert(model, tiny_models.SIZE, ranges=ranges_of(model))):
        channels = stored.reshape(len(stored), -1)  # one scale each
        assert max(len(np.unique(channel)) for channel in channels) <= 6


def test_clustering_a_pruned_model_leaves_its_zeros(pruned, how):
    model = compress.cluster(pruned, how, clusters=6, epochs=2, keep_zeros=True)
    pairs = zip(model.get_weights(), pruned.get_weights(), strict=True)
    for kernel, before in (pair for pair in pairs if pair[0].ndim == 4):
        assert len(np.unique(kernel)) <= 6
        assert (kernel[before == 0] == 0).all() and (kernel != 0).any()


def test_more_clusters_than_weights_are_as_many_as_weights(how):
    model = tiny_models.two_stages(num_classes=11)
    again = compress.cluster(model, how, clusters=200, epochs=1)
    sizes = [weight.size for weight in again.get_weights() if weight.ndim == 4]
    values = [len(np.unique(weight)) for weight in again.get_weights() if weight.ndim == 4]
    assert min(sizes) < 200 and all(
        count <= min(200, size) for count, size in zip(values, sizes, strict=True)
    )
