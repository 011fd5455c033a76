# The commands and their options.
# shellcheck shell=bash

PAUSE_IMAGE=crash-diagnosis/pause:1

usage() {
  cat <<'END'
usage: cluster COMMAND [--name NAME]

  up [--node | --control-plane-only] [--index N] [--max-restart-period 10s]
                            start it; says so quickly if it runs already
  down [--all]              end it and remove everything it made
  status                    what runs
  kubeconfig                path of the administrator's kubeconfig
  kubectl ARGUMENTS...      kubectl with that kubeconfig
  load-image TAR|ROOTFS_DIR [NAME...]
                            make an image known to the node; twice does nothing
  image RECIPE [NAME...]    build an image of images/ and load it
  logs COMPONENT [-f]       etcd kube-apiserver kubelet containerd coredns ...
  stop|start|restart COMPONENT
                            for tests of faults
  build                     only build the programs
  bin PROGRAM               path of a program

Several clusters run side by side under different names (default: "default").
CLUSTER=local|kind|existing chooses what is used; see README.md.
END
}

main() {
  local command=${1:-} name=default all='' index='' shape='' period='' words=()
  [[ -n $command ]] && shift
  while (($#)); do
    case $1 in
      --name) name=${2:?--name needs a name} && shift ;;
      --name=*) name=${1#*=} ;;
      --all) all=1 ;;
      --index) index=${2:?--index needs a number} && shift ;;
      --index=*) index=${1#*=} ;;
      --node) shape=node ;;
      --control-plane-only) shape=control-plane-only ;;
      --max-restart-period) period=${2:?--max-restart-period needs a duration} && shift ;;
      --max-restart-period=*) period=${1#*=} ;;
      *)
        # what follows belongs to kubectl, or is a file, a component, a name
        if [[ $command == kubectl ]]; then words=("$@") && break; fi
        [[ $1 != -* || ($command == logs && $1 == -f) ]] || die "unknown option $1"
        words+=("$1")
        ;;
    esac
    shift
  done
  [[ -z $index || $index =~ ^([0-9]|[1-5][0-9]|6[0-3])$ ]] || die "--index is a number from 0 to 63"
  [[ -z $period || $period =~ ^[0-9]+(s|m)$ ]] || die "--max-restart-period is like 10s or 1m"
  case $command in
    help | --help | -h | '') usage; [[ -n $command ]]; exit ;;
    build) need_built kube-apiserver coredns containerd; exit ;;
    bin) need_built "${words[0]:?which program}"; bin "${words[0]}"; exit ;;
  esac
  mkdir -p "$STATE"
  use_cluster "$name"
  local kind
  kind=$(what_cluster "$shape") || exit
  case $command in
    up) with_lock "$STATE/.lock" "up_$kind" "$shape" "$index" "$period" ;;
    down)
      if [[ -n $all ]]; then with_lock "$STATE/.lock" down_all; else with_lock "$STATE/.lock" "down_$kind"; fi
      ;;
    status) "status_$kind" ;;
    kubeconfig) "kubeconfig_$kind" ;;
    kubectl) KUBECONFIG=$("kubeconfig_$kind") exec "$(bin kubectl)" ${words[@]+"${words[@]}"} ;;
    load-image) "load_image_$kind" "${words[@]:?load-image needs an archive or a folder}" ;;
    image)
      local archive
      archive=$("$HERE/images/build" "${words[0]:?image needs a recipe}") && "load_image_$kind" "$archive" "${words[@]:1}"
      ;;
    logs | stop | start | restart)
      [[ $kind == local ]] || die "$command is only for clusters made here, not for $kind"
      need_cluster
      "$command"_component ${words[@]+"${words[@]}"}
      ;;
    *) usage >&2; exit 2 ;;
  esac
}

components() { sort -u "$DIR/run/order" 2>/dev/null; }

healthy() {
  local c
  exists && [[ -s $DIR/run/order ]] || return
  for c in $(components) $([[ $SHAPE == node ]] && echo node); do alive "$c" || return; done
  api_ready >/dev/null 2>&1 && { [[ $SHAPE != node ]] || node_ready; }
}

up_local() {
  local shape=${1:-} index=$2 period=$3
  if exists; then
    [[ -z $shape || $shape == "$SHAPE" ]] || die "\"$NAME\" is a cluster of the shape $SHAPE"
    [[ -z $index || $index == "$INDEX" ]] || die "\"$NAME\" has the index $INDEX"
    [[ -z $period || $period == "$MAX_RESTART_PERIOD" ]] || die "\"$NAME\" runs with --max-restart-period \"$MAX_RESTART_PERIOD\"; end it first (cluster down)"
    if healthy; then
      say "cluster \"$NAME\" is already running: $DIR/kubeconfig"
      return
    fi
    say "cluster \"$NAME\" is not healthy: starting what is missing"
  else
    SHAPE=${shape:-node} MAX_RESTART_PERIOD=$period
    INDEX=$(choose_index "$index") || exit
    save_settings
    numbers
  fi
  "up_${SHAPE//-/_}"
  progress cluster "\"$NAME\" is up; export KUBECONFIG=$DIR/kubeconfig"
}

down_local() {
  if ! exists; then
    say "there is no cluster \"$NAME\""
    return
  fi
  local c
  if [[ $SHAPE == node ]]; then
    down_node
  else
    for c in kube-apiserver etcd; do stop "$c"; done
  fi
  rm -rf "${DIR:?}"
  [[ $SHAPE != node ]] || restore_machine
  progress cluster "\"$NAME\" is gone"
}

down_all() {
  local settings
  for settings in "$STATE"/*/settings; do
    [[ -f $settings ]] || continue
    use_cluster "$(basename "$(dirname "$settings")")"
    down_local
  done
}

status_local() {
  if ! exists; then
    echo "cluster \"$NAME\": none"
    return 1
  fi
  local c pid bad=0
  echo "cluster \"$NAME\": $SHAPE, index $INDEX, API server https://$API_IP:$API_PORT"
  for c in $(components); do
    if pid=$(pid_of "$c"); then echo "  $c: running, process $pid"; else echo "  $c: NOT RUNNING" && bad=1; fi
  done
  if [[ $SHAPE == node ]]; then
    if node_ready 2>/dev/null; then echo "  node $NODE: Ready"; else echo "  node $NODE: NOT READY" && bad=1; fi
  elif api_ready >/dev/null 2>&1; then
    echo "  API server: ready"
  else
    echo "  API server: NOT READY" && bad=1
  fi
  return $bad
}

kubeconfig_local() { need_cluster && echo "$DIR/kubeconfig"; }

load_image_local() {
  local source=$1 archive=''
  shift
  need_cluster
  [[ $SHAPE == node ]] || die "\"$NAME\" has no node to load an image into"
  need_built image
  if [[ -d $source ]]; then
    (($#)) || die "an image made of a folder needs a name"
    archive=$(mktemp --suffix=.tar)
    if ! "$(bin image)" make --rootfs "$source" --name "$1" --out "$archive"; then
      rm -f "$archive"
      return 1
    fi
    source=$archive
  fi
  "$(bin image)" load --address "$DIR/containerd.sock" "$source" "$@"
  local status=$?
  [[ -z $archive ]] || rm -f "$archive"
  return $status
}

logs_component() {
  local c='' follow='' word
  for word; do if [[ $word == -f ]]; then follow=-f; else c=$word; fi; done
  [[ -n $c && -f $DIR/log/$c.log ]] || die "logs of: $(cd "$DIR/log" && echo *.log | sed 's/\.log//g')"
  if [[ -n $follow ]]; then tail -n 50 -f "$DIR/log/$c.log"; else cat "$DIR/log/$c.log"; fi
}

stop_component() { stop "${1:?which component}" "${2:-TERM}"; }
start_component() { start "${1:?which component}"; }
restart_component() { stop "${1:?which component}" && start "$1"; }
