"""The second output of a file, how unsure each pixel is, against Keras and against more samples."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import keras
import numpy as np

from segnet_tf.data import Samples
from segnet_tf.data.pipeline import evaluation_batches
from segnet_tf.data.scenes import synthetic
from segnet_tf.export.checks import dropout_masks
from segnet_tf.export.checks.report import Report
from segnet_tf.export.conversion import sampling
from segnet_tf.export.runtimes import cpu
from segnet_tf.export.tflite_file import flatbuffer
from segnet_tf.export.tflite_file.uncertainty import Uncertainty
from segnet_tf.inference import uncertainty as inference
from segnet_tf.inference.predictors import Predictor, resized, winners
from segnet_tf.inference.tflite_model import TFLiteModel
from segnet_tf.metrics.calibration import Calibration
from segnet_tf.models.output_kind import Output
from segnet_tf.system.progress import counted

# Images on which Keras runs `RANDOM_SAMPLES` times, with masks that have nothing to do with the
# file's.
IMAGES = 4
RANDOM_SAMPLES = 40
# The mean difference of the entropies that a float32 file may have, in nats; other sums make 1e-7.
FLOAT32_DIFFERENCE = 1e-3
CPU_RUNTIMES = ("xnnpack", "optimized")


class Trust(TypedDict):
    """How far a distribution can be trusted, see `segnet_tf.metrics.calibration`."""

    ece: float
    auroc: float | None


class Compared(TypedDict):
    """What `compare` found.

    Attributes:
        difference: mean and largest absolute difference to Keras's entropy, in nats.
        rank_correlation: Spearman's, of the file's entropy and Keras's of the same masks; `None`
            where one of them is the same everywhere.
        random_rank_correlation: of the file's entropy and that of `RANDOM_SAMPLES` other samples;
            `None` for a file without samples too.
        file, keras, random: of each of the three; `None` without labels, or for a file that gives
            labels.
        images: how many were run.
    """

    difference: dict[str, float]
    rank_correlation: float | None
    random_rank_correlation: float | None
    file: Trust | None
    keras: Trust | None
    random: Trust | None
    images: int


class Distributions(Predictor):
    """A Keras model that gives what a file with an uncertainty gives, by the same masks.

    Args:
        model: that the file was made from.
        size: `(height, width)` of the file's input, in pixels.
        uncertainty: what the file says of its second output.

    Attributes:
        network: see `sampling.distribution_of`.
        uncertainty: the same.
        pools: the names of its argmax pooling layers, once for each call.
    """

    def __init__(self, model: keras.Model, size: tuple[int, int], uncertainty: Uncertainty):
        super().__init__(model, model.name)
        self.source = model
        self.uncertainty = uncertainty
        self.network = sampling.distribution_of(model, size, uncertainty)
        self.pools = sampling.pools_of(self.network)
        self.output = Output("probabilities", self.output.activation)

    def distribution(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities `(batch, h, w, channels)` and entropy `(batch, h, w)` of images."""
        found = np.asarray(self.network.predict_on_batch(images), np.float32)
        return found[..., :-1], found[..., -1]

    def _run(self, images: np.ndarray) -> np.ndarray:
        return self.distribution(images)[0]


def added(
    report: Report,
    path: Path,
    content: bytes,
    reference: Distributions,
    samples: Samples | None,
    images: list[np.ndarray],
) -> Report:
    """The report with what is true of the second output.

    Args:
        report: of the file.
        path, content: of the file.
        reference: the Keras model.
        samples: images and labels, or images alone; `None` for synthetic scenes.
        images: float32 `(batch, height, width, channels)`, RGB 0..255, to check the masks on.
    """
    graph = flatbuffer.read(content)
    said = reference.uncertainty
    failures = dropout_masks.stored_failures(graph, sampling.masks_of(reference.network))
    lines = []
    counts = {}
    for runtime in CPU_RUNTIMES if said.samples > 1 else ():
        wrong, values = dropout_masks.count_wrong(content, images, runtime)
        counts[runtime] = {"wrong": wrong, "values": values}
        lines.append(
            f"dropout      {said.samples} samples, on {runtime}: {wrong:,} of {values:,} values "
            "wrong"
        )
        if wrong:
            failures.append(f"dropout masks: {wrong} of {values} values wrong on {runtime}")
    compared = compare(path, reference, samples)
    lines += _lines(compared, said)
    mean = compared["difference"]["mean"]
    if report.facts["format"] == "float32" and not mean <= FLOAT32_DIFFERENCE:
        failures.append(
            f"the uncertainty differs from Keras's by {mean:.4f} nats on average, in a float32 "
            f"file by at most {FLOAT32_DIFFERENCE}"
        )
    found = {"samples": said.samples, "seed": said.seed, "dropout": counts, **compared}
    return report.added("uncertainty", found, "\n".join(lines), failures)


def _lines(compared: Compared, said: Uncertainty) -> list[str]:
    apart, images = compared["difference"], compared["images"]
    what = "one pass" if said.samples == 1 else f"{said.samples} samples, seed {said.seed}"
    lines = [
        f"uncertainty  entropy of {what}; differs from Keras's by {apart['mean']:.1e} nats on "
        f"average, by {apart['largest']:.1e} at most; rank correlation "
        f"{four_digits(compared['rank_correlation'])} ({images} images)"
    ]
    random = compared["random_rank_correlation"]
    if random is not None:
        lines.append(f"             rank correlation {random:.4f} with {RANDOM_SAMPLES} samples")
    for name, trust in (
        ("this file", compared["file"]),
        ("Keras, the same masks", compared["keras"]),
        (f"Keras, {RANDOM_SAMPLES} samples", compared["random"]),
    ):
        if trust is not None:
            auroc = four_digits(trust["auroc"])
            lines.append(
                f"             ECE {100 * trust['ece']:.2f} %, AUROC of wrong {auroc}: {name}"
            )
    return lines


def against_plain(report: Report, plain: bytes, content: bytes) -> Report:
    """The report with the file's size and time beside those of the same file with one output."""
    milliseconds = cpu.latency_ms(plain)
    own = report.facts["latency"]["milliseconds"]
    found = {"bytes": len(plain), "milliseconds": milliseconds}
    text = (
        f"plain file   {len(plain) / 1e6:.2f} MB and {milliseconds:.1f} ms without an uncertainty: "
        f"this one is {100 * (len(content) / len(plain) - 1):+.1f} % in size and takes "
        f"{own / milliseconds:.2f} times as long"
    )
    return report.added("plain_file", found, text)


def compare(path: Path, reference: Distributions, samples: Samples | None) -> Compared:
    """Runs the file, its Keras model and `RANDOM_SAMPLES` other samples on a few images."""
    file = TFLiteModel(path)
    # The classes of synthetic scenes need not be the model's.
    is_scored = samples is not None and samples.is_labelled
    if samples is None:
        samples = synthetic.samples("val", size=file.input_size, count=IMAGES)
    samples = samples.subset(min(IMAGES, len(samples))).in_channels(file.image_channels)
    entropies: dict[str, list[np.ndarray]] = {"file": [], "keras": [], "random": []}
    judges: dict[str, Calibration] = {}
    worst = summed = 0.0
    count = 0
    for images, truth in counted(
        evaluation_batches(samples, batch_size=1), len(samples), "uncertainty"
    ):
        pixels, truth = images.numpy(), np.asarray(truth)
        seen = resized(pixels, file.input_size)
        values, own = file.with_uncertainty(seen)
        expected, meant = reference.distribution(seen)
        apart = np.abs(own - meant)
        worst = max(worst, float(np.max(apart)))
        summed, count = summed + float(apart.sum(dtype=np.float64)), count + apart.size
        found = {"keras": (expected, meant)}
        if file.channels is not None:
            found["file"] = (values, own)
        entropies["file"].append(own)
        entropies["keras"].append(meant)
        if reference.uncertainty.samples > 1:
            more = inference.sample(
                Predictor(reference.source, reference.name), seen, RANDOM_SAMPLES
            )
            entropies["random"].append(more.predictive_entropy)
            found["random"] = (more.probabilities, more.predictive_entropy)
        for name, (probabilities, entropy) in found.items() if is_scored else ():
            size = truth.shape[1:3]
            chances = resized(inference.of_each_class(probabilities), size)
            maps = {"entropy": resized(entropy[..., None], size)[..., 0]}
            judge = judges.setdefault(name, Calibration(samples.classes.names))
            judge.update(truth, winners(chances, size, 0.5), chances, maps)
    pooled = {name: np.concatenate(maps) for name, maps in entropies.items() if maps}
    is_random = "random" in pooled
    return {
        "difference": {"mean": summed / count, "largest": worst},
        "rank_correlation": rank_correlation(pooled["file"], pooled["keras"]),
        "random_rank_correlation": rank_correlation(pooled["file"], pooled["random"])
        if is_random
        else None,
        "file": _trust(judges.get("file")),
        "keras": _trust(judges.get("keras")),
        "random": _trust(judges.get("random")),
        "images": len(samples),
    }


def four_digits(value: float | None) -> str:
    """A number as text, "-" for none."""
    return "-" if value is None else f"{value:.4f}"


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's: of the ranks, equal numbers having the mean of theirs; None if all are equal."""

    def ranks(values: np.ndarray) -> np.ndarray:
        _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
        mean = np.cumsum(counts) - (counts - 1) / 2
        return mean[place] - mean[place].mean()

    one, two = ranks(first), ranks(second)
    scale = np.sqrt((one @ one) * (two @ two))
    return float(one @ two / scale) if scale else None


def _trust(judge: Calibration | None) -> Trust | None:
    if judge is None:
        return None
    found = judge.summary()
    auroc = found["uncertainty"]["entropy"]["auroc"]
    return {"ece": found["ece"], "auroc": None if auroc is None else float(auroc)}
