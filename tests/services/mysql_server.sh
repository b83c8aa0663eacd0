#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# mysql_server.sh install      makes a real MySQL server available: the packages of Debian's development release, unpacked
#                              below the cache (nothing of them is installed in the system), run by their own loader
# mysql_server.sh root         prints the folder it is unpacked in
#
# Debian 12 packages MariaDB only. The packages come through a private apt root, so that the system's apt never sees the
# development release. About 50 MB and 15 s, once.
set -euo pipefail
cache=${MILLRACE_CACHE:-$HOME/.cache/millrace}
unpacked=$cache/mysql-server
apt_root=$cache/mysql-server-apt

mirror() {
  { grep -hE '^deb ' /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed 's/\[[^]]*\]//' |
      awk '{print $2}'; awk '/^URIs:/ {print $2}' /etc/apt/sources.list.d/*.sources 2>/dev/null; } |
    grep -vE 'security|/updates' | head -1
}

install() {
  [ -x "$unpacked/usr/sbin/mysqld" ] && return
  rm -rf "$apt_root" "$unpacked.new"
  mkdir -p "$apt_root"/{etc/apt.conf.d,state/lists/partial,cache/archives/partial,packages} "$unpacked.new"
  : >"$apt_root/state/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) sid main" >"$apt_root/etc/sources.list"
  cat >"$apt_root/apt.conf" <<CONF
Dir::Etc "$apt_root/etc";
Dir::Etc::sourcelist "sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::parts "apt.conf.d";
Dir::State "$apt_root/state";
Dir::State::status "$apt_root/state/status";
Dir::Cache "$apt_root/cache";
APT::Architecture "amd64";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Check-Date "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
CONF
  export APT_CONFIG=$apt_root/apt.conf
  apt-get update -q >"$apt_root/log" 2>&1 || { tail -n 20 "$apt_root/log" >&2; exit 1; }
  local wanted
  wanted=$(apt-get install -s mysql-server-core | awk '/^Inst/ {print $2}' |
             grep -vE '^perl|^libperl|^gcc-|^libgdbm|^libdb5|^libbz2')
  # shellcheck disable=SC2086
  (cd "$apt_root/packages" && apt-get download -q $wanted >>"$apt_root/log" 2>&1) ||
    { tail -n 20 "$apt_root/log" >&2; exit 1; }
  for package in "$apt_root"/packages/*.deb; do dpkg-deb -x "$package" "$unpacked.new"; done
  rm -rf "$apt_root" "$unpacked"
  chmod 755 "$unpacked.new"
  mv "$unpacked.new" "$unpacked"
}

case ${1:-} in
  install) install ;;
  root) echo "$unpacked" ;;
  *) sed -n '3,10p' "$0"; exit 2 ;;
esac
