# The programs: from KUBE_BIN or KUBEBUILDER_ASSETS, else built with Go, once, into the cache.
# shellcheck shell=bash

KUBERNETES_VERSION=1.37.2
CONTAINERD_VERSION=2.4.2
GO_SOURCES=$HERE/go

# module_bin MODULE : the folder its programs are built into; other sources, other folder
module_bin() {
  local version
  case $1 in
    kubernetes) version=k8s-$KUBERNETES_VERSION ;;
    node) version=containerd-$CONTAINERD_VERSION ;;
    *) version=$1 ;;
  esac
  local hash
  hash=$(cd "$GO_SOURCES/$1" && find . -type f | LC_ALL=C sort | xargs cat | sha256sum)
  echo "$CACHE/$version-${hash:0:12}/bin"
}

module_of() {
  case $1 in
    etcd | kube-* | kubelet | kubectl) echo kubernetes ;;
    coredns) echo coredns ;;
    helm) echo tools ;;
    *) echo node ;;
  esac
}

# bin PROGRAM : its path
declare -A MODULE_BIN=()
bin() {
  local dir module
  for dir in "${KUBE_BIN:-}" "${KUBEBUILDER_ASSETS:-}"; do
    if [[ -n $dir && -x $dir/$1 ]]; then
      echo "$dir/$1"
      return
    fi
  done
  module=$(module_of "$1")
  echo "${MODULE_BIN[$module]:-$(module_bin "$module")}/$1"
}

# need_built PROGRAM... : builds the modules of those that are not there
need_built() {
  local program module wanted=''
  for program in "$@"; do
    module=$(module_of "$program")
    MODULE_BIN[$module]=${MODULE_BIN[$module]:-$(module_bin "$module")}
    [[ -x $(bin "$program") || $wanted == *" $module "* ]] || wanted+=" $module "
  done
  for module in $wanted; do
    with_lock "$CACHE/.build-$module" build_module "$module"
  done
}

build_module() {
  local module=$1 out=${MODULE_BIN[$1]} log tmp
  [[ -x $out/.done ]] && return # somebody else built it while we waited
  command -v go >/dev/null || die "Go is needed to build $module (or set KUBE_BIN to a folder with the programs)"
  progress "build $module" "once; $(build_hint "$module")"
  tmp=$(dirname "$out").tmp.$$
  log=$CACHE/build-$module.log
  rm -rf "$tmp"
  mkdir -p "$tmp/bin"
  if ! (
    cd "$GO_SOURCES/$module" || exit
    export CGO_ENABLED=0 GOWORK=off GOFLAGS='-trimpath -buildvcs=false -mod=readonly'
    "go_build_$module" "$tmp/bin"
  ) >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -rf "$tmp"
    die "building $module failed; all of it is in $log"
  fi
  printf '#!/bin/sh\n' >"$tmp/bin/.done"
  chmod +x "$tmp/bin/.done"
  rm -rf "$(dirname "$out")"
  mv "$tmp" "$(dirname "$out")"
  progress "build $module" done
}

build_hint() {
  case $1 in
    kubernetes) echo "5 to 8 minutes on two cores" ;;
    tools) echo "3 to 5 minutes on two cores" ;;
    *) echo "about a minute" ;;
  esac
}

go_build_kubernetes() {
  local v=k8s.io/component-base/version program
  nice go build -o "$1/kubernetes" -ldflags "-s -w -X $v.gitVersion=v$KUBERNETES_VERSION \
    -X $v.gitMajor=${KUBERNETES_VERSION%%.*} -X $v.gitMinor=$(cut -d. -f2 <<<"$KUBERNETES_VERSION")" . || return
  for program in etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do
    ln -s kubernetes "$1/$program"
  done
}

go_build_node() {
  local v=github.com/containerd/containerd/v2/version
  nice go build -o "$1/" -tags 'no_btrfs no_zfs no_devmapper' -ldflags "-s -w -X $v.Version=v$CONTAINERD_VERSION" tool ./image
}

go_build_coredns() { nice go build -o "$1/coredns" -ldflags '-s -w' .; }

go_build_tools() { nice go build -o "$1/" -ldflags '-s -w' tool; }
