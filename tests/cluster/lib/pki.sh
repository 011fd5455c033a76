# Certificates and kubeconfigs of one cluster, made with openssl (P-256, ten years).
# shellcheck shell=bash

# authority NAME
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 3650 -subj "/CN=$1" \
    -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign,digitalSignature \
    -keyout "$DIR/pki/$1.key" -out "$DIR/pki/$1.crt" 2>/dev/null
}

# certificate AUTHORITY NAME SUBJECT [ALTERNATIVE NAMES]
certificate() {
  local ca=$DIR/pki/$1 out=$DIR/pki/$2
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj "$3" -keyout "$out.key" -out "$out.csr" 2>/dev/null &&
    openssl x509 -req -sha256 -days 3650 -in "$out.csr" -CA "$ca.crt" -CAkey "$ca.key" -set_serial "0x$(openssl rand -hex 16)" -out "$out.crt" \
      -extfile <(printf '%s\n' 'keyUsage=critical,digitalSignature' 'extendedKeyUsage=serverAuth,clientAuth' ${4:+"subjectAltName=$4"}) 2>/dev/null &&
    rm -f "$out.csr"
}

# kubeconfig_for CERTIFICATE FILE
kubeconfig_for() {
  (
    umask 077
    cat >"$2" <<END
apiVersion: v1
kind: Config
clusters:
- name: $NAME
  cluster:
    server: https://$API_IP:$API_PORT
    certificate-authority-data: $(base64 -w0 <"$DIR/pki/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 <"$DIR/pki/$1.crt")
    client-key-data: $(base64 -w0 <"$DIR/pki/$1.key")
contexts:
- name: $NAME
  context: {cluster: $NAME, user: $1}
current-context: $NAME
END
  )
}

make_pki() {
  [[ -f $DIR/kubeconfig ]] && return
  local api_names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
  api_names+=,IP:127.0.0.1,IP:$SERVICE_IP
  [[ $API_IP == 127.0.0.1 ]] || api_names+=,IP:$API_IP
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$DIR/pki/service-account.key" 2>/dev/null || die "openssl cannot make keys"
  openssl pkey -in "$DIR/pki/service-account.key" -pubout -out "$DIR/pki/service-account.pub"
  authority ca && authority etcd-ca &&
    certificate etcd-ca etcd /CN=etcd DNS:localhost,IP:127.0.0.1 &&
    certificate etcd-ca etcd-client /CN=kube-apiserver &&
    certificate ca kube-apiserver /CN=kube-apiserver "$api_names" &&
    certificate ca admin /O=system:masters/CN=admin || die "making certificates failed"
  if [[ $SHAPE == node ]]; then
    certificate ca kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client &&
      certificate ca kubelet "/O=system:nodes/CN=system:node:$NODE" "DNS:$NODE,IP:$GATEWAY" &&
      certificate ca controller-manager /CN=system:kube-controller-manager DNS:localhost,IP:127.0.0.1 &&
      certificate ca scheduler /CN=system:kube-scheduler DNS:localhost,IP:127.0.0.1 &&
      certificate ca kube-proxy /CN=system:kube-proxy &&
      certificate ca coredns /CN=system:coredns || die "making certificates failed"
    local part
    for part in kubelet controller-manager scheduler kube-proxy coredns; do
      kubeconfig_for $part "$DIR/conf/$part.kubeconfig"
    done
  fi
  kubeconfig_for admin "$DIR/kubeconfig" # last: its presence says that all the rest is there
}
