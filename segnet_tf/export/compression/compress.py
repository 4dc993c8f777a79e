"""Pruning and clustering: they make a compressed download of the file smaller.

The file itself stays as large and as fast, since int8 filters are stored with their zeros. TFLite's
sparse encoding is not used: XNNPACK fails on it with int8.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras

from segnet_tf.export.compression import finetune, twin

# Learning rates, as a fraction of the one that the model was trained with. Pruning removes the
# least important weights, so the others must change little: with 0.25 SegNet-Lite lost twice as
# much. Clustering changes the weights less than pruning does.
PRUNING_RATE = 0.1
CLUSTERING_RATE = 0.05
# The share of the steps in which weights are set to zero. In the steps after them the other weights
# make up for it.
PRUNING_STEPS = 0.5
# How many times in these steps.
PRUNINGS = 20
# Puts a layer of tfmot around one of the network.
Wrap = Callable[[tf_keras.layers.Layer], tf_keras.layers.Layer]


def prune(
    model: keras.Model,
    how: finetune.Recipe,
    *,
    sparsity: float,
    epochs: int,
    checkpoint: Path | None = None,
) -> keras.Model:
    """Sets the smallest weights of the Conv2D filters to zero, gradually, while it trains.

    Args:
        model: as `twin.build` takes it.
        how: data and loss.
        sparsity: share of zeros in all the filters together, between 0 and 1; `shares` says how
            many of them are in each.
        epochs: passes over the training images.
        checkpoint: see `finetune.fit`.

    Returns:
        A model with the new weights.
    """
    last = max(1, int(PRUNING_STEPS * epochs * how.steps))
    kernels = {layer.name: np.asarray(layer.kernel) for layer in _convolutions(model)}
    share_of = dict(zip(kernels, shares(list(kernels.values()), sparsity), strict=True))

    def wrap(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        schedule = tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=0.0,
            final_sparsity=share_of[layer.name],
            begin_step=0,
            end_step=last,
            frequency=max(1, last // PRUNINGS),
        )
        return tfmot.sparsity.keras.prune_low_magnitude(layer, schedule)

    network = _wrapped(model, wrap)
    steps = tfmot.sparsity.keras.UpdatePruningStep()
    steps.set_model(network)
    steps.on_train_begin()

    def before_step() -> None:
        steps.on_train_batch_begin(batch=0)

    finetune.fit(
        network,
        how,
        label=f"prune {sparsity:g}",
        epochs=epochs,
        learning_rate=PRUNING_RATE * how.learning_rate,
        checkpoint=checkpoint,
        before_step=before_step,
    )
    steps.on_epoch_end(batch=epochs)  # the last step has changed weights that must be 0
    return twin.get_weights(tfmot.sparsity.keras.strip_pruning(network), model)


def cluster(
    model: keras.Model,
    how: finetune.Recipe,
    *,
    clusters: int,
    epochs: int,
    checkpoint: Path | None = None,
    keep_zeros: bool = False,
) -> keras.Model:
    """Gives every Conv2D filter a few different values only, and trains those.

    Args:
        clusters: different values in a filter.
        keep_zeros: one of the values is 0, and weights that are 0 stay 0: for a pruned model.
        model, how, epochs, checkpoint: as in `prune`.

    Returns:
        A model with the new weights.
    """

    def wrap(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
        return tfmot.clustering.keras.cluster_weights(
            layer,
            number_of_clusters=clusters,
            cluster_centroids_init=tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
            preserve_sparsity=keep_zeros,
        )

    keras.utils.set_random_seed(how.config.seed)  # the first values are chosen at random
    with warnings.catch_warnings():
        # tfmot warns of a filter that has no more weights than clusters, and leaves it as it is.
        warnings.simplefilter("ignore", UserWarning)
        network = _wrapped(model, wrap)
    finetune.fit(
        network,
        how,
        label=f"cluster {clusters}",
        epochs=epochs,
        learning_rate=CLUSTERING_RATE * how.learning_rate,
        checkpoint=checkpoint,
    )
    for layer in network.layers:  # the last step has changed the values; now the filters get them
        if hasattr(layer, "update_clustered_weights_associations"):
            layer.update_clustered_weights_associations()
    return twin.get_weights(tfmot.clustering.keras.strip_clustering(network), model)


def shares(kernels: Sequence[np.ndarray], sparsity: float) -> list[float]:
    """How much of each filter to prune, so that the network's output changes little.

    By layer-adaptive magnitude-based pruning (LAMP, Lee et al. 2021, arXiv 2010.07611): a weight's
    score is its square over the sum of the squares in its filter that are no smaller, and the
    lowest scores of all filters go. Small filters and those without a weak weight keep nearly all.

    Args:
        kernels: the filters' weights, of any shape.
        sparsity: share of all weights to prune, between 0 and 1.

    Returns:
        A share for each filter, below 1.
    """
    scores = []
    for kernel in kernels:
        squares = np.sort(kernel.astype(np.float64).ravel() ** 2)
        no_smaller = np.cumsum(squares[::-1])[::-1]
        # A weight of 0 has score 0, also where nothing but zeros is left.
        scores.append(squares / np.where(no_smaller > 0, no_smaller, 1.0))
    owner = np.repeat(np.arange(len(kernels)), [kernel.size for kernel in kernels])
    lowest = np.argsort(np.concatenate(scores), kind="stable")[: round(sparsity * len(owner))]
    pruned = np.bincount(owner[lowest], minlength=len(kernels))
    # tfmot takes no share of 1: the greatest weight of a filter stays.
    sizes = [kernel.size for kernel in kernels]
    return [float(min(n, size - 1) / size) for n, size in zip(pruned, sizes, strict=True)]


def zeros_share(model: keras.Model) -> float:
    """The share of zeros in all Conv2D filters."""
    filters = [np.asarray(layer.kernel) for layer in _convolutions(model)]
    return sum((f == 0).sum() for f in filters) / sum(f.size for f in filters)


def _convolutions(model: keras.Model) -> list[keras.layers.Conv2D]:
    # In Keras 3 a DepthwiseConv2D is no Conv2D.
    return [
        layer
        for layer in model._flatten_layers(include_self=False, recursive=True)
        if isinstance(layer, keras.layers.Conv2D)
    ]


def _wrapped(model: keras.Model, wrap: Wrap) -> tf_keras.Model:
    names = {layer.name for layer in _convolutions(model)}
    return tf_keras.models.clone_model(
        twin.build(model),
        clone_function=lambda layer: wrap(layer) if layer.name in names else layer,
    )
