"""Data as people have it: every layout by a small tree, found by itself and by name."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from segnet_tf.data import VOID, open_folder, open_samples
from segnet_tf.data.layouts import LAYOUTS
from segnet_tf.errors import UserError

COLORS = {"sky": (0, 0, 200), "grass": (0, 200, 0), "cow": (200, 0, 0)}
IDS = [[0, 1], [2, 1]]


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (2, 2), (len(path.stem), 9, 9)).save(path)


def mask(path, values=IDS):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)


def colored(path):
    mask(path, np.array(list(COLORS.values()), np.uint8)[np.array(IDS)])


def names(directory, text="sky\ngrass\ncow\n", file="classes.txt"):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / file).write_text(text)


def refusal(call) -> str:
    with pytest.raises(UserError) as info:
        call()
    message = str(info.value)
    assert "\n" not in message
    assert "Received: " in message
    return message


def make_flat(root, images="images", masks="masks", mask_name="{}.png"):
    for number in range(40):
        image(root / images / f"p{number:02d}.jpg")
        mask(root / masks / mask_name.format(f"p{number:02d}"))
    names(root)


def make_folder(root):
    for split in ("train", "valid"):
        for city in ("ulm", "bonn"):
            image(root / f"images/{split}/{city}/1.jpg")
            mask(root / f"masks/{split}/{city}/1.png")
    names(root)


def make_beside(root):
    for split in ("train", "valid"):
        for stem in ("a", "b"):
            image(root / split / f"{stem}.jpg")
            mask(root / split / f"{stem}_mask.png")
        names(root / split, "Pixel Value, Class\n0, sky\n1, grass\n2, cow\n", "_classes.csv")


def make_kaggle(root):
    for split in ("train", "val"):
        for stem in ("a", "b"):
            image(root / split / f"{stem}.png")
            colored(root / f"{split}_labels" / f"{stem}_L.png")
    rows = [f"{name},{r},{g},{b}\n" for name, (r, g, b) in COLORS.items()]
    names(root, "name,r,g,b\n" + "".join(rows), "class_dict.csv")


def make_voc(root):
    for stem in ("a", "b", "c", "without_mask"):
        image(root / "JPEGImages" / f"{stem}.jpg")
    for stem in ("a", "b", "c"):
        colored(root / "SegmentationClass" / f"{stem}.png")
        colored(root / "SegmentationObject" / f"{stem}.png")
    names(root / "ImageSets/Segmentation", "a\nb\n", "train.txt")
    names(root / "ImageSets/Segmentation", "c\n", "val.txt")
    lines = [f"{name}:{r},{g},{b}::\n" for name, (r, g, b) in COLORS.items()]
    names(root, "# label:color_rgb:parts:actions\n" + "".join(lines), "labelmap.txt")


def make_camvid(root):
    for split in ("train", "val"):
        image(root / split / "a.png")
        mask(root / f"{split}annot" / "a.png")


@pytest.mark.parametrize(
    ("make", "layout", "splits"),
    [
        (make_flat, "flat", ("train", "val")),
        (make_folder, "folder", ("train", "valid")),
        (make_beside, "beside", ("train", "valid")),
        (make_kaggle, "kaggle", ("train", "val")),
        (make_voc, "voc", ("train", "val")),
        (make_camvid, "camvid", ("train", "val")),
    ],
)
def test_a_layout_is_found_and_read(tmp_path, make, layout, splits):
    make(tmp_path)
    folder = open_folder(tmp_path)
    assert (folder.layout.name, folder.splits) == (layout, splits)
    for asked, own in zip(("training", "validation"), splits, strict=True):
        samples = open_samples(tmp_path, asked)
        assert samples.split == own
        assert samples.read(len(samples) - 1)[1].tolist() == IDS
        if layout != "camvid":
            assert samples.classes.names == tuple(COLORS)
    assert open_folder(tmp_path, layout=layout).splits == splits


@pytest.mark.parametrize("images", ["images", "imgs", "Images", "JPEGImages"])
@pytest.mark.parametrize("masks", ["masks", "labels", "annotations", "SegmentationClass"])
def test_flat_folders_under_any_name(tmp_path, images, masks):
    make_flat(tmp_path, images, masks, "{}_mask.png")
    found = [open_samples(tmp_path, split) for split in ("train", "val")]
    assert sum(map(len, found)) == 40
    assert found[0].read(0)[1].tolist() == IDS


def test_folders_of_text_are_no_masks(tmp_path):
    make_flat(tmp_path, masks="masks")
    names(tmp_path / "labels", "0 0.5 0.5 1 1", "p00.txt")  # YOLO's boxes
    names(tmp_path / "annotations", "{}", "instances.json")  # COCO's
    assert len(open_samples(tmp_path, "train")) > 0
    mask(tmp_path / "labels" / "p00.png")
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "labels" in message and "masks" in message


def test_flat_folders_take_lists_of_names(tmp_path):
    make_flat(tmp_path)
    names(tmp_path, "p03\np01.jpg\nimages/p02.jpg\n", "train.txt")
    names(tmp_path, "p04\n", "valid.txt")
    assert open_samples(tmp_path, "train").stems == ("p03", "p01", "p02")
    assert open_samples(tmp_path, "val").stems == ("p04",)
    names(tmp_path, "p04\np99\n", "valid.txt")
    message = refusal(lambda: open_samples(tmp_path, "val"))
    assert "p99" in message and "line 2" in message


def test_nested_folders_keep_their_path(tmp_path):
    make_folder(tmp_path)
    assert open_samples(tmp_path, "train").stems == ("bonn/1", "ulm/1")
    flat = tmp_path / "flat"
    for city in ("ulm", "bonn"):
        image(flat / f"images/{city}/1.jpg")
        mask(flat / f"masks/{city}/1.png")
    names(flat)
    assert open_folder(flat).layout.name == "flat"
    stems = {stem for split in ("train", "val") for stem in open_samples(flat, split).stems}
    assert stems == {"bonn/1", "ulm/1"}


def test_masks_beside_images_in_one_folder(tmp_path):
    for number in range(10):
        image(tmp_path / f"{number}_sat.jpg")
        mask(tmp_path / f"{number}_mask.png")
    names(tmp_path)
    found = [open_samples(tmp_path, split) for split in ("train", "val")]
    assert sum(map(len, found)) == 10
    assert found[0].read(0)[1].tolist() == IDS


def test_an_export_of_cvat(tmp_path):
    make_voc(tmp_path)
    for path in (tmp_path / "ImageSets/Segmentation").iterdir():
        path.unlink()
    names(tmp_path / "ImageSets/Segmentation", "a\nb\nc\n", "default.txt")
    assert open_folder(tmp_path).splits == ("train", "val")
    (tmp_path / "JPEGImages").rename(tmp_path / "elsewhere")
    assert "JPEGImages" in refusal(lambda: open_samples(tmp_path, "train"))


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
    from segnet_tf.data.layouts.camvid_original import split_of

    for split in ("train", "val"):
        stems = open_samples(camvid_dir, split).stems
        assert {split_of(stem) for stem in stems} == {split}


def test_two_layouts_are_refused(tmp_path):
    make_folder(tmp_path)
    make_kaggle(tmp_path)
    (tmp_path / "classes.txt").unlink()
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "'folder'" in message and "'kaggle'" in message and "layout=" in message
    assert open_samples(tmp_path, "train", layout="kaggle").stems == ("a", "b")
    assert "beside" in refusal(lambda: open_folder(tmp_path, layout="nested"))


def test_no_layout_says_what_is_there_and_what_is_near(tmp_path):
    image(tmp_path / "images/a.png")
    names(tmp_path)
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "images/" in message and "1 file" in message and "'flat'" in message
    make_folder(tmp_path / "archive" / "data")
    assert f"pass {tmp_path / 'archive' / 'data'}" in refusal(
        lambda: open_samples(tmp_path / "archive", "train")
    )


@pytest.mark.parametrize("layout", [layout.name for layout in LAYOUTS])
def test_a_layout_asked_for_that_is_not_there_is_one_line(tmp_path, layout):
    names(tmp_path)
    refusal(lambda: open_samples(tmp_path, "train", layout=layout))


def test_two_class_files_must_agree(tmp_path):
    make_flat(tmp_path)
    names(tmp_path, "name,id\nsky,0\ngrass,1\ncow,2\n", "classes.csv")
    open_samples(tmp_path, "train")
    names(tmp_path, "cow\nsky\ngrass\n", "labels.txt")
    message = refusal(lambda: open_samples(tmp_path, "train"))
    assert "labels.txt" in message
