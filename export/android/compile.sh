#!/usr/bin/env bash
# Compiles the README's Kotlin against stand-ins for the classes it calls, as neither an Android SDK
# nor Google's Maven repository is asked for. It shows that the code is Kotlin and fits signatures
# that were written down here after the published ones; not that it fits the libraries.
#   compile.sh FOLDER PYTHON
# The compiler is the one that PyPI's kotlin-jupyter-kernel carries.
set -euo pipefail
name=android-kotlin
folder=$1 python=$2
here=$(dirname "$(realpath "$0")")
. "$here/../devices/apt.sh"
version=0.19.0.944

need javac 'Install a JDK: apt-get install default-jdk-headless'
jars=$folder/run_kotlin_kernel/jars
if ! test -e "$folder/.ready-$version"; then
	echo "Fetching a Kotlin compiler into $folder: 81 MB, once."
	rm -rf "$folder"
	mkdir -p "$folder"
	"$python" -m pip download --quiet --no-deps -d "$folder" "kotlin-jupyter-kernel==$version" ||
		fail 'kotlin-jupyter-kernel was not fetched, see above. Try again.'
	"$python" -m zipfile -e "$folder"/*.whl "$folder"
	rm "$folder"/*.whl
	touch "$folder/.ready-$version"
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
javac -d "$out" $(find "$here/stand_ins" -name '*.java')
java -cp "$(printf '%s:' "$jars"/*.jar)" org.jetbrains.kotlin.cli.jvm.K2JVMCompiler \
	-no-stdlib -no-reflect -Werror -cp "$out:$(echo "$jars"/kotlin-stdlib-*.jar)" -d "$out" \
	$(find "$here/stand_ins" -name '*.kt') "$here"/*.kt
echo "compiled: $(cd "$here" && echo *.kt)"
