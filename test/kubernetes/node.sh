#!/usr/bin/env bash
# Usage: unshare --mount --net --pid --fork --mount-proc --kill-child node.sh PROGRAMS PLUGINS FOLDER PAUSE ARCHIVE
# One machine of Kubernetes, whole, in namespaces of its own: no interface, rule or mount of it is left when it ends.
# PROGRAMS has the components, PLUGINS those of CNI; all that it keeps lies in FOLDER; ARCHIVE has the images, of which
# PAUSE holds the namespaces of pods. End it by SIGKILL.
set -euo pipefail

programs=$1 plugins=$2 folder=$3 pause=$4 archive=$5
address=10.199.0.2
run=/run/node
keys=${folder}/keys

# --- a machine of its own: what components write outside FOLDER is in memory, or above what the machine has ---

mount --make-rprivate /
for path in /etc /var/lib /usr/libexec; do
    layer=${folder}/above${path}
    mkdir -p "${layer}/upper" "${layer}/work"
    mount -t overlay overlay -o "lowerdir=${path},upperdir=${layer}/upper,workdir=${layer}/work" "${path}"
done
# kubelet would set these for the whole machine, unless they read as it wants them.
for setting in vm/overcommit_memory=1 kernel/panic=10 kernel/panic_on_oops=1; do
    file=${folder}/settings/${setting%%=*}
    mkdir -p "${file%/*}"
    echo "${setting##*=}" >"${file}"
    mount --bind "${file}" "/proc/sys/${setting%%=*}"
done
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/netns "${run}" "${keys}" "${folder}/log"

ip link set lo up
# Not a dummy: kernels without that module have pairs.
ip link add eth0 type veth peer name eth0-peer
ip link set eth0-peer up
ip address add "${address}/24" dev eth0
ip link set eth0 up
ip route add default dev eth0
sysctl --quiet --write net.ipv4.ip_forward=1

# --- who is who ---

cd "${keys}"
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30)
openssl req -x509 "${new_key[@]}" -subj /CN=authority -keyout authority.key -out authority.pem 2>/dev/null
openssl req "${new_key[@]}" -subj /CN=kube-apiserver -keyout api.key -out api.request 2>/dev/null
openssl x509 -req -in api.request -CA authority.pem -CAkey authority.key -CAcreateserial -days 30 -out api.pem \
    -extfile <(echo "subjectAltName=IP:127.0.0.1,IP:${address},IP:10.96.0.1,DNS:kubernetes.default.svc") 2>/dev/null
openssl genrsa -out accounts.key 2048 2>/dev/null
cat >tokens.csv <<END
admin,admin,admin,system:masters
controllers,system:kube-controller-manager,controllers,
scheduler,system:kube-scheduler,scheduler,
kubelet,system:node:node,kubelet,system:nodes
proxy,system:kube-proxy,proxy,
END
for user in admin controllers scheduler kubelet proxy; do
    cat >"${user}".conf <<END
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: here, cluster: {server: "https://${address}:6443", certificate-authority: ${keys}/authority.pem}}]
users: [{name: ${user}, user: {token: ${user}}}]
contexts: [{name: here, context: {cluster: here, user: ${user}}}]
END
done

# --- containers ---

mkdir -p "${run}/cni"
cat >"${run}/cni/10.conflist" <<END
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
 "hairpinMode": true, "ipam": {"type": "host-local", "dataDir": "${run}/addresses",
 "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
END
cat >"${run}/containerd.toml" <<END
version = 2
root = "${folder}/containerd"
state = "${run}/containerd"
[grpc]
  address = "${run}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pause}"
  disable_apparmor = true
  # In a container of ours there may be no right to lower it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${plugins}"
    conf_dir = "${run}/cni"
END
cat >"${run}/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
containerRuntimeEndpoint: unix://${run}/containerd.sock
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: "0%", nodefs.available: "0%", imagefs.available: "0%", nodefs.inodesFree: "0%"}
nodeStatusUpdateFrequency: 2s
podLogsDir: /var/log/pods
END

# --- components ---

# Usage: start NAME WORD…
start() {
    local name=$1
    shift
    "${programs}/${name}" "$@" >"${folder}/log/${name}" 2>&1 &
}

containerd -c "${run}/containerd.toml" >"${folder}/log/containerd" 2>&1 &
start etcd --data-dir "${folder}/etcd" --unsafe-no-fsync --listen-peer-urls http://127.0.0.1:2380 --log-level warn
start kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address="${address}" --cert-dir="${run}/api" \
    --service-cluster-ip-range=10.96.0.0/16 --tls-cert-file=api.pem --tls-private-key-file=api.key \
    --token-auth-file=tokens.csv --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
    --service-account-issuer=https://kubernetes.default.svc --service-account-signing-key-file=accounts.key \
    --service-account-key-file=accounts.key --kubelet-preferred-address-types=InternalIP
export KUBECONFIG=${keys}/admin.conf
until "${programs}/kubectl" get --raw /readyz >/dev/null 2>&1; do sleep 0.2; done
start kube-controller-manager --kubeconfig=controllers.conf --leader-elect=false --root-ca-file=authority.pem \
    --authentication-kubeconfig=controllers.conf --authorization-kubeconfig=controllers.conf \
    --service-account-private-key-file=accounts.key --use-service-account-credentials=true --cert-dir="${run}/controllers"
start kube-scheduler --kubeconfig=scheduler.conf --leader-elect=false --cert-dir="${run}/scheduler"
until ctr --address "${run}/containerd.sock" version >/dev/null 2>&1; do sleep 0.1; done
ctr --address "${run}/containerd.sock" --namespace k8s.io images import "${archive}"
start kubelet --config="${run}/kubelet.yaml" --kubeconfig=kubelet.conf --root-dir="${folder}/kubelet" \
    --hostname-override=node --node-ip="${address}" --cert-dir="${run}/kubelet"
# Connections are not counted: in namespaces there is nothing to set for that.
start kube-proxy --kubeconfig=proxy.conf --hostname-override=node --proxy-mode=nftables --conntrack-max-per-core=0 \
    --conntrack-min=0 --cluster-cidr=10.244.0.0/24
until "${programs}/kubectl" wait --for=condition=Ready node/node >/dev/null 2>&1; do sleep 0.2; done
echo ready
wait
