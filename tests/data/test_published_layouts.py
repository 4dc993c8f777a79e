"""Published data sets, each by a small tree with its own names, ids and colors."""

from __future__ import annotations

import numpy as np
import pytest
from data_trees import image, mask, names, refusal
from PIL import Image

from segnet_tf.data import VOID, open_folder, open_samples
from segnet_tf.data.layouts.camvid_original import split_of


def test_voc_of_the_challenge_has_its_own_classes(tmp_path):
    stem = "2007_000032"
    image(tmp_path / "JPEGImages" / f"{stem}.jpg")
    values = Image.fromarray(np.array([[0, 1], [20, 255]], np.uint8)).convert("P")
    # Of the development kit: background, aeroplane, tvmonitor, void.
    palette = {0: (0, 0, 0), 1: (128, 0, 0), 20: (0, 64, 128), 255: (224, 224, 192)}
    values.putpalette([part for i in range(256) for part in palette.get(i, (1, 1, i))])
    (tmp_path / "SegmentationClass").mkdir()
    values.save(tmp_path / "SegmentationClass" / f"{stem}.png")
    names(tmp_path / "ImageSets/Segmentation", f"{stem}\n", "train.txt")
    samples = open_samples(tmp_path, "train")
    assert samples.classes.names[1] == "aeroplane" and len(samples.classes) == 21
    assert samples.classes.colors[20] == (0, 64, 128)
    assert samples.read(0)[1].tolist() == [[0, 1], [20, VOID]]
    # Other files in this layout are somebody's own: the classes are not guessed.
    for folder in ("JPEGImages", "SegmentationClass"):
        for path in (tmp_path / folder).iterdir():
            path.rename(path.with_stem("mine"))
    names(tmp_path / "ImageSets/Segmentation", "mine\n", "train.txt")
    assert "classes.txt" in refusal(lambda: open_samples(tmp_path, "train"))


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("labelIds", [[7, 33], [0, 26]], [[0, 18], [VOID, 13]]),
        ("labelTrainIds", [[0, 18], [255, 13]], [[0, 18], [VOID, 13]]),
    ],
)
def test_cityscapes(tmp_path, kind, values, expected):
    for split in ("train", "val"):
        for city in ("ulm", "bonn"):
            stem = f"{split}/{city}/{city}_000000_000019"
            image(tmp_path / f"leftImg8bit/{stem}_leftImg8bit.png")
            mask(tmp_path / f"gtFine/{stem}_gtFine_{kind}.png", values)
            for other in ("color", "instanceIds"):
                mask(tmp_path / f"gtFine/{stem}_gtFine_{other}.png")
    assert open_folder(tmp_path).layout.name == "cityscapes"
    samples = open_samples(tmp_path, "val")
    assert len(samples) == 2
    assert samples.read(0)[1].tolist() == expected
    # As the benchmark lists them.
    assert samples.classes.names[:2] == ("road", "sidewalk")
    assert samples.classes.names[13] == "car" and samples.classes.colors[13] == (0, 0, 142)


INFO = "Idx\tRatio\tTrain\tVal\tStuff\tName\n" + "".join(
    f"{i}\t0.1\t9\t9\t1\tthing {i}, other name\n" for i in range(1, 151)
)


@pytest.mark.parametrize("info", [None, INFO])
def test_ade20k(tmp_path, info):
    for split in ("training", "validation"):
        image(tmp_path / f"images/{split}/ADE_{split}_00000001.jpg")
        mask(tmp_path / f"annotations/{split}/ADE_{split}_00000001.png", [[0, 1], [150, 2]])
    if info:
        (tmp_path / "objectInfo150.txt").write_text(info)
    samples = open_samples(tmp_path, "val")
    assert (samples.source, samples.split) == ("ade20k", "validation")
    assert samples.read(0)[1].tolist() == [[VOID, 0], [149, 1]]
    assert samples.classes.names[149] == ("thing 150" if info else "class 150")
    names(tmp_path)  # with a class file it is somebody's own
    assert open_folder(tmp_path).layout.name == "folder"


CAMVID_COLORS = """64 128 64\tAnimal
192 0 128\tArchway
0 128 192\tBicyclist
0 128 64\tBridge
128 0 0\tBuilding
64 0 128\tCar
64 0 192\tCartLuggagePram
192 128 64\tChild
192 192 128\tColumn_Pole
64 64 128\tFence
128 0 192\tLaneMkgsDriv
192 0 64\tLaneMkgsNonDriv
128 128 64\tMisc_Text
192 0 192\tMotorcycleScooter
128 64 64\tOtherMoving
64 192 128\tParkingBlock
64 64 0\tPedestrian
128 64 128\tRoad
128 128 192\tRoadShoulder
0 0 192\tSidewalk
192 128 128\tSignSymbol
128 128 128\tSky
64 128 192\tSUVPickupTruck
0 0 64\tTrafficCone
0 64 64\tTrafficLight
192 64 128\tTrain
128 128 0\tTree
192 128 192\tTruck_Bus
64 0 64\tTunnel
192 192 0\tVegetationMisc
0 0 0\tVoid
64 192 0\tWall
"""


def test_the_original_camvid(tmp_path):
    # Sky, sidewalk, child, void; of 32 classes to 0, 4, 9 of 11.
    values = [[(128, 128, 128), (0, 0, 192)], [(192, 128, 64), (0, 0, 0)]]
    for stem in ("0001TP_006690", "0001TP_010380", "0016E5_07959", "Seq05VD_f00000"):
        image(tmp_path / "701_StillsRaw_full" / f"{stem}.png")
        mask(tmp_path / "LabeledApproved_full" / f"{stem}_L.png", values)
    (tmp_path / "label_colors.txt").write_text(CAMVID_COLORS)
    folder = open_folder(tmp_path)
    assert (folder.layout.name, folder.source) == ("camvid-original", "camvid")
    samples = open_samples(tmp_path, "train")
    assert samples.stems == ("0001TP_006690",)
    assert samples.classes.names[4] == "Pavement" and len(samples.classes) == 11
    assert samples.read(0)[1].tolist() == [[0, 4], [9, VOID]]
    assert open_samples(tmp_path, "val").stems == ("0016E5_07959",)
    assert open_samples(tmp_path, "test").stems == ("0001TP_010380", "Seq05VD_f00000")


def test_the_original_camvid_has_segnets_splits(camvid_dir):
    for split in ("train", "val"):
        stems = open_samples(camvid_dir, split).stems
        assert {split_of(stem) for stem in stems} == {split}
