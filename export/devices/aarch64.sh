#!/usr/bin/env bash
# Puts into FOLDER what runs LiteRT for aarch64 on an x86-64 Debian: qemu-user, Debian's arm64
# Python and the aarch64 wheels. No root, nothing outside FOLDER.
#   aarch64.sh FOLDER PYTHON CONSTRAINTS
# PYTHON is one with pip; CONSTRAINTS pins ai-edge-litert and numpy.
set -euo pipefail
name=runtimes-aarch64
folder=$1 python=$2 constraints=$3
. "$(dirname "$0")/apt.sh"

# 7.2 of bookworm itself crashes on LiteRT; 10 does not.
qemu=qemu-user/bookworm-backports
packages=(libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8
	python3.11-minimal libpython3.11-minimal libpython3.11-stdlib)
wheels=$(grep -E '^(ai-edge-litert|numpy)==' "$constraints")
wanted="$(cat "$0" "$(dirname "$0")/apt.sh" <(echo "$wheels") | cksum)"

if test "$(cat "$folder/.ready" 2>/dev/null)" = "$wanted"; then
	echo "$folder is ready, $(size "$folder") MB."
	exit
fi
test "$(uname -sm)" = 'Linux x86_64' || fail "it needs Linux on x86-64. Received: $(uname -sm)." \
	'On aarch64 the ordinary runtime is this one: there is nothing to fetch.'
need apt-get 'It needs Debian or a relative of it.'
need dpkg-deb 'Install it: apt-get install dpkg'

echo "Fetching qemu-user, Debian's arm64 Python and aarch64 wheels into $folder: 120 MB, once."
partial=$(realpath -m "$folder").partial
rm -rf "$partial"
mkdir -p "$partial/site"
trap 'rm -rf "$partial"' EXIT
private_apt "$partial/apt"
debian_sources bookworm bookworm-backports
(cd "$apt_folder/archives" && apt download "${packages[@]/%/:arm64}") >"$apt_folder/log" 2>&1 ||
	fail "Debian's arm64 Python was not fetched:" "$(last_error)"
unpack "$partial/system"
rm -r "$apt_folder"/archives/*.deb "$partial"/system/usr/lib/aarch64-linux-gnu/gconv
(cd "$apt_folder/archives" && apt download "$qemu") >"$apt_folder/log" 2>&1 ||
	fail 'qemu-user 10 was not fetched:' "$(last_error)"
# One emulator of the thirty in it.
dpkg-deb --fsys-tarfile "$apt_folder"/archives/qemu-user_*.deb |
	tar -x -C "$partial" --strip-components=3 ./usr/bin/qemu-aarch64
# The rest of their requirements are for converting, not for running.
# shellcheck disable=SC2086
"$python" -m pip install -qq --no-deps --no-compile --target "$partial/site" --only-binary=:all: \
	--implementation cp --python-version 3.11 --abi cp311 \
	--platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 $wheels ||
	fail 'the aarch64 wheels were not fetched, and why is said above. Try again.'
rm -rf "$apt_folder" "$partial"/site/{ai_edge_litert/libLiteRtWebGpuAccelerator.so,numpy/*/tests,bin}
# -L tells qemu where the aarch64 libraries are.
"$partial/qemu-aarch64" -L "$partial/system" "$partial/system/usr/bin/python3.11" -c '
import sys
sys.path.insert(0, sys.argv[1])
import ai_edge_litert.interpreter, numpy' "$partial/site" ||
	fail 'what was fetched does not run; its own words are above.'
echo "$wanted" >"$partial/.ready"
rm -rf "$folder"
mv "$partial" "$folder"
echo "$folder is ready, $(size "$folder") MB."
