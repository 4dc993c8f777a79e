"""The configuration of a training run: one frozen data class, read from and written to JSON."""

from __future__ import annotations

import dataclasses
import math
import os
from typing import Any, get_type_hints

from segnet_tf.config_values import check_model_options, refuse, whole
from segnet_tf.errors import UserError
from segnet_tf.system.typed import require_types

OPTIMIZERS = ("adamw", "sgd")
DECAYS = ("decoupled", "l2")
SCHEDULES = ("cosine", "poly", "constant")
LOSSES = ("crossentropy", "binary", "dice", "crossentropy+dice")
PRECISIONS = ("float32", "float16", "bfloat16", "auto")
CACHES = ("auto", "memory", "none", "disk")
AUGMENTATIONS = ("standard", "strong", "none")
DISTRIBUTIONS = ("none", "mirrored", "multi-worker")
BATCH_NORMS = ("synchronized", "local")
# Each is a field, and the package of that name.
TRACKERS = ("tensorboard", "wandb", "mlflow")
_WHOLE = (*("size", "crop", "epochs", "batch_size", "val_every", "seed", "limit_train"),
    *("limit_val", "steps_per_execution"))  # fmt: skip
# The fields that say how to read the data; `segnet_tf.data.open_samples` has the same arguments.
READING = ("layout", "val_share", "split_seed", "image_range")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """All that decides a training run. The same values give the same weights.

    Args:
        model: a name of `segnet_tf.models.NAMES`.
        data: "synthetic", "synthetic:COUNT" or a folder, see `segnet_tf.data.open_samples`.
        model_options: further arguments of `segnet_tf.models.build`.
        num_classes: `None` for the number of classes of the data; 1 for one logit when
            the data has two classes (always so with `loss="binary"`).
        train_split, val_split: names of splits; "train+val" joins two, and "train/0006R0" has the
            images of train whose file name begins with 0006R0.
        layout, val_share, split_seed, image_range: how to read the data, see
            `segnet_tf.data.open_samples`.
        size: `(height, width)` of synthetic scenes in pixels.
        limit_train, limit_val: use that many images at most.
        epochs: passes over the training images.
        minutes: train as many epochs as fit in that time, which is measured first, instead of
            `epochs`. A run's own record has the epochs and no minutes.
        batch_size: images per step.
        crop: `(height, width)` in pixels of the random crop to train on; `None` for whole images.
        augment: "standard", "strong" (standard, and what other cameras do to colors and
            sharpness) or "none".
        paste: share of the images that get the pixels of rare classes of another image.
        scale: `(low, high)` of the random zoom, `None` for the augmentation's own.
        rotation: at most that many degrees either way, `None` for the augmentation's own.
        optimizer: "adamw" or "sgd" (momentum 0.9).
        learning_rate: the peak; `None` for 0.001 (adamw) or 0.01 (sgd).
        schedule: "cosine" and "poly" (power 0.9) fall to zero at the last step.
        warmup: epochs (a fraction is fine) of linear rise from zero.
        weight_decay: never on biases and batch normalization; `None` for 0.01 (adamw) or 5e-4
            (sgd, the authors').
        decay: "decoupled": each step takes off learning rate * weight_decay * weight. "l2", with
            sgd only: weight_decay * weight is added to the gradient, as in Caffe and PyTorch;
            the momentum makes the same number ten times as strong.
        clip_norm: bound of the gradients' global norm; 0 for none; `None` for
            1 (adamw) or none (sgd).
        ema: momentum of the moving average of the weights, e.g. 0.999; 0 for none. The average
            is what is validated and saved as best.
        loss: "crossentropy", "binary", "dice" or "crossentropy+dice".
        class_weights: "median", "enet", "enet:C" (milder the larger C is above 1.02), "none"
            or "v1,v2,..." one a class.
        mixed_precision: "float32", "float16", "bfloat16", or "auto" for the fastest that the
            machine has. A run's own record names what that was. float16 scales the loss, so that
            small gradients are not rounded to 0.
        steps_per_execution: steps between two returns to Python, which on a fast GPU waits for each
            of them. It changes no weight; an epoch's last execution has fewer steps if need be.
        val_every: validate after every so many epochs, and after the last one.
        initial_weights: a `.keras` file, a run folder or "weights:NAME" to start from, or
            "imagenet" for a pretrained encoder (`segnet`, `segnet_lite`, and what has
            `encoder="vgg"` or `"lite0"`).
        teacher: a `.keras` file, a run folder or "weights:NAME" whose probabilities are learned
            from too, see `segnet_tf.training.distillation`.
        teacher_weight: of that term of the loss, beside the labels' 1; nothing without a teacher.
        seed: decides the initial weights, the order of the images and the augmentation.
        tensorboard, wandb, mlflow: send each epoch there too, see `segnet_tf.training.trackers`.
        cache: where decoded images are kept: "memory", "none", "disk" for files in the run folder,
            "disk:DIR", or "auto" for memory if all fit there, else none. It changes no weight.
        distribute: "none" trains on one device, "mirrored" on all GPUs of the machine,
            "multi-worker" on those of several machines, which `TF_CONFIG` names. `batch_size`
            stays that of all of them together.
        batch_norm: on several devices "synchronized" normalizes by all images of a batch, as one
            device does; "local" by those of each device, which sends less.

    Raises:
        UserError: a value is out of its range.
    """

    model: str = "segnet_mini"
    data: str = "synthetic"
    model_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    num_classes: int | None = None
    train_split: str = "train"
    val_split: str = "val"
    layout: str | None = None
    val_share: float | None = None
    split_seed: int = 0
    image_range: int | None = None
    size: tuple[int, int] | None = None
    limit_train: int | None = None
    limit_val: int | None = None
    epochs: int = 30
    minutes: float | None = None
    batch_size: int = 4
    crop: tuple[int, int] | None = None
    augment: str = "standard"
    paste: float = 0.0
    scale: tuple[float, float] | None = None
    rotation: float | None = None
    optimizer: str = "adamw"
    learning_rate: float | None = None
    schedule: str = "cosine"
    warmup: float = 0.0
    weight_decay: float | None = None
    decay: str = "decoupled"
    clip_norm: float | None = None
    ema: float = 0.0
    loss: str = "crossentropy"
    class_weights: str = "median"
    mixed_precision: str = "float32"
    steps_per_execution: int = 1
    val_every: int = 1
    initial_weights: str | None = None
    teacher: str | None = None
    teacher_weight: float = 4.0
    seed: int = 0
    tensorboard: bool = False
    wandb: bool = False
    mlflow: bool = False
    cache: str = "auto"
    distribute: str = "none"
    batch_norm: str = "synchronized"

    def __post_init__(self) -> None:
        for name in ("size", "crop", "scale"):  # JSON has lists only
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        for name in _WHOLE:
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        sgd = self.optimizer == "sgd"
        for name, value in (
            ("learning_rate", 0.01 if sgd else 0.001),
            ("weight_decay", 5e-4 if sgd else 0.01),
            ("clip_norm", 0.0 if sgd else 1.0),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            texts = (str, os.PathLike) if field.type == "str" else (str, os.PathLike, type(None))
            if field.type in ("str", "str | None") and not isinstance(value, texts):
                refuse(field.name, "must be text", value)
        if not isinstance(self.model_options, dict):
            refuse("model_options", "must be a table of options", self.model_options)
        check_model_options(self.model_options)
        for name, choices in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("decay", DECAYS),
            ("loss", LOSSES),
            ("mixed_precision", PRECISIONS),
            ("augment", AUGMENTATIONS),
            ("distribute", DISTRIBUTIONS),
            ("batch_norm", BATCH_NORMS),
        ):
            value = getattr(self, name)
            if value not in choices:
                refuse(name, f"must be one of {', '.join(choices)}", value)
        if self.cache not in CACHES and not (self.cache.startswith("disk:") and self.cache[5:]):
            refuse("cache", f"must be one of {', '.join(CACHES)}, disk:DIR", self.cache)
        if self.minutes is not None and self.distribute != "none":
            refuse("minutes", "must be left out with `distribute`: give `epochs`", self.minutes)
        if self.steps_per_execution > 1 and self.distribute == "mirrored":
            # TensorFlow's loop over steps loses a placeholder of the replicas' branches.
            refuse("steps_per_execution", "must be 1 with mirrored", self.steps_per_execution)
        if self.decay == "l2" and self.optimizer != "sgd":
            refuse("decay", "must be decoupled unless `optimizer` is sgd", self.decay)
        for name in (name for name in _WHOLE if name not in ("size", "crop", "seed")):
            value = getattr(self, name)
            if value is not None and value < 1:
                refuse(name, "must be at least 1", value)
        for name in ("size", "crop"):
            value = getattr(self, name)
            if value is not None and (len(value) != 2 or min(value) < 1):
                refuse(name, "must be a height and a width of at least 1 pixel", value)
        for name in ("learning_rate", "minutes"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                refuse(name, "must be above 0", value)
        for name in ("warmup", "weight_decay", "clip_norm", "rotation", "teacher_weight"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                refuse(name, "must be 0 or more", value)
        if not 0 <= self.paste <= 1:
            refuse("paste", "must be 0..1, a share of the images", self.paste)
        if not 0 <= self.ema < 1:
            refuse("ema", "must be at least 0 and below 1", self.ema)
        if not 0 <= self.seed < 2**31:
            refuse("seed", "must be between 0 and 2**31 - 1", self.seed)
        if self.warmup >= self.epochs and self.warmup > 0:
            refuse("warmup", f"must be below the {self.epochs} epochs of the run", self.warmup)
        if self.scale is not None and (
            len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1]
        ):
            refuse("scale", "must be two factors above 0, the lower one first", self.scale)

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON types."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> TrainConfig:
        """The inverse of `to_json`; an unknown name is a UserError."""
        known = {field.name for field in dataclasses.fields(cls)}
        for name in content:
            if name not in known:
                refuse("config", f"knows {', '.join(sorted(known))}", name)
        try:
            made = cls(**content)
        except (TypeError, AttributeError, OverflowError) as error:
            raise UserError(f"`config` must hold the right types. Received: {error}.") from error
        require_types(content, get_type_hints(cls), "`config`")
        return made
