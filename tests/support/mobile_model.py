"""A network of every layer that a mobile SegNet may have, small enough to convert in a second."""

from __future__ import annotations

import keras
import tiny_models

from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D


def build(num_classes=5, size=tiny_models.SIZE) -> keras.Model:
    """Stem, inverted bottleneck with ReLU6 and Add, its linear output argmax-pooled, context."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    image = keras.Input((*size, 3), name="image")
    x = layers.Rescaling(1 / 128, -1.0, name="normalization")(image)
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="stem_conv")(x)
    x = layers.BatchNormalization(name="stem_bn")(x)
    stem = layers.ReLU(6.0, name="stem_relu")(x)
    x = layers.Conv2D(12, 1, use_bias=False, name="expand_conv")(stem)
    x = layers.ReLU(6.0, name="expand_relu")(layers.BatchNormalization(name="expand_bn")(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depth_conv")(x)
    x = layers.ReLU(6.0, name="depth_relu")(layers.BatchNormalization(name="depth_bn")(x))
    x = layers.Conv2D(6, 1, use_bias=False, name="project_conv")(x)
    x = layers.BatchNormalization(name="project_bn")(x)
    before = layers.Add(name="add")([x, stem])
    x, argmax = MaxPoolingWithArgmax2D(name="pool")(before)
    small = layers.MaxPooling2D(2, name="context_pool")(x)
    small = layers.Conv2D(6, 1, activation="relu", name="context_conv")(small)
    small = layers.UpSampling2D(2, name="context_up")(small)
    x = layers.Concatenate(name="concat")([x, small])
    x = layers.Dropout(0.2, name="dropout")(x)
    # Two values an index.
    x = layers.Conv2D(12, 3, padding="same", name="bottom_conv")(x)
    x = MaxUnpooling2D(name="unpool")(x, argmax, output_size=before)
    logits = layers.Conv2D(num_classes, 1, name="classifier")(x)
    model = tiny_models.alive(keras.Model(image, logits, name="mobile"))
    for name in ("stem_bn", "expand_bn", "depth_bn"):  # so that some values reach the 6
        model.get_layer(name).gamma.assign(4 * model.get_layer(name).gamma)
    return model
