"""Writes what a namespace looks like into a folder that `crash-diagnosis diagnose -f` reads: objects.yaml and logs/."""
import os

import yaml

KINDS = [
    ("v1", "Pod"), ("v1", "Event"), ("apps/v1", "Deployment"), ("apps/v1", "ReplicaSet"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"), ("batch/v1", "CronJob"), ("v1", "ReplicationController"), ("v1", "Service"), ("discovery.k8s.io/v1", "EndpointSlice"),
    ("v1", "ConfigMap"), ("v1", "PersistentVolumeClaim"),
]
CLUSTER_KINDS = [("v1", "PersistentVolume"), ("storage.k8s.io/v1", "StorageClass"), ("v1", "Node")]


def write(api, namespace, folder):
    """The folder must not hold an older bundle. Returns all texts in it, for a quick check."""
    os.makedirs(folder, exist_ok=True)
    found = []
    for api_version, kind in KINDS + CLUSTER_KINDS:
        for item in api.get(api.path(api_version, kind, namespace))["items"]:
            if kind == "ConfigMap" and item["metadata"]["name"] == "kube-root-ca.crt":
                continue
            if kind == "PersistentVolume" and item["spec"].get("claimRef", {}).get("namespace", namespace) != namespace:
                continue
            item["metadata"].pop("managedFields", None)
            item["metadata"].get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
            found.append({"apiVersion": api_version, "kind": kind, **item})
    with open(os.path.join(folder, "objects.yaml"), "w", encoding="utf-8") as f:
        yaml.dump_all(found, f, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, width=240, allow_unicode=True)
    texts = [str(found)]
    for pod in (o for o in found if o["kind"] == "Pod"):
        containers = pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
        for container in containers:
            for previous in (True, False):
                text = api.log(namespace, pod["metadata"]["name"], container["name"], previous)
                if text:
                    texts.append(text)
                    where = os.path.join(folder, "logs", namespace, pod["metadata"]["name"], container["name"])
                    os.makedirs(where, exist_ok=True)
                    with open(os.path.join(where, "previous.log" if previous else "current.log"), "w", encoding="utf-8") as f:
                        f.write(text)
    return texts
