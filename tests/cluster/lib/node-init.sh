#!/bin/bash
# The first process of a node: sets its namespaces up, says so, and then only buries the dead.
# usage: node-init.sh DIR, with the numbers of the cluster in the environment
set -eu

mount -t proc proc /proc
resolv=$(readlink -m /etc/resolv.conf)

# /sys shows the interfaces of the network namespace it was mounted in
mkdir -p "$1/cgroup"
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
umount -l "$1/cgroup"
rmdir "$1/cgroup"

# What components write to fixed places stays with the cluster
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock "$1/var-log" "$1/kubelet" "$(dirname "$resolv")"
mount --bind "$1/var-log" /var/log
mount --bind "$1/kubelet" /var/lib/kubelet
[[ -e $resolv ]] || : >"$resolv"
mount --bind "$1/conf/resolv.conf" "$resolv"
mount --make-rshared / # volumes with mount propagation need a shared root; no further than this namespace

echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6 || true
ip link set lo up
# An address of its own: otherwise it changes as pods come and go, and those who know it lose the way
ip link add cni0 address 0a:58:"$(printf '%02x:%02x:%02x:%02x' ${GATEWAY//./ })" type bridge forward_delay 0
ip address add "$GATEWAY/22" dev cni0
ip link set cni0 up
until ip link set host0 master cni0 2>/dev/null; do sleep 0.02; done # this machine's cable comes from outside
ip link set host0 up
ip route replace "$SERVICE_CIDR" dev cni0 # an address without a Service ends on the bridge
echo 1 >/proc/sys/net/ipv4/ip_forward
# An ICMP redirect would use up the rate limit that a refused connection needs
echo 0 >/proc/sys/net/ipv4/conf/all/send_redirects
echo 0 >/proc/sys/net/ipv4/conf/cni0/send_redirects
# Pods on one bridge reach each other by a Service's address only if bridged packets are translated
for f in iptables ip6tables; do
  [[ ! -e /proc/sys/net/bridge/bridge-nf-call-$f ]] || echo 1 >"/proc/sys/net/bridge/bridge-nf-call-$f"
done

: >"$1/run/node.ready"
trap 'exit 0' TERM INT
while :; do
  sleep 3600 &
  wait $! || true
done
