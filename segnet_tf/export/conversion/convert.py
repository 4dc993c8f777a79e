"""Keras model in, the bytes of a .tflite file out."""

from __future__ import annotations

import keras
import tensorflow as tf

from segnet_tf.errors import UserError
from segnet_tf.export.conversion import delegate_ops, graph, input_scale, order, outputs, sampling
from segnet_tf.export.conversion.calibration import Ranges
from segnet_tf.export.conversion.layer_lowering import (
    BuiltinLowering,
    CustomLowering,
    LayerLowering,
)
from segnet_tf.export.conversion.outputs import Distributed
from segnet_tf.export.tflite_file import formats, sharing
from segnet_tf.export.tflite_file import uncertainty as uncertainties
from segnet_tf.export.tflite_file.formats import Format, IoType, OutputKind, Unpool
from segnet_tf.export.tflite_file.uncertainty import Uncertainty
from segnet_tf.models import output_kind as output_kinds
from segnet_tf.models.output_kind import Output

# The dynamic format stores a constant as int8 if it has at least this many elements.
DYNAMIC_RANGE_ELEMENTS = 1024


def convert(
    model: keras.Model,
    input_size: tuple[int, int],
    format: Format = "float32",
    *,
    ranges: Ranges | None = None,
    io: IoType = "float32",
    output_kind: OutputKind = "logits",
    batch: int = 1,
    unpool: Unpool = "builtin",
    uncertainty: Uncertainty | None = None,
) -> bytes:
    """Writes `model` in TFLite ops, all builtin unless asked otherwise.

    Args:
        model: from RGB 0..255 to logits or probabilities, as `graph.walk` takes it.
        input_size: `(height, width)` in pixels.
        format: how the file stores and computes, one of `formats.FORMATS`.
        ranges: of every tensor, from `calibration.measure_ranges`, for int8; `None` for others.
        io: dtype of the file's input and output, `"float32"`, or in int8 `"uint8"` or `"int8"`. A
            label map is int32 always.
        output_kind: `"logits"`, `"probabilities"` (softmax or sigmoid) or `"labels"` (class ids).
        batch: images at a time.
        unpool: `"builtin"`, or in float32 and float16 `"custom"`: the delegates' own pair of
            `delegate_ops`.
        uncertainty: of the mean of which samples the file gives the entropy too, `None` for a
            file with one output. What it gives of the classes is no logits then, but that mean.

    Returns:
        The .tflite file's content: input `(batch, height, width, channels)`, output
        `(batch, height, width, classes)`, or `(batch, height, width)` for labels; before it
        `(batch, height, width, 1)` for the uncertainty, if there is one. MediaPipe takes the last
        output for the classes, and hands on the one before it as it is.

    Raises:
        UserError: the options do not go together, or the model cannot be written so.
    """
    formats.check(format, io, output_kind, batch, unpool)
    if (format == "int8") != (ranges is not None):
        raise UserError(
            "`ranges` must be given for int8, and for no other format. "
            f"Received: {'none' if ranges is None else 'ranges'} for {format}. "
            "Measure them with calibration.measure_ranges, or leave them out."
        )
    output = checked_output(model, output_kind, format)
    if uncertainty is None:
        model = graph.network_of(model)
    else:
        model = sampling.distribution_of(model, input_size, uncertainty)
    if format == "int8":
        model = input_scale.moved(model)
    lowering: LayerLowering
    if unpool == "custom":
        delegate_ops.check_pools(delegate_ops.pools_of(model), model.name)
        lowering = CustomLowering()
    else:
        largest_kernel = DYNAMIC_RANGE_ELEMENTS - 1 if format == "dynamic" else None
        lowering = BuiltinLowering(ranges, largest_kernel)
    function = lowered(model, (batch, *input_size), lowering, output, output_kind)
    # The converter writes the values of variables that a tf.Module owns, and of no others.
    owner = tf.Module()
    owner.owned = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], owner
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if format == "int8":
        # The ranges are in the graph: the converter needs no representative data set.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        io_type = tf.as_dtype(io)
        converter.inference_input_type = io_type
        converter.inference_output_type = tf.float32 if output_kind == "labels" else io_type
    elif format != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if format == "float16":
            converter.target_spec.supported_types = [tf.float16]
    if unpool == "custom":
        converter.allow_custom_ops = True
        return delegate_ops.named(converter.convert())
    content = converter.convert()
    if uncertainty is not None and uncertainty.samples > 1:
        content = sharing.stored_once(content)
    if uncertainty is not None:
        content = order.sample_by_sample(order.first_output(content, uncertainties.OUTPUT))
    return order.masks_first(content)


def lowered(
    model: keras.Model,
    shape: tuple[int, int, int],
    lowering: LayerLowering,
    output: Output,
    output_kind: OutputKind,
) -> tf.types.experimental.PolymorphicFunction:
    """The network as a `tf.function` of plain ops, from an image to named outputs.

    Args:
        model: of `graph.network_of`, or of `sampling.distribution_of`.
        shape: `(batch, height, width)` of the image in pixels.
        lowering: what pools and unpools.
        output: what the user's model gives.
        output_kind: what the function gives, its output's name.
    """

    def forward(image: tf.Tensor) -> dict[str, tf.Tensor]:
        found = lowering.lower(model, image)
        if not isinstance(found, Distributed):
            return {output_kind: outputs.finish(found, output, output_kind)}
        probabilities = Output("probabilities", output.activation)
        return {
            output_kind: outputs.finish(found.probabilities, probabilities, output_kind),
            uncertainties.OUTPUT: found.entropy,
        }

    signature = tf.TensorSpec((*shape, model.input_shape[3]), tf.float32, name=graph.INPUT)
    # AutoGraph would wrap a UserError in an error of many lines.
    return tf.function(forward, input_signature=[signature], autograph=False)


def checked_output(model: keras.Model, output_kind: OutputKind, format: Format) -> Output:
    """What a model gives; UserError if a file cannot give `output_kind` of it, whatever its ops."""
    graph.functional_of(model)
    output = output_kinds.of(model)
    _check_output(model, output, output_kind, format)
    return output


def _check_output(
    model: keras.Model, output: Output, output_kind: OutputKind, format: Format
) -> None:
    """Raises UserError if the file cannot give that, whatever its ops."""
    if output.kind == "labels":
        raise UserError(
            "`model` must give logits or probabilities. "
            f"Received: {model.name}, which gives class ids. Export the model before its argmax."
        )
    if output.kind != "probabilities" or output.maker is not None:
        return
    if format == "int8":
        raise UserError(
            "`model` must have its softmax or sigmoid as the last step that is more than a copy or "
            f"a Rescaling to be exported to int8. Received: {model.name}. "
            "Leave out what follows it, e.g. a Resizing, or export with "
            'format="float16" (--float16).'
        )
    if output_kind == "logits":
        raise UserError(
            "`output_kind` must be 'probabilities' or 'labels' for a model whose logits cannot be "
            f"had by leaving out its last activation. Received: 'logits' for {model.name}, which "
            "works on its probabilities or makes them in its own way. "
            'Pass output_kind="probabilities" (--output-kind probabilities).'
        )
