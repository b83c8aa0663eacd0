#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# test.sh: builds everything and runs every test. The last line counts them; the exit code says whether all passed.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
started=$(date +%s)
tools/servers.sh &
installing=$!
tools/build.sh
wait "$installing"
exec "$PYTHON" tools/run_tests.py style unit e2e fuzz --started "$started"
