#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh [bench]: installs the missing Debian packages and the pinned Python environment (the servers that tests need
# beyond Debian's: tools/servers.sh). Under two seconds when
# everything is there; safe to interrupt and to run again (a Python environment without its last file is made anew).
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/environment.sh

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

lists=(tools/packages.txt)
[ "${1:-}" = bench ] && lists+=(tools/packages-bench.txt)
mapfile -t wanted < <(sed '/^#/d;/^$/d' "${lists[@]}")
mapfile -t present < <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p')
declare -A is_present=()
for package in "${present[@]}"; do is_present[$package]=1; done
missing=()
for package in "${wanted[@]}"; do [ -n "${is_present[$package]:-}" ] || missing+=("$package"); done

# apt_install PACKAGE...: its output is shown when it fails only.
apt_install() {
  local log no_cluster=/etc/postgresql-common/createcluster.d/millrace-setup.conf code=0
  log=$(mktemp)
  # The package would start a server of its own on the usual port: not wanted for tests.
  as_root mkdir -p "$(dirname $no_cluster)"
  echo "create_main_cluster = false" | as_root tee $no_cluster >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=600 "$@" >"$log" 2>&1 || code=$?
  as_root rm -f $no_cluster
  [ $code = 0 ] || { tail -n 40 "$log" >&2; echo "setup: apt-get failed, see above" >&2; }
  rm -f "$log"
  return $code
}

make_python() {
  [ ! -f "$PYTHON_HOME/complete" ] || return 0
  echo "setup: Python environment in $PYTHON_HOME"
  mkdir -p "$MILLRACE_CACHE"
  exec 9>"$MILLRACE_CACHE/setup.lock"
  flock 9
  [ ! -f "$PYTHON_HOME/complete" ] || return 0
  rm -rf "$PYTHON_HOME"
  python3 -m venv "$PYTHON_HOME"
  "$PYTHON" -m pip install -q --disable-pip-version-check --only-binary :all: -r tools/requirements.txt
  touch "$PYTHON_HOME/complete"
}

if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing ${missing[*]}"
  as_root apt-get -o DPkg::Lock::Timeout=600 update -q >/dev/null
  # What the environment needs comes first: it is made while the rest is fetched.
  [ -n "${is_present[python3-venv]:-}" ] || apt_install ca-certificates python3-venv
  (make_python) &
  making=$!
  apt_install "${missing[@]}" || { wait "$making" || true; exit 1; }
  wait "$making"
else
  make_python
fi
