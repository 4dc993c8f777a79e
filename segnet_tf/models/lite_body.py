"""SegNet on EfficientNet-Lite0's blocks: what `segnet_lite` and `segnet_nano` are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from segnet_tf.errors import UserError
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D
from segnet_tf.models import blocks
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
            `separable`: then the classifier is the 1x1.
        unpool_groups: values that each pooling index places in those stages, 1 in SegNet.
    """

    stem_strides: int
    repeats: Sequence[int]
    separable: bool
    decoder_widths: Sequence[int]
    unpool_groups: Sequence[int]

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
        if self.stem_strides == 1:
            x = _pool(x, first, indices, drop)
        for number, (kernel, expansion, channels, halves) in chosen:
            if halves:
                # Before the block that has the stride in Lite0: its wide inside then never sees
                # the large map.
                x = _pool(x, first + len(indices), indices, drop)
            x = lite0.inverted_residual(x, kernel, expansion, channels, f"encoder_block{number}")
        stages = range(last, first - 1, -1)
        rows = zip(self.decoder_widths, self.unpool_groups, stages, strict=True)
        for width, groups, stage in rows:
            argmax, before = indices[stage]
            name_of = f"decoder{stage}"
            # Linear as the map that was pooled: a ReLU would forget half of these few channels.
            x = lite0.conv(x, groups * before.shape[-1], 1, f"{name_of}_project", relu=False)
            x = MaxUnpooling2D(name=f"{name_of}_unpool")(x, argmax, output_size=before)
            x = drop(self._conv(x, width, name_of), name_of)
        logits = blocks.classifier(x, num_classes)
        if self.stem_strides == 2:
            logits = blocks.enlarge(logits, inputs)
        return keras.Model(inputs, logits, name=name)

    def _conv(self, x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
        if not self.separable:
            return lite0.conv(x, width, 3, name)
        x = lite0.depthwise(x, 3, f"{name}_depthwise", relu=not width)
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
        count = last - first + 1
        for option in ("decoder_widths", "unpool_groups"):
            values = tuple(getattr(self, option))
            if len(values) != count:
                raise UserError(
                    f"`{option}` must hold {count} numbers, one a stage from the bottom up. "
                    f"Received: {option}={values}."
                )
            least = [1] * count
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


def _pool(x: keras.KerasTensor, stage: int, indices: Indices, drop: Dropouts) -> keras.KerasTensor:
    pooled, argmax = MaxPoolingWithArgmax2D(name=f"encoder{stage}_pool")(x)
    indices[stage] = (argmax, x)
    return drop(pooled, f"encoder{stage}")
