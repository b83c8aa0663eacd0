#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# sim.sh ARGUMENTS...: builds the simulator and runs it on all processors: --seeds N [--from S] [--minutes M] are dealt
# out in slices; --seed S goes to one process as it is. --planted [--write] looks for every planted fault (and writes the
# table of docs/guarantees.md). The exit code says whether any seed failed or any planted fault was missed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
tools/build.sh millrace_sim >&2
seeds="" from=1 rest=()
single=0 planted=0
while [ $# -gt 0 ]; do
  case $1 in
    --seeds) seeds=$2; shift 2 ;;
    --from) from=$2; shift 2 ;;
    --seed) single=1; rest+=("$1" "$2"); shift 2 ;;
    --planted) planted=1; shift ;;
    --minutes) rest+=("$1" "$2"); shift 2 ;;
    *) rest+=("$1"); shift ;;
  esac
done
if [ "$single" = 1 ]; then exec build/millrace_sim "${rest[@]}"; fi
seeds=${seeds:-2000}
if [ "$planted" = 1 ]; then
  cmake -B build -DMILLRACE_PLANTED_FAULTS=ON >/dev/null
  tools/build.sh millrace_sim_planted >&2
  exec "$PYTHON" tools/sim/find_planted.py build/millrace_sim_planted "${rest[@]}"
fi
processors=$(nproc)
slice=$(((seeds + processors - 1) / processors))
workers=()
for ((i = 0; i < processors; i++)); do
  start=$((from + i * slice))
  count=$((seeds - i * slice < slice ? seeds - i * slice : slice))
  [ "$count" -gt 0 ] || continue
  build/millrace_sim --seeds "$count" --from "$start" "${rest[@]}" &
  workers+=($!)
done
failed=0
for worker in "${workers[@]}"; do wait "$worker" || failed=1; done
exit $failed
