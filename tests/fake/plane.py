"""The control plane (etcd and API server), the operator's rights in it as the chart gives them, and the API server's own counters."""
import json
import os
import re
import subprocess

import yaml

from scenarios.lib.api import Api, ApiError
from .kubelet import Kubelet

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
CLUSTER = os.path.join(ROOT, "tests/cluster/cluster")
OPERATOR = "crash-diagnosis"
COUNTED = re.compile(r'^apiserver_request_total\{(.*)\} ([0-9.e+]+)$')
PAIR = re.compile(r'(\w+)="([^"]*)"')
# What the API server asks of itself, and what is no request for work: its probes and metrics, health of leases.
ITS_OWN = {"leases", "flowschemas", "prioritylevelconfigurations", "apiservices", ""}


class Plane:
    """Started for one run, ended with it; nothing of it stays."""

    def __init__(self, name, nodes=("n1",)):
        self.name = name
        self.run("up", "--control-plane-only")
        self.kubeconfig = self.run("kubeconfig").strip()
        os.environ["KUBECTL"] = self.run("bin", "kubectl").strip()
        self.api = Api(self.kubeconfig)
        self.kubelet = Kubelet(os.path.dirname(self.kubeconfig))
        for node in nodes:
            self.add_node(node)
        self.install()

    def run(self, command, *args):
        where = [] if command == "bin" else ["--name", self.name]
        done = subprocess.run([CLUSTER, command, *args, *where], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise SystemExit(f"cluster {command}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def close(self):
        try:
            self.kubelet.close()
            self.api.close()
        finally:
            self.run("down")

    def add_node(self, name):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}}}
        status = {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.kubelet.port}},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": "containerd://2.4.2",
                         "kubeletVersion": "v1.37.2", "kubeProxyVersion": "", "kernelVersion": "6.1.0", "osImage": "Linux",
                         "bootID": "", "machineID": "", "systemUUID": ""},
        }
        self.create(node)
        self.api.request("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, "application/merge-patch+json")

    def create(self, obj, namespace=None):
        """Creates it, unless it is there. Returns what stands there."""
        path = self.api.path(obj["apiVersion"], obj["kind"], namespace or obj["metadata"].get("namespace"))
        try:
            return self.api.request("POST", path, obj)
        except ApiError as e:
            if e.status != 409:
                raise
            return self.api.get(f"{path}/{obj['metadata']['name']}")

    def namespace(self, name):
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def installed(self, *kinds):
        with open(os.path.join(ROOT, "deploy/operator.yaml"), encoding="utf-8") as f:
            return [o for o in yaml.safe_load_all(f) if o and o["kind"] in kinds]

    def install(self, crd=True):
        """CRD, account and rights: those that `deploy/operator.yaml` has, made from the chart."""
        self.namespace(OPERATOR)
        if crd:
            self.install_crd()
        for obj in self.installed("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"):
            self.api.apply(obj, obj["metadata"].get("namespace"))
            if obj["kind"] == "ClusterRole":  # whoever changed the rules meanwhile
                path = self.api.path(obj["apiVersion"], obj["kind"], None, obj["metadata"]["name"])
                self.api.request("PATCH", path, {"rules": obj["rules"]}, "application/merge-patch+json")

    def install_crd(self):
        for obj in self.installed("CustomResourceDefinition"):
            self.api.apply(obj, None)

    def crd(self):
        return self.installed("CustomResourceDefinition")[0]["metadata"]["name"]

    def operator_kubeconfig(self, path):
        """A kubeconfig of the operator's service account, with a token that outlives the run."""
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
        account = self.installed("ServiceAccount")[0]["metadata"]
        answer = self.api.request("POST", f"/api/v1/namespaces/{account['namespace']}/serviceaccounts/{account['name']}/token", request)
        with open(self.kubeconfig, encoding="utf-8") as f:
            config = yaml.safe_load(f)
        config["users"][0]["user"] = {"token": answer["status"]["token"]}
        with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            json.dump(config, f)
        return path

    def diagnoses(self, namespace):
        return self.api.get(f"/apis/crashdiagnosis.dev/v1alpha1/namespaces/{namespace}/crashdiagnoses")["items"]

    def answers(self):
        try:
            return self.api.request("GET", "/readyz", text=True)
        except (ApiError, OSError):
            return None

    def requests(self):
        """{(verb, resource/subresource): number} of all requests that were answered, without watches, leases and the server's own."""
        found = {}
        for line in self.api.request("GET", "/metrics", text=True).splitlines():
            if m := COUNTED.match(line):
                labels = dict(PAIR.findall(m[1]))
                if labels["verb"] == "WATCH" or labels["resource"] in ITS_OWN:
                    continue
                name = labels["resource"] + (f"/{labels['subresource']}" if labels["subresource"] else "")
                key = (labels["verb"], f"{labels['group']}/{name}".lstrip("/"))
                found[key] = found.get(key, 0) + int(float(m[2]))
        return found
