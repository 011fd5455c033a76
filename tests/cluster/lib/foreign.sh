# Clusters that are not made here: kind, where there is a Docker engine, and existing ones.
# shellcheck shell=bash

# what_cluster SHAPE : local, kind or existing
what_cluster() {
  case ${CLUSTER:-} in
    local | kind | existing) echo "$CLUSTER" ;;
    '')
      # kind has no shape without a node; a cluster made here stays what it is
      if [[ $1 != control-plane-only ]] && ! exists && command -v kind >/dev/null && docker info >/dev/null 2>&1; then
        echo kind
      else
        echo local
      fi
      ;;
    *) die "CLUSTER is local, kind or existing, not \"$CLUSTER\"" ;;
  esac
}

kind_config() {
  echo 'kind: Cluster'
  echo 'apiVersion: kind.x-k8s.io/v1alpha4'
  [[ -z $1 ]] || printf '%s\n' 'kubeadmConfigPatches:' '- |' '  kind: KubeletConfiguration' '  crashLoopBackOff:' "    maxContainerRestartPeriod: $1"
}

up_kind() {
  if kind get clusters 2>/dev/null | grep -qx "$NAME"; then
    say "kind cluster \"$NAME\" is already running"
    return
  fi
  mkdir -p "$STATE/kind"
  kind create cluster --name "$NAME" --kubeconfig "$STATE/kind/$NAME" --wait 120s --config <(kind_config "$3")
}

down_kind() { kind delete cluster --name "$NAME" --kubeconfig "$STATE/kind/$NAME" && rm -f "$STATE/kind/$NAME"; }
status_kind() { KUBECONFIG=$STATE/kind/$NAME kubectl get nodes; }
kubeconfig_kind() { echo "$STATE/kind/$NAME"; }

load_image_kind() {
  local source=$1 loaded name
  shift
  if [[ -d $source ]]; then
    (($#)) || die "an image made of a folder needs a name"
    tar -C "$source" -c . | docker import - "$1" >/dev/null && loaded=$1
  else
    loaded=$(docker load -i "$source" | sed -n 's/^Loaded image: //p' | head -n 1)
  fi
  [[ -n $loaded ]] || die "docker could not load $source"
  for name in "${@:-$loaded}"; do
    docker tag "$loaded" "$name" && kind load docker-image --name "$NAME" "$name" || return
  done
}

existing_kubeconfig() { [[ -n ${KUBECONFIG:-} ]] || die "CLUSTER=existing needs a KUBECONFIG"; }
up_existing() {
  existing_kubeconfig
  "$(existing_kubectl)" --request-timeout=10s get --raw /readyz >/dev/null || die "the cluster of KUBECONFIG=$KUBECONFIG does not answer"
  say "using the existing cluster of $KUBECONFIG"
}
existing_kubectl() { command -v kubectl || bin kubectl; }
down_existing() { say "an existing cluster is left alone"; }
status_existing() { existing_kubeconfig && "$(existing_kubectl)" get nodes; }
kubeconfig_existing() { existing_kubeconfig && echo "$KUBECONFIG"; }

# An own command can bring images to an existing cluster: it gets the archive and the names.
load_image_existing() {
  [[ -n ${CLUSTER_LOAD_IMAGE:-} ]] || die "set CLUSTER_LOAD_IMAGE to a command that takes an archive and names, and brings them to the cluster"
  $CLUSTER_LOAD_IMAGE "$@"
}
