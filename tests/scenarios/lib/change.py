"""Steps that change the cluster, or wait for it."""
import datetime
import re
import time

LATER = re.compile(r"\bNOW\+(\d+)s\b")


class NotDone(Exception):
    pass


def dated(text, now=None):
    """`NOW+30s` in a manifest or annotation: the time in 30 s, RFC 3339."""
    begun = datetime.datetime.fromtimestamp(time.time() if now is None else now, datetime.timezone.utc)
    return LATER.sub(lambda m: (begun + datetime.timedelta(seconds=int(m[1]))).strftime("%Y-%m-%dT%H:%M:%SZ"), text)


def target(text):
    """`Kind/name` -> apiVersion, kind, name."""
    kind, name = text.split("/")
    core = {"Pod", "ReplicationController", "ConfigMap", "Service"}
    return "v1" if kind in core else {"Job": "batch/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1"), kind, name


def do(run, step):
    """One step. Raises NotDone."""
    if "apply" in step:
        run.apply(step["apply"])
    elif "sleep" in step:
        time.sleep(step["sleep"])
    elif "wait" in step:
        wait_available(run, step["wait"], step["available"])
    elif "scale" in step:
        patch(run, step["scale"], {"spec": {"replicas": step["replicas"]}})
    elif "patch" in step:
        patch(run, step["patch"], step["with"])
    elif "annotateNamespace" in step:
        annotations = {k: v and dated(v) for k, v in step["annotateNamespace"].items()}
        run.api.request("PATCH", run.api.path("v1", "Namespace", None, run.namespace), {"metadata": {"annotations": annotations}}, MERGE)
    elif "delete" in step:
        api_version, kind, name = target(step["delete"])
        run.api.delete(api_version, kind, run.namespace, name, propagationPolicy="Foreground")
    elif "deletePods" in step:
        run.api.delete_all("v1", "Pod", run.namespace, step["deletePods"])
    else:
        raise NotDone(f"unknown step {step}")


MERGE = "application/merge-patch+json"


def patch(run, text, body):
    api_version, kind, name = target(text)
    run.api.request("PATCH", run.api.path(api_version, kind, run.namespace, name), body, MERGE)


def wait_available(run, text, count):
    api_version, kind, name = target(text)
    until = time.time() + 60
    while time.time() < until:
        found = run.api.get(run.api.path(api_version, kind, run.namespace, name))
        if found.get("status", {}).get("availableReplicas", 0) >= count and found["metadata"]["generation"] == found["status"].get("observedGeneration"):
            return
        time.sleep(0.3)
    raise NotDone(f"{text} did not get {count} available replicas")
