"""Where is the network unsure? The mean of many predictions with dropout alive, and their spread.

    python examples/bayesian.py --output unsure

For one drawn road scene it writes the prediction, which fades where it is unsure, and two maps: all
that is unsure (entropy), and how far the predictions differ (mutual information).
docs/uncertainty.md says what the numbers mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import segnet_tf
from segnet_tf.inference.uncertainty import sample
from segnet_tf.training import TrainConfig, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("unsure"), help="a new folder")
    parser.add_argument("--samples", type=int, default=20, help="predictions to average")
    parser.add_argument("--images", type=int, default=60, help="scenes to train on")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--size", type=int, nargs=2, default=(96, 128), help="height width")
    arguments = parser.parse_args()

    # The shipped weights never saw dropout, so they train on with it for a while.
    run = arguments.output / "run"
    train(
        TrainConfig(
            model="segnet_mini",
            model_options={"bayesian": True, "dropout": 0.2},
            initial_weights="weights:segnet_mini_camvid",
            data=f"synthetic:{arguments.images}",
            size=tuple(arguments.size),
            epochs=arguments.epochs,
        ),
        run,
    )
    samples = segnet_tf.data.open_samples("synthetic", "test", size=tuple(arguments.size), limit=1)
    image, _ = samples.read(0)
    found = sample(run, image[None], samples=arguments.samples, seed=0)

    labels = found.probabilities[0].argmax(-1)
    entropy, disagreement = found.predictive_entropy[0], found.mutual_information[0]
    painted = segnet_tf.plots.unsure_overlay(image, labels, samples.classes, entropy)
    Image.fromarray(painted).save(arguments.output / "prediction.png")
    largest = np.log(len(samples.classes))
    for name, values in (("entropy", entropy), ("mutual_information", disagreement)):
        file = arguments.output / f"{name}.png"
        segnet_tf.plots.uncertainty_map(values, largest, f"{name} (nats)", file)
        print(f"{name:<19} mean {values.mean():.3f}, largest {values.max():.3f} nats  {file}")


if __name__ == "__main__":
    main()
