#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh [TARGET...]: configures build/ when that was not done with the same settings, then builds. MILLRACE_BATCH: how
# many files of a room are compiled together (0: each alone).
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
exec tools/configure_and_build.sh build -DCMAKE_BUILD_TYPE=Release -DMILLRACE_PRECOMPILE=ON \
  "-DMILLRACE_BATCH=${MILLRACE_BATCH:-6}" -- "$@"
