"""Workloads as controllers would make them, and pods whose status goes the way a kubelet writes it."""
import datetime
import hashlib
import time


def stamp(seconds=None):
    """The kubelet writes whole seconds."""
    return datetime.datetime.fromtimestamp(time.time() if seconds is None else seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def container_id(*parts):
    return "containerd://" + hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def owner(obj):
    meta = obj["metadata"]
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": meta["name"], "uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}


def template(name, containers, image):
    def container(c):
        return {
            "name": c, "image": image, "command": ["/app/server"], "args": ["--config=/etc/app/config.yaml", "--port=8080"],
            "ports": [{"name": "http", "containerPort": 8080}],
            "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "DB_HOST", "value": "db"},
                    {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
            "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 5},
            "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}},
        }
    return {
        "metadata": {"labels": {"app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "team": "payments"},
                     "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}},
        "spec": {"containers": [container(c) for c in containers], "restartPolicy": "Always"},
    }


def deployment(plane, namespace, name, replicas=1, containers=("app",), image="registry.example/shop/app:1.4.2"):
    """A Deployment and its ReplicaSet; returns the ReplicaSet, which owns the pods."""
    pod = template(name, containers, image)
    labels = {"app": name}
    made = plane.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": labels},
                         "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": pod}}, namespace)
    pod = {**pod, "metadata": {**pod["metadata"], "labels": {**pod["metadata"]["labels"], "pod-template-hash": "5d4f8c7b9"}}}
    return plane.create({"apiVersion": "apps/v1", "kind": "ReplicaSet",
                         "metadata": {"name": f"{name}-5d4f8c7b9", "labels": pod["metadata"]["labels"], "ownerReferences": [owner(made)],
                                      "annotations": {"deployment.kubernetes.io/revision": "1"}},
                         "spec": {"replicas": replicas, "selector": {"matchLabels": {**labels, "pod-template-hash": "5d4f8c7b9"}}, "template": pod}}, namespace)


class Pod:
    """One pod. `seed` makes its container ids, so that two runs can be alike."""

    def __init__(self, plane, namespace, name, controller=None, containers=("app",), image="registry.example/shop/app:1.4.2", node="n1", seed=""):
        self.plane, self.namespace, self.name, self.seed, self.image = plane, namespace, name, seed, image
        pod = template(name, containers, image)
        if controller:
            pod["metadata"] = {k: dict(v) for k, v in controller["spec"]["template"]["metadata"].items() if k in ("labels", "annotations")}
            pod["metadata"]["ownerReferences"] = [owner(controller)]
        pod["metadata"]["name"] = name
        pod["spec"]["nodeName"] = node
        self.manifest = {"apiVersion": "v1", "kind": "Pod", **pod}
        self.started = time.time()
        self.containers = {c: {"runs": 0, "state": None, "last": None, "since": self.started} for c in containers}

    def create(self):
        self.plane.api.request("POST", f"/api/v1/namespaces/{self.namespace}/pods", self.manifest)
        return self

    def delete(self):
        self.plane.api.delete("v1", "Pod", self.namespace, self.name, gracePeriodSeconds=0)

    def id_of(self, container):
        return container_id(self.seed, self.name, container, self.containers[container]["runs"])

    def run(self, at=None):
        """All containers run."""
        for c in self.containers.values():
            c["since"] = at or time.time()
            c["state"] = {"running": {"startedAt": stamp(c["since"])}}
        return self.write()

    def crash(self, container="app", code=1, reason="Error", log=None, at=None):
        """The container ends; its log is the current one as long as it lies there."""
        c, key = self.containers[container], (self.namespace, self.name, container)
        now = at or time.time()
        end = {"exitCode": code, "reason": reason, "startedAt": stamp(c["since"]), "finishedAt": stamp(now), "containerID": self.id_of(container)}
        self.plane.kubelet.earlier[key] = f"unable to retrieve container logs for {self.id_of(container)}"
        lines = log or ["starting", "panic: runtime error: index out of range [3] with length 2", "", "goroutine 1 [running]:", "main.main()", "\t/src/main.go:17 +0x1d"]
        self.plane.kubelet.logs[key] = "".join(f"{stamp(now)[:-1]}.000000000Z {line}\n" for line in lines)
        c["state"] = {"terminated": end}
        return self.write()

    def restart(self, container="app", at=None):
        c, key = self.containers[container], (self.namespace, self.name, container)
        if "terminated" in c["state"]:
            c["last"] = c["state"]
        c["runs"], c["since"] = c["runs"] + 1, at or time.time()
        c["state"] = {"running": {"startedAt": stamp(c["since"])}}
        self.plane.kubelet.earlier[key] = self.plane.kubelet.logs.get(key, "")
        self.plane.kubelet.logs[key] = ""
        return self.write()

    def back_off(self, container="app", wait="10s"):
        """What a kubelet shows for the last moment before the restart."""
        c = self.containers[container]
        message = f"back-off {wait} restarting failed container={container} pod={self.name}_{self.namespace}(uid)"
        c["last"] = c["state"]
        c["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        return self.write()

    def wait_for(self, reason, message, container="app"):
        """The container cannot be created."""
        self.containers[container]["state"] = {"waiting": {"reason": reason, "message": message}}
        return self.write(phase="Pending")

    def status(self, phase="Running"):
        def one(name, c):
            running = "running" in c["state"]
            found = {"name": name, "image": self.image, "imageID": "registry.example/shop/app@sha256:" + "8" * 64, "ready": running, "started": running,
                     "restartCount": c["runs"], "state": c["state"], "lastState": c["last"] or {}}
            return found if "waiting" in c["state"] else {**found, "containerID": self.id_of(name)}
        ready = "True" if all("running" in c["state"] for c in self.containers.values()) else "False"
        begun = stamp(self.started)
        conditions = [{"type": t, "status": s, "lastTransitionTime": begun, "lastProbeTime": None} for t, s in (
            ("PodReadyToStartContainers", "True"), ("Initialized", "True"), ("Ready", ready), ("ContainersReady", ready), ("PodScheduled", "True"))]
        return {"phase": phase, "startTime": begun, "conditions": conditions, "hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}],
                "podIP": "10.244.1.7", "podIPs": [{"ip": "10.244.1.7"}], "qosClass": "Burstable",
                "containerStatuses": [one(n, c) for n, c in self.containers.items()]}

    def write(self, phase="Running"):
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}/status"
        self.plane.api.request("PATCH", path, {"status": self.status(phase)}, "application/merge-patch+json")
        return self
