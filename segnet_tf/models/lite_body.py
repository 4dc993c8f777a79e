"""SegNet on EfficientNet-Lite0's blocks: what `segnet_lite` and `segnet_nano` are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.models import blocks, pyramid
from segnet_tf.models.dropout import Dropouts
from segnet_tf.models.encoders import lite0

# Stage -> (argmax, the map that was pooled). Stage N leads to a map of 1/2**N of the image's side.
Indices = dict[int, tuple[keras.KerasTensor, keras.KerasTensor]]


@dataclass(frozen=True)
class Body:
    """The choices of a network, as data.

    Attributes:
        stem_strides: 1 keeps the image's size, so that the first pooling stands behind the stem. 2,
            as Lite0 was pretrained, leaves that pooling out; the logits are of half the size and
            resized to the image's.
        repeats: blocks of each of Lite0's stages, see `lite0.REPEATS`. Fewer numbers end the
            encoder earlier.
        separable: whether the decoder's 3x3 convolutions are a depthwise one and a 1x1.
        decoder_widths: channels of the decoder's stages, from the bottom up. The last may be 0 if
            `separable`: then the classifier is the 1x1. Fewer numbers end the decoder earlier; the
            logits are resized.
        unpool_groups: values that each pooling index places in those stages, 1 in SegNet.
        pooling: "before" the block that has a stride in Lite0, whose wide inside then never sees
            the large map; or "beside" it, see `_pool_beside`.
        bins: levels of a pyramid of averages at the bottom; none for no pyramid.
        kernel: size of the decoder's depthwise convolutions.
    """

    stem_strides: int
    repeats: Sequence[int]
    separable: bool
    decoder_widths: Sequence[int]
    unpool_groups: Sequence[int]
    pooling: str = "before"
    bins: Sequence[int] = ()
    kernel: int = 3

    def build(
        self,
        num_classes: int,
        input_shape: tuple[int | None, int | None, int],
        drop: Dropouts,
        name: str,
    ) -> keras.Model:
        """The model, from RGB 0..255 to logits of the same size.

        Raises:
            UserError: an option that no such network has.
        """
        chosen = self._blocks()
        first, last = self._check(chosen)
        inputs = blocks.image_input(input_shape, last)
        x = blocks.normalize(inputs, "lite")
        x = lite0.conv(x, lite0.STEM, 3, "encoder_stem", strides=self.stem_strides)
        indices: Indices = {}
        stages = range(last, last - len(self.decoder_widths), -1)
        stage = first
        if self.stem_strides == 1:
            x = _pool(x, stage, stages, indices, drop)
            stage += 1
        for number, (kernel, expansion, channels, halves) in chosen:
            block = (kernel, expansion, channels, f"encoder_block{number}")
            if halves and self.pooling == "beside":
                x = _pool_beside(x, block, stage, stages, indices, drop)
            else:
                x = _pool(x, stage, stages, indices, drop) if halves else x
                x = lite0.inverted_residual(x, *block)
            stage += halves
        if self.bins:
            x = pyramid.joined(x, self.bins, _narrow)
            x = _narrow(x, self.decoder_widths[0] or x.shape[-1], "pyramid")
        rows = zip(self.decoder_widths, self.unpool_groups, stages, strict=True)
        for width, groups, stage in rows:
            argmax, before = indices[stage]
            name_of = f"decoder{stage}"
            # Linear as the map that was pooled: a ReLU would forget half of these few channels.
            x = lite0.conv(x, groups * before.shape[-1], 1, f"{name_of}_project", relu=False)
            x = MaxUnpooling2D(name=f"{name_of}_unpool")(x, argmax, output_size=before)
            x = drop(self._conv(x, width, name_of), name_of)
        logits = blocks.classifier(x, num_classes)
        if stages[-1] > 1:
            logits = blocks.enlarge(logits, inputs)
        return keras.Model(inputs, logits, name=name)

    def _conv(self, x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
        if not self.separable:
            return lite0.conv(x, width, 3, name)
        x = lite0.depthwise(x, self.kernel, f"{name}_depthwise", relu=not width)
        return lite0.conv(x, width, 1, name) if width else x

    def _blocks(self) -> list[tuple[int, lite0.Block]]:
        most = lite0.REPEATS
        given = tuple(self.repeats)
        fits = 0 < len(given) <= len(most) and all(
            isinstance(count, int) and 1 <= count <= limit
            for count, limit in zip(given, most, strict=False)
        )
        if not fits:
            raise UserError(
                "`repeats` must hold the blocks of each stage of EfficientNet-Lite0, from 1 to "
                f"{', '.join(map(str, most))}, or of its first stages. Received: repeats={given}."
            )
        return lite0.chosen(given)

    def _check(self, chosen: list[tuple[int, lite0.Block]]) -> tuple[int, int]:
        """The first and the last stage that end in a pooling; UserError for options that clash."""
        if self.stem_strides not in (1, 2):
            raise UserError(
                "`stem_strides` must be 1 (logits of the image's size) or 2 (of half its size, "
                f"resized). Received: stem_strides={self.stem_strides!r}."
            )
        blocks.check_flag("separable", self.separable)
        halvings = sum(halves for _, (_, _, _, halves) in chosen)
        if not halvings:
            raise UserError(
                "`repeats` must reach a stage that halves the map, two numbers at least. "
                f"Received: repeats={tuple(self.repeats)}."
            )
        first, last = self.stem_strides, halvings + 1
        if self.pooling not in ("before", "beside"):
            raise UserError(
                '`pooling` must be "before" or "beside" the blocks that halve the map. '
                f"Received: pooling={self.pooling!r}."
            )
        pyramid.check_bins(self.bins, least=0)
        if type(self.kernel) is not int or self.kernel < 1 or self.kernel % 2 == 0:
            raise UserError(f"`kernel` must be 3, 5 or 7. Received: kernel={self.kernel!r}.")
        if self.kernel != 3 and not self.separable:
            raise UserError(
                "`kernel` is that of depthwise convolutions: it needs separable=True. "
                f"Received: kernel={self.kernel} with separable=False."
            )
        most, given = last - first + 1, len(self.decoder_widths)
        if not 1 <= given <= most:
            raise UserError(
                f"`decoder_widths` must hold {most} numbers or fewer, one a stage from the bottom "
                f"up. Received: decoder_widths={tuple(self.decoder_widths)}."
            )
        for option in ("decoder_widths", "unpool_groups"):
            values = tuple(getattr(self, option))
            if len(values) != given:
                raise UserError(
                    f"`{option}` must hold {given} numbers, as many as `decoder_widths`. "
                    f"Received: {option}={values}."
                )
            least = [1] * given
            if option == "decoder_widths" and self.separable:
                least[-1] = 0
            if not all(
                isinstance(v, int) and v >= low for v, low in zip(values, least, strict=True)
            ):
                raise UserError(
                    f"`{option}` must be positive whole numbers; the last width may be 0 with "
                    f"separable=True. Received: {option}={values}."
                )
        return first, last


def _pool(
    x: keras.KerasTensor, stage: int, decoded: range, indices: Indices, drop: Dropouts
) -> keras.KerasTensor:
    name = f"encoder{stage}"
    if stage in decoded:
        pooled, argmax = MaxPoolingWithArgmax2D(name=f"{name}_pool")(x)
        indices[stage] = (argmax, x)
    else:
        pooled = keras.layers.MaxPooling2D(name=f"{name}_pool")(x)
    return drop(pooled, name)


def _pool_beside(
    x: keras.KerasTensor,
    block: tuple[int, int, int, str],
    stage: int,
    decoded: range,
    indices: Indices,
    drop: Dropouts,
) -> keras.KerasTensor:
    """The block as it was pretrained, stride and all, and the pooled map added to its output.

    The pooled map goes through a 1x1 convolution whose gain starts at 0: at first the network is
    the pretrained one, and it learns from there what the maxima add. A stage that has no decoder
    needs no indices, and is the block alone.
    """
    name = f"encoder{stage}"
    strided = lite0.inverted_residual(x, *block, strides=2)
    if stage not in decoded:
        return drop(strided, name)
    # "same": a map of odd size is halved as the strided convolution halves it.
    pooled, argmax = MaxPoolingWithArgmax2D(padding="same", name=f"{name}_pool")(x)
    indices[stage] = (argmax, x)
    # Not "encoder": it has no pretrained weights.
    pooled = lite0.conv(pooled, strided.shape[-1], 1, f"shortcut{stage}", relu=False, gamma="zeros")
    return drop(keras.layers.Add(name=f"shortcut{stage}_add")([strided, pooled]), name)


def _narrow(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    return lite0.conv(x, channels, 1, name)
