#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# sim.sh ARGUMENTS...: builds the simulator and runs it: --seeds N [--from S] [--minutes M] on all processors, with
# --points the table of crash points; --seed S or --case NAME [--trace] alone. --planted [--count] [--write] looks for
# every planted fault (--count: in all seeds, --write: for the table of docs/guarantees.md). The exit code says whether
# any seed failed, any crash point was missed by 2000 seeds or more, or any planted fault was found too seldom.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
tools/build.sh millrace_sim >&2
if [ "${1:-}" = --planted ]; then
  shift
  cmake -B build -DMILLRACE_PLANTED_FAULTS=ON >/dev/null
  tools/build.sh millrace_sim_planted >&2
  exec "$PYTHON" tools/sim/find_planted.py build/millrace_sim_planted "$@"
fi
case " $* " in
  *" --seeds "* | *" --seed "* | *" --case "*) ;;
  *) set -- --seeds 2000 "$@" ;;
esac
exec build/millrace_sim --processes "$(nproc)" "$@"
