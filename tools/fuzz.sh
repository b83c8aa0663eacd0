#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# fuzz.sh [SECONDS]: builds every fuzz target with clang under address and undefined-behaviour sanitizers and runs each
# for SECONDS (default 20) from its seed corpus in tests/fuzz/corpus/NAME. New findings stay in build-fuzz/findings.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
exec "$PYTHON" tools/run_tests.py fuzz --fuzz-seconds "${1:-20}"
