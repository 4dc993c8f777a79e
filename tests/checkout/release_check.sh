#!/usr/bin/env bash
# Builds the sdist and the wheel and uses the wheel as a stranger does: in a new environment, in a
# folder of its own, with this checkout out of reach. 3 minutes, 2.5 GB while it runs.
#   release_check.sh PYTHON   of an environment with the extra `release`; writes dist/
set -euo pipefail
checkout=$(cd "$(dirname "$0")/../.." && pwd)
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset PYTHONPATH "${!SEGNET_TF_@}"
export PIP_CONSTRAINT="$checkout/constraints.txt"
step() { printf '\n== %s\n' "$*"; }

step 'Build: the sdist, a wheel out of it, and a wheel straight from the files that git knows'
# A copy: setuptools puts all that it finds in an old build/ folder into the wheel.
mkdir "$work/source"
cd "$checkout"
git ls-files -z --cached --others --exclude-standard |
    tar --create --null --files-from - --ignore-failed-read | tar --extract --directory "$work/source"
"$python" -m build --outdir "$work/dist" "$work/source" | tail -n 1
"$python" -m build --wheel --outdir "$work/direct" "$work/source" | tail -n 1

step 'Metadata, and both wheels file by file'
"$python" -m twine check --strict "$work"/dist/*
"$python" tests/support/wheel_files.py "$work/source" "$work"/dist/*.whl "$work"/direct/*.whl

step 'Install the wheel in a new environment'
"$python" -m venv "$work/new"
"$work/new/bin/pip" install --quiet "$work"/dist/*.whl
mkdir "$work/folder"
cd "$work/folder"
PATH=$work/new/bin:$PATH

step 'Train two steps, export, verify, predict'
segnet-tf train --model segnet_mini --data synthetic:8 --size 64x96 --epochs 1 --batch-size 4 \
    --output run
segnet-tf export --int8 --model run --output model.tflite
segnet-tf verify --tflite model.tflite --model run
segnet-tf predict --model model.tflite --input synthetic --limit 2 --output predictions

step 'Export shipped weights with the int8 ranges in the package'
segnet-tf export --int8 --model weights:segnet_mini_camvid --input-size 96x128 --output shipped.tflite

step 'Python: Keras loads the model, the package predicts with it'
cat > use.py <<'END'
import keras
import numpy as np

import segnet_tf

model = keras.saving.load_model("run/best.keras")
image = np.full((64, 96, 3), 127, np.uint8)
mask = segnet_tf.predict(model, image)
assert mask.shape == (64, 96), mask.shape
assert "site-packages" in segnet_tf.__file__, segnet_tf.__file__
print(f"a mask of {mask.shape} {mask.dtype} by {segnet_tf.__file__}")
END
python use.py

step "Mypy reads the package's types"
cat > typed.py <<'END'
import segnet_tf

segnet_tf.__version__ + 1
END
# One error: a version is text. Without py.typed it would be another one.
"$python" -m mypy --no-incremental --python-executable "$work/new/bin/python" typed.py |
    tee types.txt || true
grep --quiet 'Unsupported operand types for + ("str" and "int")' types.txt

mkdir -p "$checkout/dist"
rm -f "$checkout"/dist/segnet_tf-*
cp "$work"/dist/* "$checkout/dist/"
step "All is well. dist/: $(cd "$work/dist" && echo *)"
