"""The operator under test: found in the cluster (installed by the chart), or started from a binary with the same kubeconfig."""
import os
import re
import subprocess
import threading
import time

from .expect import listed

LABEL = "app.kubernetes.io/name=crash-diagnosis"
SERIES = re.compile(r'^([a-z_]+)\{(.*)\} ([0-9.eE+-]+|NaN)$')
PAIR = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """Prometheus text format -> {name: [(labels, value)]}."""
    found = {}
    for line in text.splitlines():
        if m := SERIES.match(line):
            found.setdefault(m[1], []).append((dict(PAIR.findall(m[2])), float(m[3])))
    return found


def series_of(series, name, namespace, want):
    """The series of one row: with the labels of the contract."""
    kind, workload = want["workload"].split("/")
    labels = {"namespace": namespace, "workload_kind": kind, "workload": workload, "container": want["container"]}
    return [(found, value) for found, value in series.get(name, []) if all(found.get(k) == v for k, v in labels.items())]


def metric_problem(series, namespace, wants):
    """The counters and gauges of the row, as the contract names them."""
    for want in wants:
        counted = [v for found, v in series_of(series, "crashdiagnosis_crashes_total", namespace, want)
                   if found.get("cause") and found.get("reason") in listed(want["reason"])]
        gauge = [v for _, v in series_of(series, "crashdiagnosis_crashing_pods", namespace, want)]
        if want.get("state") == "Recovered":
            if sum(gauge) != 0:
                return f"metric crashdiagnosis_crashing_pods is {sum(gauge)} after recovery"
        elif not counted or sum(counted) < 1:
            return f"metric crashdiagnosis_crashes_total of {want['workload']} {want['container']} does not count {want['reason']}"
        elif not want.get("gone") and sum(gauge) < 1:
            return f"metric crashdiagnosis_crashing_pods of {want['workload']} {want['container']} is {sum(gauge)}"
    return None


def leftover(series, namespace, whose=True):
    for name in ("crashdiagnosis_crashing_pods", "crashdiagnosis_affected_ratio"):
        found = [f"{labels['workload_kind']}/{labels['workload']}" for labels, _ in series.get(name, []) if labels.get("namespace") == namespace]
        if whose in found or (whose is True and found):
            return f"metric {name} of {namespace} is still there"
    return None


class Metrics:
    """The operator's metrics, asked at most twice a second however many scenarios wait."""

    def __init__(self, scrape):
        self.scrape, self.lock, self.at, self.series = scrape, threading.Lock(), 0.0, {}

    def read(self, since):
        with self.lock:
            if self.at < since or time.time() - self.at > 0.5:
                self.at = time.time()
                self.series = parse(self.scrape())
            return self.series

    def wait(self, check, seconds):
        until = time.time() + seconds
        while True:
            problem = check(self.read(time.time() - 0.5))
            if problem is None or time.time() > until:
                return problem
            time.sleep(0.5)


class InCluster:
    """Installed by the chart."""

    def __init__(self, api):
        self.api = api
        found = api.get("/apis/apps/v1/deployments", labelSelector=LABEL)["items"]
        if len(found) != 1:
            raise SystemExit(f"scenarios: {len(found)} operators are installed in the cluster (label {LABEL}), one is needed; or use --operator BINARY")
        self.namespace, self.name = found[0]["metadata"]["namespace"], found[0]["metadata"]["name"]
        self.replicas = found[0]["spec"]["replicas"]
        self.selector = ",".join(f"{k}={v}" for k, v in found[0]["spec"]["selector"]["matchLabels"].items())

    def pods(self):
        return [p for p in self.api.get(f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=self.selector)["items"]
                if any(c["type"] == "Ready" and c["status"] == "True" for c in p.get("status", {}).get("conditions", []))]

    def scale(self, replicas):
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{self.name}/scale"
        self.api.request("PATCH", path, {"spec": {"replicas": replicas}}, "application/merge-patch+json")

    def stop(self):
        self.scale(0)
        until = time.time() + 60
        while self.api.get(f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=self.selector)["items"]:
            if time.time() > until:
                raise SystemExit("scenarios: the operator's pods do not end")
            time.sleep(0.3)

    def start(self):
        if not self.pods():
            self.scale(max(1, self.replicas))
        until = time.time() + 60
        while not self.pods():
            if time.time() > until:
                raise SystemExit("scenarios: the operator does not get ready")
            time.sleep(0.3)

    def scrape(self):
        texts = [self.api.request("GET", f"/api/v1/namespaces/{self.namespace}/pods/{p['metadata']['name']}:8080/proxy/metrics", text=True) for p in self.pods()]
        return "\n".join(texts)

    def close(self):
        pass


class Binary:
    """Started by this run, ended with it."""

    def __init__(self, api, path, kubeconfig, port, log, flags):
        self.api, self.port = api, port
        self.log = open(log, "w", encoding="utf-8")
        self.command = [path, "run", f"--listen=127.0.0.1:{port}", *flags]
        self.env = {**os.environ, "KUBECONFIG": kubeconfig}
        self.process = None

    def stop(self):
        pass

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.env, stdout=self.log, stderr=subprocess.STDOUT)
        until = time.time() + 60
        while True:
            try:
                self.get("/readyz")
                return
            except OSError:
                if self.process.poll() is not None or time.time() > until:
                    raise SystemExit(f"scenarios: the operator does not get ready; see {self.log.name}") from None
                time.sleep(0.2)

    def get(self, path):
        import urllib.request
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def scrape(self):
        return self.get("/metrics")

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.log.close()
