#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# format.sh [--write]: checks (or rewrites) the layout of every C++ file that git knows or could know.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=(--dry-run -Werror)
[ "${1:-}" = --write ] && mode=(-i)
git ls-files -z --cached --others --exclude-standard -- 'src/*.h' 'src/*.cc' 'tests/*.h' 'tests/*.cc' |
  xargs -0 -r -n 20 -P "$(nproc)" clang-format-16 "${mode[@]}"
