"""A small Kubernetes client over `kubectl proxy`: any kubeconfig works, and one process serves the whole run."""
import http.client
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.parse

MANAGER = "scenarios"


class ApiError(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class Api:
    """Requests from any thread; each thread keeps one connection."""

    def __init__(self, kubeconfig):
        kubectl = os.environ.get("KUBECTL") or shutil.which("kubectl")
        if not kubectl:
            raise SystemExit("scenarios: kubectl is not in PATH (set KUBECTL)")
        self.proxy = subprocess.Popen(
            [kubectl, "--kubeconfig", kubeconfig, "proxy", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        line = self.proxy.stdout.readline()
        if "127.0.0.1:" not in line:
            raise SystemExit(f"scenarios: kubectl proxy did not start: {line.strip()}")
        self.port = int(line.rsplit(":", 1)[1])
        self.local = threading.local()
        self.kinds = {}
        self.lock = threading.Lock()

    def close(self):
        self.proxy.terminate()
        self.proxy.wait()

    def request(self, method, path, body=None, content="application/json", text=False):
        """One request; a broken keep-alive connection is opened anew once, other failures are errors."""
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        for attempt in (1, 2):
            conn = getattr(self.local, "conn", None)
            if conn is None:
                conn = self.local.conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                conn.request(method, path, data, {"Content-Type": content, "Accept": "*/*" if text else "application/json"})
                answer = conn.getresponse()
                raw = answer.read().decode("utf-8", "replace")
                break
            except (http.client.HTTPException, OSError):
                conn.close()
                self.local.conn = None
                if attempt == 2:
                    raise
        if answer.status >= 300:
            raise ApiError(answer.status, raw)
        return raw if text else json.loads(raw)

    def get(self, path, **query):
        return self.request("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def find(self, path, **query):
        """Like get, but None where there is nothing."""
        try:
            return self.get(path, **query)
        except ApiError as e:
            if e.status == 404:
                return None
            raise

    def resource(self, api_version, kind):
        """(plural, namespaced) of a kind, by discovery."""
        with self.lock:
            if (api_version, kind) not in self.kinds:
                base = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
                for r in self.get(base)["resources"]:
                    if "/" not in r["name"]:
                        self.kinds[api_version, r["kind"]] = (r["name"], r["namespaced"])
            return self.kinds[api_version, kind]

    def path(self, api_version, kind, namespace, name=None):
        plural, namespaced = self.resource(api_version, kind)
        base = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
        where = f"/namespaces/{namespace}" if namespaced else ""
        return f"{base}{where}/{plural}" + (f"/{name}" if name else "")

    def apply(self, obj, namespace):
        """Server-side apply. Also of the status of a Node (the scenarios make some that have no kubelet) and of a row of an earlier operator."""
        path = self.path(obj["apiVersion"], obj["kind"], namespace, obj["metadata"]["name"])
        self.request("PATCH", f"{path}?fieldManager={MANAGER}&force=true", obj, "application/apply-patch+yaml")
        if obj["kind"] in ("Node", "CrashDiagnosis") and "status" in obj:
            self.request("PATCH", path + "/status", {"status": obj["status"]}, "application/merge-patch+json")

    def delete(self, api_version, kind, namespace, name, **options):
        try:
            self.request("DELETE", self.path(api_version, kind, namespace, name), options or None)
        except ApiError as e:
            if e.status != 404:
                raise

    def delete_all(self, api_version, kind, namespace, selector):
        path = self.path(api_version, kind, namespace)
        self.request("DELETE", f"{path}?labelSelector={urllib.parse.quote(selector)}")

    def log(self, namespace, pod, container, previous):
        """A container's log, or None where the kubelet has none."""
        query = urllib.parse.urlencode({"container": container, "previous": str(previous).lower(), "tailLines": 2000})
        try:
            return self.request("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log?{query}", text=True)
        except ApiError:
            return None


class Watch(threading.Thread):
    """Keeps the objects of one resource in memory and tells `changed` of each change, with the time it was seen."""

    def __init__(self, api, path, changed):
        super().__init__(daemon=True)
        self.api, self.path, self.changed = api, path, changed
        self.objects = {}
        self.failure = None
        self.synced = threading.Event()

    def run(self):
        while True:
            try:
                self.follow()
            except (OSError, http.client.HTTPException, ApiError, ValueError) as e:
                self.failure = str(e)
                time.sleep(1)

    def follow(self):
        listed = self.api.get(self.path)
        kind = listed["kind"].removesuffix("List")
        found = {}
        for item in listed["items"]:
            item.setdefault("kind", kind)
            found[item["metadata"]["uid"]] = item
        for uid in set(self.objects) - set(found):
            self.note("DELETED", self.objects[uid])
        for uid, item in found.items():
            old = self.objects.get(uid)
            if not old or old["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
                self.note("MODIFIED", item)
        self.synced.set()
        conn = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=360)
        version = listed["metadata"]["resourceVersion"]
        conn.request("GET", f"{self.path}?watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion={version}")
        answer = conn.getresponse()
        if answer.status != 200:
            raise ApiError(answer.status, answer.read().decode("utf-8", "replace"))
        while line := answer.readline():
            event = json.loads(line)
            if event["type"] == "ERROR":
                break
            if event["type"] != "BOOKMARK":
                self.note(event["type"], event["object"])
        conn.close()

    def note(self, kind, item):
        uid = item["metadata"]["uid"]
        if kind == "DELETED":
            self.objects.pop(uid, None)
        else:
            self.objects[uid] = item
        self.changed(kind, item, time.time())
