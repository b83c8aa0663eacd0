#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# sanitize.sh LIST [NAME...]: builds with -fsanitize=LIST in a folder of its own, runs the unit tests (those called NAME)
# and then, when none was named, end-to-end scenarios with the sanitized binary: those of the most threads, among faults.
# A report ends the process that it is about with exit code 66, and is kept as a file: one that no test minded is found
# there. MILLRACE_BATCH as in build.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
list=$1
shift
folder=build-${list%%,*}
scenarios=(cuts.target kills.while_loading_parquet)

# -O1 and line tables: what the sanitizers need to name a place, at half the time to compile.
tools/configure_and_build.sh "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
  "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1 -DNDEBUG" "-DMILLRACE_SANITIZE=$list" -DMILLRACE_PRECOMPILE=ON \
  "-DMILLRACE_BATCH=${MILLRACE_BATCH:-6}" --

found=$PWD/$folder/found
rm -rf "$found"
mkdir "$found"
options="exitcode=66:log_path=$found/report"
export TSAN_OPTIONS="$options:halt_on_error=1:history_size=4:suppressions=$PWD/tools/thread_suppressions.txt"
export ASAN_OPTIONS="$options" UBSAN_OPTIONS="$options:halt_on_error=1:print_stacktrace=1"
failed=0
"$PYTHON" tools/run_tests.py unit --build "$folder" --unit-seconds 1800 --names "$@" || failed=1
if [ $# -eq 0 ]; then
  "$PYTHON" tools/run_tests.py e2e --build "$folder" --names "${scenarios[@]}" || failed=1
fi
if [ -n "$(ls "$found")" ]; then
  head -n 60 "$found"/*
  failed=1
fi
[ $failed -eq 0 ] && echo "no report of $list"
exit $failed
