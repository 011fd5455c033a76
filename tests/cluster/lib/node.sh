# The node: namespaces of its own (processes, mounts, network), and all that runs in them.
# When its first process ends, the kernel ends every other, and takes mounts, interfaces, routes
# and iptables rules away.
# shellcheck shell=bash

# What kubelet and kube-proxy change on the whole machine, put back by the last `down`
GLOBAL_SYSCTLS=(vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops
  kernel/keys/root_maxkeys kernel/keys/root_maxbytes fs/inotify/max_user_instances fs/inotify/max_user_watches)

cgroup_mounts() { awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/mounts; }

prepare_machine() {
  local name
  if [[ ! -f $STATE/.sysctls ]]; then
    for name in "${GLOBAL_SYSCTLS[@]}"; do
      [[ -r /proc/sys/$name ]] && echo "$name $(<"/proc/sys/$name")"
    done >"$STATE/.sysctls"
  fi
  (($(</proc/sys/fs/inotify/max_user_instances) >= 1024)) || echo 1024 >/proc/sys/fs/inotify/max_user_instances
  (($(</proc/sys/fs/inotify/max_user_watches) >= 262144)) || echo 262144 >/proc/sys/fs/inotify/max_user_watches
  if [[ -z $(cgroup_mounts) ]]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || die "this machine has no cgroups and none can be mounted"
    : >"$STATE/.cgroup2"
  fi
  mkdir -p /var/lib/kubelet # only a place for the node to mount its own on
}

restore_machine() { # after the last node
  grep -qsx SHAPE=node "$STATE"/*/settings && return
  local name value
  if [[ -f $STATE/.sysctls ]]; then
    while read -r name value; do echo "$value" >"/proc/sys/$name"; done <"$STATE/.sysctls"
    rm -f "$STATE/.sysctls"
  fi
  if [[ -f $STATE/.cgroup2 ]]; then
    umount /sys/fs/cgroup
    rm -f "$STATE/.cgroup2"
  fi
  rmdir /var/lib/kubelet 2>/dev/null # empty unless the machine has a kubelet of its own
  return 0
}

make_cgroups() {
  local mount file
  while read -r mount; do
    if [[ $mount == /sys/fs/cgroup && -f $mount/cgroup.subtree_control ]]; then
      # shellcheck disable=SC2013
      for file in $(<"$mount/cgroup.controllers"); do echo "+$file" >"$mount/cgroup.subtree_control"; done 2>/dev/null
    fi
    mkdir -p "$mount/$CGROUP"
    for file in cpuset.cpus cpuset.mems; do # cgroup v1: empty until said
      [[ ! -f $mount/$CGROUP/$file || -n $(<"$mount/$CGROUP/$file") || -f $mount/cgroup.controllers ]] ||
        cat "$mount/$file" >"$mount/$CGROUP/$file"
    done
  done < <(cgroup_mounts)
}

remove_cgroups() {
  local mount i
  while read -r mount; do
    for ((i = 0; i < 50; i++)); do
      [[ -d $mount/$CGROUP ]] || break
      find "$mount/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null
      [[ -d $mount/$CGROUP ]] && sleep 0.1
    done
    [[ ! -d $mount/$CGROUP ]] || say "cluster: cgroup $mount/$CGROUP cannot be removed"
  done < <(cgroup_mounts)
}

start_namespaces() {
  alive node && return
  rm -f "$DIR/run/node.ready"
  echo "nameserver $GATEWAY" >"$DIR/conf/resolv.conf"
  GATEWAY=$GATEWAY SERVICE_CIDR=$SERVICE_CIDR setsid nohup unshare --mount --pid --net --fork --kill-child --propagation private \
    bash "$HERE/lib/node-init.sh" "$DIR" >"$DIR/log/node.log" 2>&1 </dev/null &
  local parent=$! child='' i
  remember node-parent "$parent"
  for ((i = 0; i < 100; i++)); do
    child=$(cat "/proc/$parent/task/$parent/children" 2>/dev/null || pgrep -P "$parent")
    child=${child%% }
    # the child exists before its namespaces differ only for the blink of an eye
    [[ -n $child && $(readlink "/proc/$child/ns/net") != "$(readlink /proc/self/ns/net)" ]] && break
    sleep 0.02
  done
  [[ -n $child ]] || fail node "its namespaces could not be made"
  remember node "$child"
  ip link add "$HOST_LINK" type veth peer name host0 netns "$child" || fail node "no cable to it"
  [[ ! -e /proc/sys/net/ipv6/conf/$HOST_LINK ]] || echo 1 >"/proc/sys/net/ipv6/conf/$HOST_LINK/disable_ipv6"
  ip address add "$HOST_IP/22" dev "$HOST_LINK"
  ip link set "$HOST_LINK" up
  ip route replace "$SERVICE_CIDR" via "$GATEWAY" dev "$HOST_LINK" onlink
  wait_for node 10 test -f "$DIR/run/node.ready"
}

start_containerd() {
  mkdir -p "$DIR/conf/cni"
  cat >"$DIR/conf/cni/10-bridge.conflist" <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [{
  "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {"type": "host-local", "dataDir": "/run/cni",
    "ranges": [[{"subnet": "$POD_CIDR", "gateway": "$GATEWAY", "rangeStart": "$POD_FIRST", "rangeEnd": "$POD_LAST"}]],
    "routes": [{"dst": "$SERVICE_CIDR"}]}}]}
END
  cat >"$DIR/conf/containerd.toml" <<END
version = 3
root = "$DIR/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "$DIR/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "$DIR/containerd/opt"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "$PAUSE_IMAGE"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["$(dirname "$(bin bridge)")"]
conf_dir = "$DIR/conf/cni"
[plugins."io.containerd.cri.v1.runtime".containerd]
default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false
END
  component containerd "$(bin containerd)" --config "$DIR/conf/containerd.toml"
}

load_pause() {
  local archive
  archive=$("$HERE/images/build" pause) || die "no pause image"
  "$(bin image)" load --address "$DIR/containerd.sock" "$archive" "$PAUSE_IMAGE" >/dev/null || fail containerd "cannot load the pause image"
}

start_kubelet() {
  cat >"$DIR/conf/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $GATEWAY
containerRuntimeEndpoint: unix://$DIR/containerd.sock
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $DIR/pki/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $DIR/pki/kubelet.crt
tlsPrivateKeyFile: $DIR/pki/kubelet.key
clusterDomain: cluster.local
clusterDNS: [$GATEWAY]
resolvConf: $DIR/conf/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /$CGROUP
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
evictionHard: {memory.available: 50Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%, imagefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
maxPods: 250
serializeImagePulls: false
registryPullQPS: 0
eventRecordQPS: 0
eventBurst: 1000
kubeAPIQPS: 200
kubeAPIBurst: 400
volumePluginDir: /var/lib/kubelet/volume-plugins
END
  if [[ -n $MAX_RESTART_PERIOD ]]; then
    echo "crashLoopBackOff: {maxContainerRestartPeriod: $MAX_RESTART_PERIOD}" >>"$DIR/conf/kubelet.yaml"
  fi
  component kubelet "$(bin kubelet)" --config="$DIR/conf/kubelet.yaml" --kubeconfig="$DIR/conf/kubelet.kubeconfig" \
    --root-dir=/var/lib/kubelet --node-ip="$GATEWAY" --hostname-override="$NODE"
}

start_kube_proxy() {
  component kube-proxy "$(bin kube-proxy)" --kubeconfig="$DIR/conf/kube-proxy.kubeconfig" --hostname-override="$NODE" \
    --proxy-mode=iptables --cluster-cidr="$POD_CIDR" --bind-address="$GATEWAY" --metrics-bind-address=127.0.0.1:10249 \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
}

start_coredns() {
  cat >"$DIR/conf/Corefile" <<END
cluster.local:53 in-addr.arpa:53 {
  bind $GATEWAY
  errors
  cache 5
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $DIR/conf/coredns.kubeconfig
  }
}
END
  component coredns "$(bin coredns)" -conf "$DIR/conf/Corefile"
}

allow_coredns() {
  kubectl_ apply -f - <<'END'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:coredns"}
rules:
- {apiGroups: [""], resources: [services, pods, namespaces, nodes, endpoints], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:coredns"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:coredns"}
subjects:
- {kind: User, name: "system:coredns", apiGroup: rbac.authorization.k8s.io}
END
}

node_ready() { [[ $(kubectl_ get node "$NODE" -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}') == True ]]; }
has_default_account() { kubectl_ -n default get serviceaccount default; }

up_node() {
  [[ $EUID == 0 ]] || die "a node needs root (or Docker and kind, or CLUSTER=existing with a KUBECONFIG)"
  ((${#DIR} < 80)) || die "the folder's name is too long for a socket in it: $DIR"
  PATH=$PATH:/usr/sbin:/sbin
  need_programs openssl:openssl ip:iproute2 nsenter:util-linux runc:runc iptables:iptables conntrack:conntrack
  need_built etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl coredns \
    containerd containerd-shim-runc-v2 bridge loopback host-local image
  "$HERE/images/build" pause >/dev/null || die "the pause image cannot be made"
  make_pki
  progress certificates ready
  prepare_machine
  make_cgroups
  : >"$DIR/run/order"
  start_namespaces
  start_etcd
  start_apiserver
  start_containerd
  wait_for containerd 30 "$(bin ctr)" --address "$DIR/containerd.sock" version
  load_pause
  wait_for kube-apiserver 60 api_ready
  start_kubelet
  start_controller_manager
  start_scheduler
  start_kube_proxy
  allow_coredns >/dev/null || fail kube-apiserver "refuses CoreDNS its rights"
  start_coredns
  wait_for kube-scheduler 30 in_node timeout 1 bash -c '</dev/tcp/127.0.0.1/10259'
  wait_for kube-controller-manager 30 has_default_account
  wait_for kubelet 60 node_ready
  wait_for coredns 30 connects "$GATEWAY" 53
  wait_for kube-proxy 30 connects "$SERVICE_IP" 443
}

down_node() {
  local pid i
  if pid=$(pid_of node); then kill -KILL "$pid"; fi
  for ((i = 0; i < 200; i++)); do # the kernel ends the rest before the first process is gone
    alive node || alive node-parent || break
    sleep 0.05
  done
  ! alive node || die "the node's first process (${pid}) does not end"
  # The cable goes with the namespace, a moment later
  for ((i = 0; i < 100; i++)); do
    [[ -e /sys/class/net/$HOST_LINK ]] || break
    sleep 0.05
  done
  [[ ! -e /sys/class/net/$HOST_LINK ]] || ip link delete "$HOST_LINK"
  remove_cgroups
}
