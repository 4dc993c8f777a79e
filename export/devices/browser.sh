#!/usr/bin/env bash
# Puts into FOLDER what runs LiteRT.js in headless Chromium: two npm packages, and the browser,
# unpacked from the system's own packages, if it has none. No root, nothing outside FOLDER.
#   browser.sh FOLDER
# CHROMIUM=/path/to/chromium takes that browser.
set -euo pipefail
name=runtimes-browser
folder=$1
here=$(dirname "$(realpath "$0")")
. "$here/apt.sh"

find_browser() {
	local command
	for command in "${CHROMIUM:-chromium}" chromium-browser google-chrome google-chrome-stable; do
		command -v "$command" && return
	done
	return 1
}

browser=$(find_browser || true)
if test -n "${CHROMIUM:-}" && ! command -v "$CHROMIUM" >/dev/null; then
	fail "CHROMIUM must be a browser's program. Received: $CHROMIUM. Leave it out to fetch one."
fi
wanted="$(cat "$0" "$here"/{apt.sh,package.json} <(echo "$browser") | cksum)"
if test "$(cat "$folder/.ready" 2>/dev/null)" = "$wanted"; then
	echo "$folder is ready, $(size "$folder") MB."
	exit
fi
need node 'Install Node.js 18 or newer: apt-get install nodejs npm'
need npm 'Install it: apt-get install npm'
test "$(node -p 'parseInt(process.versions.node)')" -ge 18 ||
	fail "Node.js must be 18 or newer. Received: $(node --version). Install a newer one."

partial=$(realpath -m "$folder").partial
rm -rf "$partial"
mkdir -p "$partial"
trap 'rm -rf "$partial"' EXIT
echo "Fetching LiteRT.js and playwright-core into $folder: 52 MB, once."
cp "$here/package.json" "$partial/"
npm install --prefix "$partial" --no-audit --no-fund --no-package-lock --ignore-scripts \
	--loglevel=error >"$partial/log" 2>&1 ||
	fail 'the npm packages were not fetched:' "$(grep -m 1 -i error "$partial/log"). Try again."

if test -z "$browser"; then
	for command in apt-get dpkg-deb; do
		need "$command" 'There is no Chromium here: install one, or give CHROMIUM=/path/to/chromium'
	done
	echo "Fetching Chromium into $folder, as the system has none: 300 MB unpacked, once."
	private_apt "$partial/apt"
	# What the system lacks for it, with it; nothing is installed.
	apt --yes --download-only --no-install-recommends install chromium-headless-shell \
		>"$apt_folder/log" 2>&1 ||
		fail 'Chromium was not fetched:' "$(last_error)" \
			'Run apt-get update once, or install a Chromium and give CHROMIUM=/path/to/chromium'
	unpack "$partial/system"
	rm -rf "$apt_folder" "$partial"/system/usr/lib/chromium/{locales,libVkLayer*,libVkICD_mock*}
	echo system/usr/lib/chromium/chromium-headless-shell >"$partial/browser"
else
	echo "$browser" >"$partial/browser"
fi
rm -f "$partial/log"
echo "$wanted" >"$partial/.ready"
rm -rf "$folder"
mv "$partial" "$folder"
echo "$folder is ready, $(size "$folder") MB."
