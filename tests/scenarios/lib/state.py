"""What the cluster showed and when: fed by watches, asked by the scenarios' threads."""
import threading
import time

from .api import Watch

# A container that waits for one of these cannot be created or started.
STUCK = {
    "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError", "InvalidImageName",
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable",
}


def statuses(pod):
    status = pod.get("status", {})
    return status.get("initContainerStatuses", []) + status.get("containerStatuses", [])


def crash_shown(pod, container):
    """Does the pod's status show a failure of this container?"""
    always = pod["spec"].get("restartPolicy", "Always") == "Always"
    init = {c["name"] for c in pod["spec"].get("initContainers", []) if c.get("restartPolicy") != "Always"}
    for s in statuses(pod):
        if s["name"] != container:
            continue
        ended = s.get("state", {}).get("terminated")
        waiting = s.get("state", {}).get("waiting", {})
        if s.get("restartCount", 0) > 0 or waiting.get("reason") in STUCK or s.get("lastState", {}).get("terminated"):
            return True
        if ended and (ended["exitCode"] != 0 or (always and container not in init)):
            return True
    return pod.get("status", {}).get("phase") == "Failed"


class State:
    """One lock and one condition over pods, events and diagnoses of all scenario namespaces."""

    def __init__(self, api, prefix, diagnoses=True):
        self.prefix = prefix
        self.changed = threading.Condition()
        self.first_crash = {}  # (namespace, container) -> time
        self.diagnoses = {}    # (namespace, name) -> [(time, object or None)]
        self.kubelet = {}      # namespace -> set of texts from pod status and events
        self.starts = {}       # namespace -> times at which containers started, RFC 3339
        self.watches = [Watch(api, "/api/v1/pods", self.pod), Watch(api, "/api/v1/events", self.event)]
        if diagnoses:
            self.watches.append(Watch(api, "/apis/crashdiagnosis.dev/v1alpha1/crashdiagnoses", self.diagnosis))
        for w in self.watches:
            w.start()
        for w in self.watches:
            if not w.synced.wait(30):
                raise SystemExit(f"scenarios: cannot watch {w.path}: {w.failure}")

    def pods(self, namespace):
        return [p for p in list(self.watches[0].objects.values()) if p["metadata"]["namespace"] == namespace]

    def events(self, namespace):
        return [e for e in list(self.watches[1].objects.values()) if e["metadata"]["namespace"] == namespace]

    def pod(self, kind, pod, now):
        ns = pod["metadata"]["namespace"]
        if not ns.startswith(self.prefix) or kind == "DELETED":
            return
        with self.changed:
            texts = self.kubelet.setdefault(ns, set())
            texts.update(str(pod["status"][k]) for k in ("phase", "reason", "message") if pod["status"].get(k))
            texts.update(c["message"] for c in pod["status"].get("conditions", []) if c.get("message"))
            for s in statuses(pod):
                for state in (s.get("state", {}), s.get("lastState", {})):
                    for detail in state.values():
                        texts.update(str(v) for v in detail.values())
                        if detail.get("startedAt"):
                            self.starts.setdefault(ns, set()).add(detail["startedAt"])
                if crash_shown(pod, s["name"]):
                    self.first_crash.setdefault((ns, s["name"]), now)
            self.changed.notify_all()

    def event(self, kind, event, now):
        ns = event["metadata"]["namespace"]
        if not ns.startswith(self.prefix) or kind == "DELETED":
            return
        with self.changed:
            self.kubelet.setdefault(ns, set()).add(f"{event.get('reason')} {event.get('message')}")
            self.changed.notify_all()

    def diagnosis(self, kind, item, now):
        ns = item["metadata"]["namespace"]
        if not ns.startswith(self.prefix):
            return
        with self.changed:
            self.diagnoses.setdefault((ns, item["metadata"]["name"]), []).append((now, None if kind == "DELETED" else item))
            self.changed.notify_all()

    def rows(self, namespace):
        """The diagnoses that exist now in a namespace."""
        return [h[-1][1] for (ns, _), h in list(self.diagnoses.items()) if ns == namespace and h[-1][1]]

    def ever(self, namespace):
        """All versions of all diagnoses that were ever seen in a namespace: (time, object)."""
        return [(t, o) for (ns, _), h in list(self.diagnoses.items()) if ns == namespace for t, o in h if o]

    def wait(self, check, deadline):
        """Calls check after each change (and each half second) until it returns None or the deadline; returns its last answer."""
        while True:
            with self.changed:
                problem = check()
                if problem is None or time.time() >= deadline:
                    return problem
                self.changed.wait(min(0.5, max(0.01, deadline - time.time())))
