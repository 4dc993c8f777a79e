#!/usr/bin/env bash
# Sets up what compiles a file for Qualcomm's NPUs and runs it in their Hexagon emulator for x86-64:
# LiteRT's compiler plugin, and QNN's libraries out of the onnxruntime-qnn wheel, in an environment
# of their own. Everything is from PyPI.
#   npu.sh FOLDER PYTHON CONSTRAINTS
# QNN is under Qualcomm's own licence, Qualcomm_LICENSE.pdf in the onnxruntime_qnn package: development
# and benchmarking, no redistribution.
set -euo pipefail
name=runtimes-npu
folder=$1 python=$2 constraints=$3
. "$(dirname "$0")/apt.sh"

wanted="$(cat "$0" "$constraints" | cksum)"
if test "$(cat "$folder/.ready" 2>/dev/null)" = "$wanted"; then
	echo "$folder is ready, $(size "$folder") MB."
	exit
fi
test "$(uname -sm)" = 'Linux x86_64' || fail "it needs Linux on x86-64. Received: $(uname -sm)."
echo "Fetching LiteRT's compiler for Qualcomm NPUs and QNN into $folder: 620 MB, once."
"$python" -m venv --clear "$folder" || fail 'an environment could not be made, see above.'
# The SDK's package is a frame for a download from the vendor; QNN is in onnxruntime-qnn already.
"$folder/bin/python" -m pip install --quiet -c "$constraints" \
	ai-edge-litert onnxruntime-qnn onnxruntime onnx &&
	SKIP_SDK_DOWNLOAD=1 "$folder/bin/python" -m pip install --quiet -c "$constraints" --no-deps \
		ai-edge-litert-sdk-qualcomm ||
	fail 'the packages were not fetched, and why is said above. Try again.'
packages=$("$folder/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
sdk=$packages/ai_edge_litert_sdk_qualcomm/data/lib
libraries=$sdk/x86_64-linux-clang
mkdir -p "$libraries"
for library in Htp Ir Saver System; do
	ln -sf "../../../../onnxruntime_qnn/libQnn$library.so" "$libraries/"
done
# The plugin is linked to QNN's part for another processor, which it never calls: any library does.
ln -sf libQnnIr.so "$libraries/libQnnLpai.so"
ln -sfn ../../../onnxruntime_qnn.libs "$sdk/onnxruntime_qnn.libs"
"$folder/bin/python" -c 'import onnx, onnxruntime, onnxruntime_qnn' ||
	fail 'what was fetched does not run; its own words are above.'
echo "$wanted" >"$folder/.ready"
echo "$folder is ready, $(size "$folder") MB."
