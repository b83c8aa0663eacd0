#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh [SECONDS]: builds every fuzz target with clang under address and undefined-behaviour sanitizers and runs each
# for SECONDS (default 20) from its seeds in tests/fuzz/corpus/NAME. New findings stay in build-fuzz/findings, what was
# learned in build-fuzz/work.
# fuzz.sh --keep: the fewest inputs that, beside the seeds, reach all that was reached go to
# tests/fuzz/corpus/NAME/found, to be committed. Inputs beyond 4 KiB are cut.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
if [ "${1:-}" != --keep ]; then
  exec "$PYTHON" tools/run_tests.py fuzz --fuzz-seconds "${1:-20}"
fi

any=
for target in build-fuzz/fuzz/*_fuzz; do
  name=$(basename "$target" _fuzz)
  seeds=tests/fuzz/corpus/$name
  learned=build-fuzz/work/${name}_fuzz
  [ -d "$learned" ] || continue
  any=yes
  kept=$(mktemp -d build-fuzz/kept.XXXXXX)
  find "$seeds" -maxdepth 1 -type f -exec cp -t "$kept" {} +
  "$target" -set_cover_merge=1 -use_counters=0 -max_len=4096 -verbosity=0 "$kept" "$seeds" "$learned" 2>"$kept.log" ||
    { cat "$kept.log" >&2; exit 1; }
  find "$kept" -type f ! -name "$(printf '[0-9a-f]%.0s' {1..40})" -delete
  chmod 755 "$kept"
  rm -rf "$seeds/found" "$kept.log"
  mv "$kept" "$seeds/found"
  echo "$name: $(ls "$seeds/found" | wc -l) kept"
done
[ -n "$any" ] || { echo "fuzz: nothing was learned yet; run ./dev fuzz SECONDS first" >&2; exit 1; }
