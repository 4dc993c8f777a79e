"""Models in use: predictions, scores, video.

    mask = segnet_tf.inference.predict("runs/mine", image)
    segnet_tf.inference.predict_files("runs/mine", "photos/", "masks/")
    segnet_tf.inference.predict_video("runs/mine", "drive.mp4", "masks/")
    samples = segnet_tf.data.open_samples("path/to/camvid", "test")
    print(segnet_tf.inference.evaluate("runs/mine", samples).summary["mean_iou"])

A model is a run folder, a `.keras` or `.tflite` file, "weights:NAME" or a `keras.Model`.
`open_predictor` opens one for many images, as a `Predictor`; its `with_crf` takes `CRFParameters`.
`TFLiteModel` is a `.tflite` file as a function of an image. Nothing is imported before a name is
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from segnet_tf.system.lazy import lazy_names

if TYPE_CHECKING:
    from segnet_tf.inference.crf import CRFParameters
    from segnet_tf.inference.evaluation import Evaluation, evaluate
    from segnet_tf.inference.image_files import predict_files
    from segnet_tf.inference.predict_arrays import predict
    from segnet_tf.inference.predictors import Predictor, open_predictor
    from segnet_tf.inference.tflite_model import TFLiteModel
    from segnet_tf.inference.video import predict_video

__all__ = [
    "CRFParameters",
    "Evaluation",
    "Predictor",
    "TFLiteModel",
    "evaluate",
    "open_predictor",
    "predict",
    "predict_files",
    "predict_video",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "CRFParameters": "segnet_tf.inference.crf",
            "Evaluation": "segnet_tf.inference.evaluation",
            "Predictor": "segnet_tf.inference.predictors",
            "TFLiteModel": "segnet_tf.inference.tflite_model",
            "evaluate": "segnet_tf.inference.evaluation",
            "open_predictor": "segnet_tf.inference.predictors",
            "predict": "segnet_tf.inference.predict_arrays",
            "predict_files": "segnet_tf.inference.image_files",
            "predict_video": "segnet_tf.inference.video",
        },
    )
