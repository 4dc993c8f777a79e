#!/usr/bin/env bash
# Sets up MediaPipe as an app's developer has it: the Python package in an environment of its own,
# since its absl-py and TensorFlow Model Optimization's exclude each other, and the npm package.
#   setup.sh FOLDER VENV PYTHON CONSTRAINTS
set -euo pipefail
name=mediapipe
folder=$1 venv=$2 python=$3 constraints=$4
here=$(dirname "$(realpath "$0")")
. "$here/../apt.sh"

wanted="$(cat "$0" "$here/package.json" "$constraints" | cksum)"
if test "$(cat "$folder/.ready" 2>/dev/null)" = "$wanted" && test -x "$venv/bin/python"; then
	echo "$venv and $folder are ready."
	exit
fi
need npm 'Install it: apt-get install nodejs npm'
echo "Setting up $venv (550 MB) and $folder (40 MB), once."
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet -c "$constraints" mediapipe ||
	fail 'the mediapipe package was not fetched, see above. Try again.'
rm -rf "$folder"
mkdir -p "$folder"
cp "$here/package.json" "$folder/"
npm install --prefix "$folder" --no-audit --no-fund --no-package-lock --ignore-scripts \
	--loglevel=error >"$folder/log" 2>&1 ||
	fail '@mediapipe/tasks-vision was not fetched:' "$(grep -m 1 -i error "$folder/log"). Try again."
echo "$wanted" >"$folder/.ready"
