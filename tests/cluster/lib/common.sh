# Words on the screen, folders and the numbers that belong to one cluster.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }
die() { printf 'cluster: %s\n' "$*" >&2; exit 1; }
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo "${t%???}"; }

# progress NAME TEXT... : one line of what happens, with the seconds since the command began
BEGAN=$(now_ms)
progress() {
  local ms=$(($(now_ms) - BEGAN)) name=$1
  shift
  printf '%3d.%ds  %-24s %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$name" "$*" >&2
}

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/crash-diagnosis
STATE=${CLUSTER_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/crash-diagnosis/clusters}

# use_cluster NAME : DIR and, if the cluster exists, its SHAPE and INDEX
use_cluster() {
  NAME=$1
  [[ $NAME =~ ^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$ ]] || die "a cluster's name has lower-case letters, digits and dashes: not \"$NAME\""
  DIR=$STATE/$NAME
  SHAPE='' INDEX='' MAX_RESTART_PERIOD=''
  # shellcheck disable=SC1091
  if [[ -f $DIR/settings ]]; then . "$DIR/settings"; fi
  if [[ -n $INDEX ]]; then numbers; fi
}

exists() { [[ -f $DIR/settings ]]; }
need_cluster() { exists || die "there is no cluster \"$NAME\"; start it by: cluster up --name $NAME"; }

# Every address, port and interface follows from the index, so that clusters run side by side.
numbers() {
  NODE=$NAME-node
  SERVICE_CIDR=10.$((96 + INDEX)).0.0/16
  SERVICE_IP=10.$((96 + INDEX)).0.1
  CGROUP=crash-diagnosis-$NAME
  if [[ $SHAPE == node ]]; then
    POD_CIDR=10.244.$((4 * INDEX)).0/22 # a thousand addresses
    GATEWAY=10.244.$((4 * INDEX)).1     # the node: its bridge, the API server, DNS
    POD_FIRST=10.244.$((4 * INDEX)).2
    POD_LAST=10.244.$((4 * INDEX + 3)).250
    HOST_IP=10.244.$((4 * INDEX + 3)).254 # this machine, on the node's bridge
    HOST_LINK=cd$INDEX
    API_IP=$GATEWAY API_PORT=6443 ETCD_PORT=2379 PEER_PORT=2380
  else
    API_IP=127.0.0.1 API_PORT=$((16400 + 10 * INDEX))
    ETCD_PORT=$((API_PORT + 1)) PEER_PORT=$((API_PORT + 2))
  fi
}

# choose_index [WISH] : the wish, or the lowest number that no cluster of this machine has
choose_index() {
  local wish=${1:-} used=' ' other i
  for other in "$STATE"/*/settings; do
    [[ -f $other ]] && used+="$(sed -n 's/^INDEX=//p' "$other") "
  done
  for i in ${wish:-$(seq 0 63)}; do
    [[ $used == *" $i "* || -e /sys/class/net/cd$i ]] && continue
    echo "$i"
    return
  done
  die "index ${wish:-0 to 63} is taken"
}

save_settings() {
  mkdir -p "$DIR"/{pki,conf,log,run}
  chmod 700 "$DIR"
  printf '%s\n' "SHAPE=$SHAPE" "INDEX=$INDEX" "MAX_RESTART_PERIOD=$MAX_RESTART_PERIOD" >"$DIR/settings"
}

kubectl_() { KUBECONFIG=$DIR/kubeconfig "$(bin kubectl)" --request-timeout=5s "$@"; }

# with_lock NAME COMMAND... : one at a time on this machine
with_lock() {
  local lock=$1 fd status=0
  shift
  mkdir -p "$(dirname "$lock")"
  exec {fd}>"$lock"
  flock -n "$fd" || { say "waiting for another cluster command"; flock "$fd"; }
  "$@" {fd}>&- || status=$?
  exec {fd}>&-
  return $status
}
