"""ENet: many thin bottlenecks at an eighth of the image's size, and a small decoder."""

from __future__ import annotations

import dataclasses

import keras

from segnet_tf import layers
from segnet_tf.errors import UserError
from segnet_tf.models import blocks
from segnet_tf.models.dropout import dropouts
from segnet_tf.models.encoders.encoder import check_width

DEPTH = 3
INITIAL_WIDTH = 16
# Inside, a bottleneck has a quarter of the channels that it takes.
REDUCTION = 4
# The convolution inside a bottleneck: 3x3 with a dilation, 1 for none; or 5x1 and 1x5.
ASYMMETRIC = 0
CONTEXT = (1, 2, ASYMMETRIC, 4, 1, 8, ASYMMETRIC, 16)
# (stage, channels, dropout, whether a bottleneck that halves the map comes first, the others)
ENCODER: tuple[tuple[int, int, float, bool, tuple[int, ...]], ...] = (
    (1, 64, 0.01, True, (1, 1, 1, 1)),
    (2, 128, 0.1, True, CONTEXT),
    (3, 128, 0.1, False, CONTEXT),
)
# (stage, channels, bottlenecks after the one that doubles the map)
DECODER = ((4, 64, 2), (5, 16, 1))
DECODER_DROPOUT = 0.1
# Which axes of a map share a slope.
PRELU_AXES = {"channel": (1, 2), "shared": (1, 2, 3)}


def enet(
    num_classes: int,
    input_shape: tuple[int | None, int | None, int] = (360, 480, 3),
    *,
    normalization: str = "signed",
    prelu: str = "channel",
    width: float = 1.0,
    bayesian: bool = False,
    dropout: float = 0.5,
    name: str = "enet",
) -> keras.Model:
    """ENet, 0.36 million parameters.

    The tables above are the paper's. What it leaves open is as in the PyTorch code that most
    comparisons use, 350,508 parameters at 11 classes with one slope a layer:

    - Inside, a bottleneck has a quarter of the channels that go in, also where it halves or
      doubles the map. (The authors' Torch code takes a quarter of those that come out.)
    - An activation follows the last convolution of a bottleneck, too, before the sum; not where
      it doubles the map.
    - In a bottleneck that doubles the map, the transposed convolution is 2x2.

    An odd side is halved upwards, 45 to 23. On the way back the 46 rows are cut to 45.

    Args:
        num_classes: logits a pixel; 1 is binary.
        input_shape: `(height, width, channels)`; `None` sides take any size.
        normalization: a name in `blocks.NORMALIZATIONS`.
        prelu: `"channel"` for a slope a channel, `"shared"` for one a layer; in the encoder, as
            the decoder has ReLU.
        width: factor on all channels, which stay multiples of 4.
        bayesian: dropout between the deepest stages, see `segnet_tf.models.dropout`, beside the
            paper's own of whole channels in each bottleneck, which is there in any case.
        dropout: share of the values that it sets to 0.

    Returns:
        A model from RGB 0..255 `(batch, height, width, channels)` to logits
        `(batch, height, width, num_classes)`.

    Raises:
        UserError: an unknown `prelu`, or a `width` that is no factor or leaves the first
            convolution no channels beside the pooled image's.

    Reference:
        Paszke et al., 2016, https://arxiv.org/abs/1606.02147
    """
    if prelu not in PRELU_AXES:
        raise UserError(f"`prelu` must be one of {sorted(PRELU_AXES)}. Received: prelu={prelu!r}.")
    check_width(width)
    drop = dropouts("enet", bayesian, dropout)
    classes = blocks.checked_classes(num_classes)
    image = blocks.image_input(input_shape, DEPTH)
    first = _scaled(INITIAL_WIDTH, width)
    if first <= image.shape[3]:
        raise UserError(
            "`width` must leave the first convolution channels beside those of the image. "
            f"Received: width={width}, which makes {first} of {INITIAL_WIDTH}, for an image of "
            f"{image.shape[3]}. Use a larger width."
        )
    x = blocks.normalize(image, normalization)
    x = _initial(x, first, _Bottlenecks(prelu))
    indices = []
    for stage, channels, rate, halves, kinds in ENCODER:
        make = _Bottlenecks(prelu, rate)
        if halves:
            before = x
            x, argmax = make.halving(x, _scaled(channels, width), f"encoder{stage}_bottleneck0")
            indices.append((argmax, before))
        for number, kind in enumerate(kinds, start=int(halves)):
            x = make.regular(x, kind, f"encoder{stage}_bottleneck{number}")
        x = drop(x, f"encoder{stage}")
    make = _Bottlenecks(None, DECODER_DROPOUT)
    for stage, channels, count in DECODER:
        argmax, before = indices.pop()
        name_ = f"decoder{stage}_bottleneck"
        x = make.doubling(x, _scaled(channels, width), argmax, before, f"{name_}0")
        for number in range(1, count + 1):
            x = make.regular(x, 1, f"{name_}{number}")
        x = drop(x, f"decoder{stage}")
    return keras.Model(image, _full_convolution(x, image, classes), name=name)


def _scaled(channels: int, width: float) -> int:
    return max(1, round(channels * width / REDUCTION)) * REDUCTION


def _initial(x: keras.KerasTensor, channels: int, make: _Bottlenecks) -> keras.KerasTensor:
    """Halves the image by a convolution and by pooling, and keeps both."""
    even = layers.EvenPadding2D(name="initial_even")(x)
    convolved = _conv(even, channels - x.shape[3], 3, "initial_conv", strides=2)
    # Its argmax has no use: the paper's last layer is no unpooling.
    pooled = keras.layers.MaxPooling2D(2, padding="same", name="initial_pool")(x)
    x = keras.layers.Concatenate(name="initial_concat")([convolved, pooled])
    return make.activate(_norm(x, "initial_bn"), "initial")


def _full_convolution(
    x: keras.KerasTensor, image: keras.KerasTensor, classes: int
) -> keras.KerasTensor:
    """The logits, at the image's size."""
    x = keras.layers.Conv2DTranspose(
        classes,
        3,
        strides=2,
        padding="same",
        use_bias=False,
        dtype="float32",
        name="classifier",
    )(x)
    return layers.CropOrPad2D(dtype="float32", name="classifier_crop")(x, image)


def _conv(
    x: keras.KerasTensor,
    filters: int,
    kernel_size: int | tuple[int, int],
    name: str,
    *,
    strides: int = 1,
    dilation: int = 1,
) -> keras.KerasTensor:
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        padding="same",
        dilation_rate=dilation,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # epsilon as in PyTorch; batches are small, so the mean runs slowly.
    return keras.layers.BatchNormalization(momentum=0.98, epsilon=1e-5, name=name)(x)


@dataclasses.dataclass(frozen=True)
class _Bottlenecks:
    """The blocks of a stage: a main branch, to which convolutions on fewer channels are added.

    Attributes:
        prelu: a name in `PRELU_AXES`, or None for ReLU.
        dropout: share of the channels that training leaves out of what is added.
    """

    prelu: str | None
    dropout: float = 0.0

    def activate(self, x: keras.KerasTensor, name: str, index: str = "") -> keras.KerasTensor:
        """PReLU, whose slopes begin at 0.25 as in Torch, or ReLU."""
        if self.prelu is None:
            return keras.layers.ReLU(name=f"{name}_relu{index}")(x)
        return keras.layers.PReLU(
            alpha_initializer=keras.initializers.Constant(0.25),
            shared_axes=PRELU_AXES[self.prelu],
            name=f"{name}_prelu{index}",
        )(x)

    def regular(self, x: keras.KerasTensor, kind: int, name: str) -> keras.KerasTensor:
        """A bottleneck that keeps size and channels."""
        inner = x.shape[3] // REDUCTION
        branch = self._step(_conv(x, inner, 1, f"{name}_conv1"), name, "1")
        return self._end(x, self._inside(branch, kind, name), name)

    def halving(
        self, x: keras.KerasTensor, channels: int, name: str
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """A bottleneck that halves the map; the second result is the argmax of its pooling."""
        inner = x.shape[3] // REDUCTION
        main, argmax = layers.MaxPoolingWithArgmax2D(padding="same", name=f"{name}_pool")(x)
        main = layers.ChannelPadding(channels, name=f"{name}_pad")(main)
        branch = self._step(_conv(x, inner, 2, f"{name}_conv1", strides=2), name, "1")
        return self._end(main, self._inside(branch, 1, name), name), argmax

    def doubling(
        self,
        x: keras.KerasTensor,
        channels: int,
        argmax: keras.KerasTensor,
        before: keras.KerasTensor,
        name: str,
    ) -> keras.KerasTensor:
        """A bottleneck that undoes the `halving` which gave `argmax` for the map `before`."""
        inner = x.shape[3] // REDUCTION
        # Narrowed first: the pooled map had fewer channels, and so has its argmax.
        main = _norm(_conv(x, channels, 1, f"{name}_main_conv"), f"{name}_main_bn")
        main = layers.MaxUnpooling2D(name=f"{name}_unpool")(main, argmax, output_size=before)
        x = self._step(_conv(x, inner, 1, f"{name}_conv1"), name, "1")
        x = keras.layers.Conv2DTranspose(
            inner,
            2,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv2",
        )(x)
        x = layers.CropOrPad2D(name=f"{name}_crop")(self._step(x, name, "2"), before)
        x = _norm(_conv(x, channels, 1, f"{name}_conv3"), f"{name}_bn3")
        return self._add(main, x, name)

    def _inside(self, x: keras.KerasTensor, kind: int, name: str) -> keras.KerasTensor:
        inner = x.shape[3]
        if kind == ASYMMETRIC:
            x = self._step(_conv(x, inner, (5, 1), f"{name}_conv2a"), name, "2a")
            return self._step(_conv(x, inner, (1, 5), f"{name}_conv2b"), name, "2b")
        return self._step(_conv(x, inner, 3, f"{name}_conv2", dilation=kind), name, "2")

    def _step(self, x: keras.KerasTensor, name: str, index: str) -> keras.KerasTensor:
        return self.activate(_norm(x, f"{name}_bn{index}"), name, index)

    def _end(
        self, main: keras.KerasTensor, branch: keras.KerasTensor, name: str
    ) -> keras.KerasTensor:
        branch = self._step(_conv(branch, main.shape[3], 1, f"{name}_conv3"), name, "3")
        return self._add(main, branch, name)

    def _add(
        self, main: keras.KerasTensor, branch: keras.KerasTensor, name: str
    ) -> keras.KerasTensor:
        branch = keras.layers.SpatialDropout2D(self.dropout, name=f"{name}_dropout")(branch)
        return self.activate(keras.layers.Add(name=f"{name}_add")([main, branch]), name)
