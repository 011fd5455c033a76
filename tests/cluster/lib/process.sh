# Processes: started in the background, known by number and start time, ended only if both match.
# shellcheck shell=bash

started_at() { # field 22 of stat; the name in field 2 may hold blanks
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return
  stat=${stat##*) }
  set -- $stat
  echo "${20}"
}

remember() { echo "$2 $(started_at "$2")" >"$DIR/run/$1.pid"; }

# pid_of COMPONENT : its process number, if that very process still lives
pid_of() {
  local pid at
  [[ -f $DIR/run/$1.pid ]] && read -r pid at <"$DIR/run/$1.pid" || return
  [[ -n $at && $(started_at "$pid") == "$at" && ! $(<"/proc/$pid/stat") =~ \)\ Z ]] && echo "$pid"
} 2>/dev/null

alive() { [[ -n $(pid_of "$1") ]]; }

# in_node COMMAND... : runs it inside the node's namespaces
in_node() { nsenter --target "$(pid_of node)" --mount --net --pid -- "$@"; }

# component NAME COMMAND... : writes down how it is started, and starts it
component() {
  local name=$1
  shift
  {
    echo '#!/bin/bash'
    printf 'export PATH=%q\n' "$(dirname "$(bin containerd-shim-runc-v2)"):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    printf 'unset KUBECONFIG; cd /; exec'
    printf ' %q' "$@"
    echo
  } >"$DIR/run/$name"
  echo "$name" >>"$DIR/run/order"
  start "$name"
}

# start COMPONENT : again with the same command, if it does not run
start() {
  alive "$1" && return
  [[ -f $DIR/run/$1 ]] || die "$1 is no component of \"$NAME\""
  local pid
  if [[ $SHAPE == node ]]; then
    # The shell in between ends at once, so that the component belongs to the node's first process.
    pid=$(in_node bash -c 'setsid bash "$1" >>"$2" 2>&1 </dev/null & echo $!' - "$DIR/run/$1" "$DIR/log/$1.log")
    pid=$(outside_pid "$pid") || fail "$1" "it ended at once"
  else
    setsid nohup bash "$DIR/run/$1" >>"$DIR/log/$1.log" 2>&1 </dev/null &
    pid=$!
  fi
  remember "$1" "$pid"
}

# outside_pid PID : the number that a process of the node has on this machine
outside_pid() {
  local namespace status
  namespace=$(readlink "/proc/$(pid_of node)/ns/pid")
  for status in $(grep -lE "^NSpid:.*[[:space:]]$1\$" /proc/[0-9]*/status 2>/dev/null); do
    status=${status%/status}
    [[ $(readlink "$status/ns/pid" 2>/dev/null) == "$namespace" ]] && echo "${status#/proc/}" && return
  done
  return 1
}

# stop COMPONENT [SIGNAL]
stop() {
  local pid i
  pid=$(pid_of "$1") || return 0
  kill "-${2:-TERM}" "$pid" 2>/dev/null
  for ((i = 0; i < 100; i++)); do
    alive "$1" || break
    ((i == 50)) && kill -KILL "$pid" 2>/dev/null
    sleep 0.1
  done
  alive "$1" && die "$1 (process $pid) does not end"
  rm -f "$DIR/run/$1.pid"
}

# fail COMPONENT TEXT : the end, with the component's own words
fail() {
  say "cluster: $1: $2. Its last lines:"
  tail -n 15 "$DIR/log/$1.log" 2>/dev/null | cut -c1-400 | sed 's/^/    /' >&2
  say "All of them: cluster logs $1 --name $NAME"
  exit 1
}

# wait_for COMPONENT SECONDS COMMAND... : until the command succeeds, or one that was started before has ended
wait_for() {
  local name=$1 seconds=$2 until c
  shift 2
  until=$(($(now_ms) + seconds * 1000))
  until "$@" >/dev/null 2>&1; do
    for c in $(components) "$name"; do alive "$c" || fail "$c" "it ended"; done
    (($(now_ms) < until)) || fail "$name" "not ready after $seconds seconds"
    sleep 0.1
  done
  progress "$name" ready
}

# connects HOST PORT : something listens there
connects() { timeout 1 bash -c "</dev/tcp/$1/$2"; }
