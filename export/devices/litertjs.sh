#!/usr/bin/env bash
# Puts LiteRT.js into FOLDER: the npm packages that run a .tflite file in a browser, and no browser.
#   litertjs.sh FOLDER
set -euo pipefail
name=web
folder=$1
here=$(dirname "$(realpath "$0")")
. "$here/apt.sh"

wanted="$(cat "$0" "$here/package.json" | cksum)"
test "$(cat "$folder/.ready" 2>/dev/null)" != "$wanted" || exit 0
need node 'Install Node.js 18 or newer: apt-get install nodejs npm'
need npm 'Install it: apt-get install npm'

partial=$(realpath -m "$folder").partial
rm -rf "$partial"
mkdir -p "$partial"
trap 'rm -rf "$partial"' EXIT
echo "Fetching LiteRT.js into $folder: 38 MB, once."
# The versions have one home, package.json.
version() { node -p "require('$here/package.json').dependencies['$1']"; }
npm install --prefix "$partial" --no-audit --no-fund --no-package-lock --ignore-scripts \
	--loglevel=error "@litertjs/core@$(version @litertjs/core)" \
	"@litertjs/wasm-utils@$(version @litertjs/wasm-utils)" >"$partial/log" 2>&1 ||
	fail 'the npm packages were not fetched:' "$(grep -m 1 -i error "$partial/log"). Try again."
rm -f "$partial/log"
echo "$wanted" >"$partial/.ready"
rm -rf "$folder"
mv "$partial" "$folder"
