"""Whole models converted: float32 gives Keras's logits, int8 is int8 all through."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tiny_models

from segnet_tf.export.checks import rules
from segnet_tf.export.conversion import calibration, convert
from segnet_tf.export.runtimes import cpu, registry
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.layers import MaxPoolingWithArgmax2D
from segnet_tf.models import blocks

# name, options, size: floor and ceil pooling, sizes that every stage halves and odd ones.
MODELS = {
    "segnet": ("segnet", {}, tiny_models.ODD),
    "segnet caffe": ("segnet", {"layout": "caffe"}, tiny_models.ODD),
    "segnet_basic": ("segnet_basic", {"normalization": "signed"}, tiny_models.ODD),
    "segnet_mini": ("segnet_mini", {}, tiny_models.ODD),
}


# 29 million weights take seconds and show nothing that SegNet-Basic's and SegNet-Mini's don't.
SLOW = [name for name in MODELS if name.split()[0] == "segnet"]
PARAMS = [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in MODELS]


@pytest.fixture(scope="module", params=PARAMS)
def network(request):
    """A model, its size and what it must be given."""
    name, options, size = MODELS[request.param]
    return tiny_models.build(name, size=size, **options), size


@pytest.fixture(scope="module")
def small():
    return tiny_models.two_stages()


def ranges_of(model, size=tiny_models.SIZE):
    return calibration.measure_ranges(model, tiny_models.images(size))


@pytest.fixture(scope="module")
def small_ranges(small):
    return ranges_of(small)


def answer(content, image, runtime="xnnpack"):
    (output,) = cpu.run(cpu.open_interpreter(content, runtime), image)
    return output


def assert_close(got, wanted, relative):
    """Within a part of the largest value."""
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= relative * np.abs(wanted).max()


def pools_of(model):
    return sum(isinstance(layer, MaxPoolingWithArgmax2D) for layer in model.layers)


@pytest.mark.slow
def test_float32_logits_are_keras(network):
    model, size = network
    content = convert.convert(model, size)
    graph = flatbuffer.read(content)
    assert rules.op_failures(graph) == []
    assert rules.file_format(graph) == "float32"
    assert rules.mask_failures(graph, pools_of(model)) == []
    assert rules.partition_failures(cpu.partitions(content)) == []
    image = tiny_models.images(size, 1, seed=5)[0]
    wanted = model(image).numpy()
    assert wanted.std() > 0.01
    for name in cpu.KERNELS:
        assert_close(answer(content, image, name), wanted, 1e-4)


def test_int8_is_int8_all_through_with_exact_masks(network):
    model, size = network
    content = convert.convert(model, size, format="int8", ranges=ranges_of(model, size))
    graph = flatbuffer.read(content)
    assert rules.op_failures(graph) == []
    assert rules.int8_failures(graph) == []
    # Judged without `checks`: float32 only at the two ends, int32 only as constants.
    floating = {tensor.index for tensor in graph.tensors if tensor.dtype == "float32"}
    assert floating == {*graph.inputs, *graph.outputs}
    computed = {index for op in graph.ops for index in op.outputs}
    assert {graph.tensors[index].dtype for index in computed - floating} == {"int8"}
    assert rules.mask_failures(graph, pools_of(model)) == []
    assert rules.partition_failures(cpu.partitions(content)) == []
    images = tiny_models.images(size, 2, seed=5)
    for name in cpu.KERNELS:
        wrong, pairs = rules.count_mask_mismatches(content, images, name)
        assert wrong == 0 < pairs
    wanted = model(images[0]).numpy()
    got = answer(content, images[0])
    assert np.corrcoef(got.ravel(), wanted.ravel())[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    "normalization", [name for name in blocks.NORMALIZATIONS if name != "signed"]
)
def test_every_other_normalization_is_exact_in_float32_and_near_in_int8(normalization):
    model = tiny_models.two_stages(normalization=normalization)
    image = tiny_models.images(seed=5)[0]
    wanted = model(image).numpy()
    assert_close(answer(convert.convert(model, tiny_models.SIZE), image), wanted, 1e-4)
    content = convert.convert(model, tiny_models.SIZE, format="int8", ranges=ranges_of(model))
    assert rules.int8_failures(flatbuffer.read(content)) == []
    assert np.corrcoef(answer(content, image).ravel(), wanted.ravel())[0, 1] > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("io", ["float32", "uint8", "int8"])
def test_input_and_output_types_change_nothing_inside(small, small_ranges, io):
    content = convert.convert(small, tiny_models.SIZE, format="int8", ranges=small_ranges, io=io)
    graph = flatbuffer.read(content)
    assert rules.int8_failures(graph) == []
    assert rules.partition_failures(cpu.partitions(content)) == []
    first, last = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    assert (first.dtype, last.dtype) == (io, io)
    if io != "float32":
        assert list(first.scale) == [1.0]
        assert list(first.zero_point) == [0 if io == "uint8" else -128]
    interpreter = cpu.open_interpreter(content)
    assert interpreter.get_input_details()[0]["dtype"] == np.dtype(io)
    image = tiny_models.images(seed=5)[0]
    plain = convert.convert(small, tiny_models.SIZE, format="int8", ranges=small_ranges)
    np.testing.assert_allclose(answer(content, image), answer(plain, image), rtol=1e-5, atol=1e-6)


def test_every_pixel_value_has_a_code_of_its_own(small, small_ranges):
    """Also with a float32 input: it is rounded to whole numbers 0..255 and not further."""
    content = convert.convert(small, tiny_models.SIZE, format="int8", ranges=small_ranges)
    graph = flatbuffer.read(content)
    (reader,) = graph.readers(graph.inputs[0])
    assert reader.name == "QUANTIZE"
    codes = graph.tensors[reader.outputs[0]]
    assert (list(codes.scale), list(codes.zero_point)) == ([1.0], [-128])


@pytest.mark.slow
@pytest.mark.parametrize("kernels", cpu.KERNELS)
def test_normalization_rounds_nothing(small, small_ranges, kernels):
    """x / 128 - 1 leaves each code as it is, whatever range calibration saw."""
    size = tiny_models.SIZE
    seen = {**small_ranges, "normalization": (-0.97, 0.98)}
    content = convert.convert(small, size, format="int8", ranges=seen)
    graph = flatbuffer.read(content)
    made = next(op for op in graph.ops if op.name == "DEPTHWISE_CONV_2D")
    normalized = graph.tensors[made.outputs[0]]
    assert (list(normalized.scale), list(normalized.zero_point)) == ([1 / 128], [0])
    image = np.resize(np.arange(256, dtype=np.float32), (1, *size, 3))
    shown = flatbuffer.with_outputs(content, [normalized.index])
    values = registry.get(kernels).run(shown, [image]).outputs[0][1]
    np.testing.assert_array_equal(values, image / 128 - 1)


def test_a_label_map_stays_int32_under_any_io(small, small_ranges):
    content = convert.convert(
        small,
        tiny_models.SIZE,
        format="int8",
        ranges=small_ranges,
        io="uint8",
        output_kind="labels",
    )
    graph = flatbuffer.read(content)
    assert graph.tensors[graph.inputs[0]].dtype == "uint8"
    assert graph.tensors[graph.outputs[0]].dtype == "int32"
    assert graph.tensors[graph.outputs[0]].shape == (1, *tiny_models.SIZE)
    assert rules.partition_failures(cpu.partitions(content)) == []
    assert rules.int8_failures(graph) == []


def test_a_batch_of_images_is_each_image_alone(small):
    images = np.concatenate(tiny_models.images(count=2, seed=5))
    content = convert.convert(small, tiny_models.SIZE, batch=2)
    assert flatbuffer.read(content).tensors[0].shape[0] == 2
    assert_close(answer(content, images), small(images).numpy(), 1e-4)


def test_a_model_of_any_size_is_exported_at_one():
    fixed = tiny_models.two_stages(size=tiny_models.ODD)
    free = tiny_models.two_stages(size=(None, None))
    image = tiny_models.images(tiny_models.ODD, 1)[0]
    content = convert.convert(free, tiny_models.ODD)
    assert_close(answer(content, image), fixed(image).numpy(), 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_trained_in_half_precision_is_exported_in_float32(small, policy):
    keras.config.set_dtype_policy(policy)
    try:
        half = tiny_models.two_stages()
    finally:
        keras.config.set_dtype_policy("float32")
    assert half.get_layer("encoder1_conv1").compute_dtype == policy.removeprefix("mixed_")
    half.set_weights(small.get_weights())
    image = tiny_models.images(seed=5)[0]
    content = convert.convert(half, tiny_models.SIZE)
    dtypes = {tensor.dtype for tensor in flatbuffer.read(content).tensors}
    assert dtypes <= {"float32", "int32"}
    assert_close(answer(content, image), small(image).numpy(), 1e-4)


def test_a_nested_model_is_exported(small):
    image = keras.Input((*tiny_models.SIZE, 3))
    outer = keras.Model(image, small(keras.layers.Identity()(image)))
    x = tiny_models.images(seed=5)[0]
    content = convert.convert(outer, tiny_models.SIZE)
    assert_close(answer(content, x), small(x).numpy(), 1e-4)
