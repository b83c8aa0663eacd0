#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# sanitize.sh LIST [NAME...]: the unit tests built with -fsanitize=LIST in a folder of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh
list=$1
shift
folder=build-${list%%,*}
tools/configure_and_build.sh "$folder" -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DMILLRACE_SANITIZE=$list" --
exec "$PYTHON" tools/run_tests.py unit --build "$folder" "$@"
