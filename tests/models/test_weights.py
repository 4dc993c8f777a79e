"""The weights in the package: whole, loadable by both names, and still as good as when stored."""

from __future__ import annotations

import numpy as np
import pytest

from segnet_tf import models
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.inference.evaluation import evaluate
from segnet_tf.models.pretrained import shipped
from segnet_tf.runs.checkpoints import load_model, read_record, shipped_names

# mIoU on the first synthetic validation scenes, which CamVid's weights have never seen.
STORED_SCORES = {
    "weights:segnet_lite_camvid": 0.3915,
    "weights:segnet_lite_camvid_trainval": 0.3869,
    "weights:segnet_lite_full_camvid": 0.2848,
    "weights:segnet_mini_camvid": 0.3063,
    "weights:segnet_nano_camvid": 0.3226,
    "weights:segnet_nano_camvid_trainval": 0.3478,
}


@pytest.mark.parametrize(
    "name",
    [
        name if name == "weights:segnet_mini_camvid" else pytest.param(name, marks=pytest.mark.slow)
        for name in shipped_names()
    ],
)
def test_score_on_synthetic_scenes_is_the_stored_one(name):
    scenes = synthetic.samples("val", size=(192, 256), count=6)
    found = evaluate(name, scenes, size="own").summary
    # Not to the last digit: other processors sum in another order.
    assert found["mean_iou"] == pytest.approx(STORED_SCORES[name], abs=0.003)


@pytest.mark.parametrize("name", shipped_names())
def test_record_holds_the_run_and_no_path(name):
    record = read_record(name)
    assert record["training_images"] == (468 if name.endswith("_trainval") else 367)
    assert record["config"]["data"] is None
    assert len(record["classes"]) == load_model(name).output_shape[-1]


def test_build_takes_them_by_the_data_sets_name():
    model = models.build("segnet_mini", 11, (64, 96, 3), weights="camvid")
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype(np.float32)
    wanted = load_model("weights:segnet_mini_camvid")(image)
    np.testing.assert_allclose(model(image), wanted, atol=1e-4)


def test_what_does_not_fit_is_refused():
    assert shipped.path("segnet_mini_cityscapes") is None
    with pytest.raises(UserError, match="The package has segnet_lite_camvid"):
        models.build("segnet", 11, weights="camvid")
    with pytest.raises(UserError, match="weights:segnet_mini_camvid"):
        load_model("weights:segnet_mini_kitti")
