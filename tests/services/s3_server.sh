#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# s3_server.sh install                 makes the S3 server for tests available (built once, then kept)
# s3_server.sh start PORT FOLDER       starts it on 127.0.0.1:PORT with its data below FOLDER, waits until it answers
# s3_server.sh stop FOLDER             stops the one started with that folder
#
# The server is versitygw, a gateway that shows a folder as S3 and checks every signature. Buckets are the folders in
# FOLDER/buckets. Keys: millracetest / millracetestsecret, region us-east-1. It ignores encryption headers.
set -euo pipefail
version=v1.8.0
kept=${MILLRACE_CACHE:-$HOME/.cache/millrace}/bin
program=$kept/versitygw-$version

install() {
  [ -x "$program" ] && return
  command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin:/usr/lib/go/bin
  command -v go >/dev/null || { echo "s3_server.sh: Go is needed to build the S3 server for tests" >&2; exit 1; }
  local work
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  GOBIN=$work/bin GOPATH=$work/go GOCACHE=$work/cache GOFLAGS=-modcacherw nice go install -trimpath -ldflags "-s -w" \
    "github.com/versity/versitygw/cmd/versitygw@$version"
  mkdir -p "$kept"
  mv "$work/bin/versitygw" "$program.new"
  mv "$program.new" "$program"
}

start() {
  local port=$1 folder=$2
  [ -x "$program" ] || { echo "s3_server.sh: run '$0 install' first" >&2; exit 1; }
  mkdir -p "$folder/buckets" "$folder/iam"
  ROOT_ACCESS_KEY=millracetest ROOT_SECRET_KEY=millracetestsecret "$program" --region us-east-1 \
    --port "127.0.0.1:$port" --iam-dir "$folder/iam" posix "$folder/buckets" </dev/null >"$folder/log" 2>&1 &
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
  start) start "$2" "$3" ;;
  stop) stop "$2" ;;
  *) sed -n '3,10p' "$0"; exit 2 ;;
esac
