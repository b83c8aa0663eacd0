#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# configure_and_build.sh FOLDER CMAKE_ARGUMENT... -- [TARGET...]: one way to build for every kind of build. Runs cmake
# only when the folder is new or its arguments changed; ninja itself sees changed CMake files. Two at once in one folder
# would ruin ninja's records: the second waits.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
folder=$1
shift
arguments=(-G Ninja "-DMILLRACE_PYTHON=$PYTHON" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
while [ $# -gt 0 ] && [ "$1" != -- ]; do arguments+=("$1"); shift; done
[ $# -gt 0 ] && shift
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock --nonblock 9 || { echo "$folder: another build is under way here, waiting for its end" >&2; flock 9; }
stamp=$folder/.arguments
if [ ! -f "$folder/build.ninja" ] || [ "$(cat "$stamp" 2>/dev/null)" != "${arguments[*]}" ]; then
  rm -f "$folder/CMakeCache.txt"
  cmake -S . -B "$folder" "${arguments[@]}" --log-level=WARNING
  echo "${arguments[*]}" >"$stamp"
fi
jobs=${JOBS:-$(nproc)}
NINJA_STATUS="[$folder %f/%t] " exec ninja -C "$folder" -j"$jobs" --quiet "$@"
