#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# s3_server.sh install                 makes the S3 server for tests available (built once, then kept)
# s3_server.sh start PORT FOLDER       starts it on 127.0.0.1:PORT with its data below FOLDER, waits until it answers
# s3_server.sh stop FOLDER             stops the one started with that folder
# s3_server.sh there                   whether it need not be installed
#
# The server checks every signature: versitygw where Go 1.21 or newer is there to build it (a minute, once), else
# S3Proxy from Maven (30 to 60 s, once; installs Java and Maven with apt-get when needed). Both show the folders in
# FOLDER/buckets as buckets. Keys: millracetest / millracetestsecret, region us-east-1. Encryption headers: the one
# ignores them, the other refuses them. MILLRACE_S3_SERVER=versitygw|s3proxy decides otherwise.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kept=${MILLRACE_CACHE:-$HOME/.cache/millrace}/bin
program=$kept/versitygw-$(cat "$here"/s3_server/* | sha256sum | cut -c1-10)

proxy_version=4.1.0
jars=$kept/s3proxy-$proxy_version

which_go() {
  local found
  for found in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go/bin/go; do
    [ -x "$found" ] && [[ $("$found" env GOVERSION) =~ ^go1\.(2[1-9]|[3-9][0-9]) ]] && echo "$found" && return
  done
  return 1
}

# What is there wins; then what can be built.
choice() {
  if [ -n "${MILLRACE_S3_SERVER:-}" ]; then echo "$MILLRACE_S3_SERVER"
  elif [ -x "$program" ]; then echo versitygw
  elif [ -d "$jars" ]; then echo s3proxy
  elif which_go >/dev/null; then echo versitygw
  else echo s3proxy; fi
}

# Its generated clients of other services are not optimised, nothing is described for a debugger, and the compiler need not
# collect its garbage: half of the time.
install_versitygw() {
  [ -x "$program" ] && return
  local compile=("-gcflags=all=-dwarf=false") module
  for module in aws hashicorp segmentio; do compile+=("-gcflags=github.com/$module/...=-N -l -dwarf=false"); done
  (cd "$here/s3_server" && GOPATH=${GOPATH:-$work/go} GOCACHE=${GOCACHE:-$work/cache} GOFLAGS=-modcacherw GOGC=800 nice "$(which_go)" \
    build -trimpath "${compile[@]}" -ldflags "-s -w" -o "$work/versitygw" .)
  mv "$work/versitygw" "$program"
}

install_s3proxy() {
  if ! command -v mvn >/dev/null || ! command -v java >/dev/null; then
    local root=()
    [ "$(id -u)" = 0 ] || root=(sudo)
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
      default-jre-headless maven >"$work/apt" 2>&1 || { tail -n 20 "$work/apt" >&2; exit 1; }
  fi
  [ -d "$jars" ] && return
  cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>millrace</groupId>
<artifactId>s3-server-for-tests</artifactId><version>1</version><packaging>pom</packaging><dependencies>
<dependency><groupId>com.fasterxml.jackson.core</groupId><artifactId>jackson-annotations</artifactId><version>2.21</version></dependency>
<dependency><groupId>org.gaul</groupId><artifactId>s3proxy</artifactId><version>$proxy_version</version></dependency>
</dependencies></project>
POM
  (cd "$work" && nice mvn -q -B dependency:copy-dependencies -DoutputDirectory=libs -DincludeScope=runtime)
  mv "$work/libs" "$jars"
}

install() {
  mkdir -p "$kept"
  work=$(mktemp -d "$kept/new-XXXXXX")
  trap 'rm -rf "$work"' EXIT
  "install_$(choice)"
}

serve_versitygw() {
  ROOT_ACCESS_KEY=millracetest ROOT_SECRET_KEY=millracetestsecret exec "$program" "$1" "$2"
}

serve_s3proxy() {
  cat >"$2/s3proxy.conf" <<CONF
s3proxy.endpoint=http://127.0.0.1:$1
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity=millracetest
s3proxy.credential=millracetestsecret
jclouds.provider=filesystem-nio2
jclouds.filesystem.basedir=$2/buckets
CONF
  exec java -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" org.gaul.s3proxy.Main \
    --properties "$2/s3proxy.conf"
}

start() {
  local port=$1 folder=$2
  [ -x "$program" ] || [ -d "$jars" ] || { echo "s3_server.sh: run '$0 install' first" >&2; exit 1; }
  mkdir -p "$folder/buckets" "$folder/iam"
  "serve_$(choice)" "$port" "$folder" </dev/null >"$folder/log" 2>&1 &
  echo $! >"$folder/pid"
  for _ in $(seq 300); do
    kill -0 "$(cat "$folder/pid")" 2>/dev/null || break
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.1
  done
  echo "s3_server.sh: the server did not start:" >&2
  tail -n 20 "$folder/log" >&2
  exit 1
}

stop() {
  local folder=$1 pid
  [ -f "$folder/pid" ] || return 0
  pid=$(cat "$folder/pid")
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$folder/pid"
}

case ${1:-} in
  install) install ;;
  there) [ -x "$program" ] || [ -d "$jars" ] ;;
  start) start "$2" "$3" ;;
  stop) stop "$2" ;;
  *) sed -n '3,13p' "$0"; exit 2 ;;
esac
