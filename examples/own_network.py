"""A network of your own with SegNet's two layers: trained by `model.fit`, exported to int8.

    python examples/own_network.py --output own_network.tflite

It draws its own road scenes and takes about a minute, most of it TensorFlow's start.
"""

from __future__ import annotations

import argparse

import keras
import numpy as np

import segnet_tf
from segnet_tf.layers import MaxPoolingWithArgmax2D, MaxUnpooling2D

SIZE = (64, 96)  # height and width in pixels


def scenes(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 `(count, height, width, 3)`, and class ids, uint8 `(count, height, width)`."""
    samples = segnet_tf.data.open_samples(f"synthetic:{4 * count}", split, size=SIZE, limit=count)
    images, labels = zip(*(samples.read(index) for index in range(count)), strict=True)
    return np.stack(images), np.stack(labels)


def network(classes: int) -> keras.Model:
    """Two stages down, two up. The indices of each pooling lead the unpooling across from it."""
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(image)  # in the model: a phone feeds raw RGB
    indices = []
    for filters in (16, 32):
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
        before = x
        x, argmax = MaxPoolingWithArgmax2D()(x)
        indices.append((argmax, before))
    for filters, (argmax, before) in zip((16, 16), reversed(indices), strict=True):
        x = MaxUnpooling2D()(x, argmax, output_size=before)
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(image, keras.layers.Conv2D(classes, 1)(x))  # logits, no softmax


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default="own_network.tflite", help="the file to write")
    parser.add_argument("--images", type=int, default=64, help="scenes to train on")
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    images, labels = scenes("train", arguments.images)
    model = network(classes=11)
    model.compile(
        keras.optimizers.Adam(0.01),
        loss=segnet_tf.losses.MaskedCrossentropy(),  # leaves void, 255, out
        metrics=[segnet_tf.metrics.SegmentationScores(11)],
    )
    model.fit(images, labels, batch_size=8, epochs=arguments.epochs, verbose=2)

    # Measures the ranges on these images; the file is checked before it gets its name.
    segnet_tf.export(
        model, format="int8", data=(images, labels), output=arguments.output, overwrite=True
    )
    unseen, truth = scenes("val", 8)
    for name, which in (("Keras", model), ("int8 file", arguments.output)):
        right = segnet_tf.predict(which, unseen) == truth
        print(f"{name:<10} {100 * right[truth != 255].mean():.1f} % of unseen pixels right")


if __name__ == "__main__":
    main()
