# etcd and the API server (both shapes), controller manager and scheduler (with a node).
# shellcheck shell=bash

start_etcd() {
  component etcd "$(bin etcd)" --name=etcd --data-dir="$DIR/etcd" --log-level=warn --unsafe-no-fsync \
    --quota-backend-bytes=8589934592 \
    --listen-client-urls="https://127.0.0.1:$ETCD_PORT" --advertise-client-urls="https://127.0.0.1:$ETCD_PORT" \
    --listen-peer-urls="https://127.0.0.1:$PEER_PORT" --initial-advertise-peer-urls="https://127.0.0.1:$PEER_PORT" \
    --initial-cluster="etcd=https://127.0.0.1:$PEER_PORT" \
    --client-cert-auth --trusted-ca-file="$DIR/pki/etcd-ca.crt" --cert-file="$DIR/pki/etcd.crt" --key-file="$DIR/pki/etcd.key" \
    --peer-client-cert-auth --peer-trusted-ca-file="$DIR/pki/etcd-ca.crt" --peer-cert-file="$DIR/pki/etcd.crt" --peer-key-file="$DIR/pki/etcd.key"
}

start_apiserver() {
  local flags=(
    --etcd-servers="https://127.0.0.1:$ETCD_PORT" --etcd-cafile="$DIR/pki/etcd-ca.crt"
    --etcd-certfile="$DIR/pki/etcd-client.crt" --etcd-keyfile="$DIR/pki/etcd-client.key"
    --bind-address="$API_IP" --advertise-address="$API_IP" --secure-port="$API_PORT"
    --tls-cert-file="$DIR/pki/kube-apiserver.crt" --tls-private-key-file="$DIR/pki/kube-apiserver.key"
    --client-ca-file="$DIR/pki/ca.crt" --authorization-mode=Node,RBAC --allow-privileged=true
    --service-cluster-ip-range="$SERVICE_CIDR" --service-account-issuer=https://kubernetes.default.svc.cluster.local
    --service-account-key-file="$DIR/pki/service-account.pub" --service-account-signing-key-file="$DIR/pki/service-account.key"
    --event-ttl=6h --profiling=true
  )
  if [[ $SHAPE == node ]]; then
    flags+=(
      --enable-admission-plugins=NodeRestriction --kubelet-preferred-address-types=InternalIP
      --kubelet-certificate-authority="$DIR/pki/ca.crt"
      --kubelet-client-certificate="$DIR/pki/kubelet-client.crt" --kubelet-client-key="$DIR/pki/kubelet-client.key"
    )
  else
    # No controllers: nobody makes service accounts or end points, and tests write as fast as they can.
    flags+=(
      --endpoint-reconciler-type=none --disable-admission-plugins=ServiceAccount
      --max-requests-inflight=2000 --max-mutating-requests-inflight=2000
    )
  fi
  component kube-apiserver "$(bin kube-apiserver)" "${flags[@]}"
}

start_controller_manager() {
  component kube-controller-manager "$(bin kube-controller-manager)" --kubeconfig="$DIR/conf/controller-manager.kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials \
    --tls-cert-file="$DIR/pki/controller-manager.crt" --tls-private-key-file="$DIR/pki/controller-manager.key" \
    --root-ca-file="$DIR/pki/ca.crt" --service-account-private-key-file="$DIR/pki/service-account.key" \
    --cluster-signing-cert-file="$DIR/pki/ca.crt" --cluster-signing-key-file="$DIR/pki/ca.key" \
    --kube-api-qps=200 --kube-api-burst=400
}

start_scheduler() {
  component kube-scheduler "$(bin kube-scheduler)" --kubeconfig="$DIR/conf/scheduler.kubeconfig" \
    --bind-address=127.0.0.1 --leader-elect=false \
    --tls-cert-file="$DIR/pki/scheduler.crt" --tls-private-key-file="$DIR/pki/scheduler.key" \
    --kube-api-qps=200 --kube-api-burst=400
}

api_ready() { kubectl_ get --raw /readyz; }

up_control_plane_only() {
  need_programs openssl:openssl
  need_built etcd kube-apiserver kubectl
  make_pki
  progress certificates ready
  : >"$DIR/run/order"
  start_etcd
  start_apiserver
  wait_for kube-apiserver 60 api_ready
}
