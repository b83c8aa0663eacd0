#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# check.sh: the loop for the keyboard: layout, layering and style, then the unit tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
tools/format.sh
"$PYTHON" tools/tidy.py
"$PYTHON" tools/sim/plant_faults.py --check
tools/build.sh
exec "$PYTHON" tools/run_tests.py unit
