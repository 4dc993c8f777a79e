"""Writes the PyTorch results that the fast tests judge by, so that these need no PyTorch.

Run `python tests/support/make_torch_fixtures.py` with PyTorch installed
(`pip install -c constraints.txt -e .[torch]`). The same seeds give the same arrays;
`test_torch_live.py` compares them with what PyTorch says now.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
POOLING_FILE = FIXTURES / "torch_pooling.npz"
SEGNET_FILE = FIXTURES / "torch_segnet.npz"
LITE0_FILE = FIXTURES / "torch_lite0.npz"
# The same tensors, as PyTorch writes them now and as it did before 1.6.
PTH_FILES = {"now": FIXTURES / "small.pth", "legacy": FIXTURES / "small_legacy.pth"}

# name: (NHWC shape, kind of values). Every case runs in ceil mode, and in floor mode too
# where a whole window fits.
POOLING_CASES = {
    "even": ((2, 6, 8, 3), "normal"),
    "odd_batch3": ((3, 7, 9, 4), "normal"),
    "one_pixel": ((2, 1, 1, 3), "normal"),
    "one_row": ((1, 1, 6, 2), "normal"),
    "one_column": ((1, 5, 1, 2), "normal"),
    "three_by_two": ((1, 3, 2, 1), "normal"),
    "ties": ((3, 9, 11, 3), "ties"),
    "zero": ((2, 5, 4, 2), "zero"),
    "relu": ((2, 11, 10, 4), "relu"),
    "negative": ((2, 5, 7, 3), "negative"),
    "camvid_level3": ((1, 45, 60, 2), "relu"),
}
# All different, so that no two kernels can be swapped unseen.
NARROW_WIDTHS = (6, 8, 10, 12, 14)
NARROW_CLASSES = 5
# Values are of size 1 and float32's errors there of size 1e-6.
SMALLEST_GAP = 1e-4
SEGNET_SIZES = {"even": (2, 32, 64), "odd": (1, 45, 61)}


def values_of(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """float32 values of the kind that a pooling layer can meet."""
    normal = rng.standard_normal(shape).astype(np.float32)
    if kind == "ties":
        return rng.integers(0, 3, shape).astype(np.float32)
    if kind == "zero":
        return np.zeros(shape, np.float32)
    if kind == "relu":
        # Three in four are 0, so that a third of the windows is all zero.
        return np.maximum(normal - 0.7, 0)
    if kind == "negative":
        return -np.abs(normal) - 1
    return normal


def modes(shape: tuple[int, ...]) -> dict[str, bool]:
    """The pooling modes that this NHWC shape allows, name to ceil_mode."""
    return {"ceil": True} if min(shape[1:3]) < 2 else {"floor": False, "ceil": True}


def pooling_inputs(name: str, ceil: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`x`, the `values` to unpool and the `weights` of the gradient, float32 NHWC."""
    shape, kind = POOLING_CASES[name]
    rng = np.random.default_rng([list(POOLING_CASES).index(name), ceil])
    batch, height, width, channels = shape
    pooled = (batch, (height + ceil) // 2, (width + ceil) // 2, channels)
    # Small whole numbers: exact sums, small files. Never 0, which would hide a lost place.
    values = rng.integers(1, 100, pooled).astype(np.float32)
    weights = rng.integers(1, 100, shape).astype(np.float32)
    return values_of(kind, shape, rng), values, weights


def pooling_arrays() -> dict[str, np.ndarray]:
    """`CASE/MODE/ARRAY` to NHWC array, for every case."""
    from torch_reference import pool_and_unpool

    arrays = {}
    for name, (shape, _) in POOLING_CASES.items():
        for mode, ceil in modes(shape).items():
            x, values, weights = pooling_inputs(name, ceil)
            result = pool_and_unpool(x, values, weights, ceil=ceil)
            case = {"x": x, "values": values, "weights": weights, **vars(result)}
            arrays |= {f"{name}/{mode}/{key}": array for key, array in case.items()}
    return arrays


def segnet_arrays() -> dict[str, np.ndarray]:
    """`state/NAME` for each weight, `SIZE/images` and `SIZE/logits` (NHWC) for each size.

    Takes the first seed whose pooling windows leave no doubt about their largest value: the
    logits must not hang on the rounding of one machine.
    """
    from torch_reference import logits, random_segnet, smallest_gap

    for seed in range(100):
        model = random_segnet(seed, NARROW_CLASSES, NARROW_WIDTHS)
        rng = np.random.default_rng(seed)
        images = {
            name: rng.standard_normal((*shape, 3)).astype(np.float32)
            for name, shape in SEGNET_SIZES.items()
        }
        if min(smallest_gap(model, array) for array in images.values()) > SMALLEST_GAP:
            break
    else:
        raise RuntimeError(f"No seed keeps every window {SMALLEST_GAP} from a tie.")
    arrays = {f"state/{name}": value.numpy() for name, value in model.state_dict().items()}
    for name, array in images.items():
        arrays |= {f"{name}/images": array, f"{name}/logits": logits(model, array)}
    return arrays


def lite0_arrays() -> dict[str, np.ndarray]:
    """`image` (whole numbers) and the encoder's `features` of it."""
    from lite0_reference import features

    from segnet_tf.models.pretrained.lite0 import imagenet_file

    image = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3)).astype(np.float32)
    return {"image": image.astype(np.uint8), "features": features(str(imagenet_file()), image)}


def small_state() -> dict[str, np.ndarray]:
    """Tensors of every dtype that is read; the last two are views, one of them transposed."""
    numbers = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7
    return {
        "float": numbers,
        "half": numbers.astype(np.float16),
        "double": numbers.astype(np.float64),
        "count": np.array(5, np.int64),
        "part": numbers[1, 1:],
        "turned": numbers.transpose(2, 0, 1),
    }


def write_pth_files() -> None:
    import torch

    state = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in small_state().items()}
    whole = state["float"]
    state |= {"part": whole[1, 1:], "turned": whole.permute(2, 0, 1)}
    for form, path in PTH_FILES.items():
        torch.save(state, path, _use_new_zipfile_serialization=form == "now")


def main() -> int:
    import torch

    FIXTURES.mkdir(exist_ok=True)
    version = np.array(torch.__version__)
    write_pth_files()
    for path, arrays in (
        (POOLING_FILE, pooling_arrays()),
        (SEGNET_FILE, segnet_arrays()),
        (LITE0_FILE, lite0_arrays()),
    ):
        np.savez_compressed(path, torch_version=version, **arrays)
        print(f"{path.name}: {len(arrays)} arrays, {path.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
