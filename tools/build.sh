#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# build.sh [TARGET...]: configures build/ when that was not done with the same settings, then builds.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
exec tools/configure_and_build.sh build -DCMAKE_BUILD_TYPE=Release -DMILLRACE_PRECOMPILE=ON -- "$@"
