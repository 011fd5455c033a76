"""Runs one scenario: apply, wait, compare, clean up."""
import glob
import os
import shutil
import time

import yaml

from . import bundle, change, expect, operator
from .api import ApiError

DEADLINE = 45  # seconds from the apply to the right diagnosis, where the scenario says nothing else
SIDE_DEADLINE = 15  # seconds for the Event and the metrics to follow the row


class Failure(Exception):
    pass


class Scenario:
    def __init__(self, folder):
        self.folder = folder
        self.name = os.path.basename(folder)
        with open(os.path.join(folder, "expect.yaml"), encoding="utf-8") as f:
            self.spec = yaml.safe_load(f)
        self.healthy = self.spec.get("healthy", False)
        steps = self.spec.get("steps", [])
        if "expect" in self.spec:
            steps = [{"expect": self.spec["expect"], "deadline": self.spec.get("deadline", DEADLINE)}] + steps
        if self.healthy:
            steps = steps + [{"silent": self.spec.get("settle", 40)}]
        self.steps = steps

    @property
    def wants(self):
        if self.healthy:
            return "silence"
        rows = [w for s in self.steps for w in s.get("expect", [])]
        return ", ".join(dict.fromkeys(" or ".join(expect.listed(w["reason"])) for w in rows))

    def seconds(self):
        """At most how long it takes: the longest are started first."""
        return sum(s.get("deadline", 0) + s.get("silent", 0) + s.get("sleep", 0) for s in self.steps)


def load(root, names):
    found = {os.path.basename(os.path.dirname(p)): os.path.dirname(p) for p in glob.glob(os.path.join(root, "*", "expect.yaml"))}
    for name in names:
        if name not in found:
            raise SystemExit(f"scenarios: there is no scenario {name!r}")
    return [Scenario(found[n]) for n in sorted(names or found)]


class Run:
    """One scenario in its namespace."""

    def __init__(self, scenario, context):
        self.s, self.c = scenario, context
        self.api, self.state = context.api, context.state
        self.namespace = f"{context.prefix}{scenario.name}"[:56].rstrip("-") + context.suffix
        self.cluster_objects = []
        self.seen = {}      # row -> uid
        self.latencies = [] # seconds from the crash shown by the kubelet to the right row
        self.got = "nothing"

    def prepare(self):
        annotations = {k: change.dated(v) for k, v in self.s.spec.get("namespaceAnnotations", {}).items()}
        meta = {"name": self.namespace, "labels": {"scenario": self.s.name}, "annotations": annotations}
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, None)
        self.started = time.time()
        self.apply("manifest.yaml")

    def apply(self, file):
        """Several tries only for what a new namespace lacks in its first moments: its default service account."""
        with open(os.path.join(self.s.folder, file), encoding="utf-8") as f:
            objects = [o for o in yaml.safe_load_all(change.dated(f.read())) if o]
        for obj in objects:
            obj["metadata"].setdefault("labels", {})["scenario"] = self.s.name
            if not self.api.resource(obj["apiVersion"], obj["kind"])[1]:
                self.cluster_objects.append(obj)
            until = time.time() + 10
            while True:
                try:
                    self.api.apply(obj, self.namespace)
                    break
                except ApiError as e:
                    if time.time() > until or "serviceaccount" not in str(e):
                        raise Failure(f"{obj['kind']} {obj['metadata']['name']} is refused: {e}") from e
                    time.sleep(0.2)

    def execute(self):
        """Runs the steps; raises Failure."""
        for step in self.s.steps:
            self.step(step)
        if wrong := self.kubelet_problems():
            raise Failure(wrong)

    def step(self, step):
        if "expect" in step:
            self.expect_rows(step["expect"], step.get("deadline", DEADLINE))
        elif "silent" in step:
            self.expect_silence(step["silent"])
        elif "absent" in step:
            self.expect_absent(step["absent"], step.get("deadline", DEADLINE))
        elif "nextRestarts" in step:
            self.expect_next_restarts(step)
        else:
            self.change(step)

    def change(self, step):
        try:
            change.do(self, step)
        except change.NotDone as e:
            raise Failure(str(e)) from None

    # -- with an operator

    def expect_rows(self, wants, deadline):
        until = time.time() + deadline
        crashes_before = dict(self.state.first_crash)

        def check():
            rows = self.state.rows(self.namespace)
            for want in wants:
                row = next((r for r in rows if expect.matches_row(want, r)), None)
                if row is None:
                    return f"no row for {want['workload']} {want['container']}"
                self.got = "{reason}/{confidence}".format(**{"reason": "?", "confidence": "?", **row.get("status", {})})
                if wrong := expect.problems(want, row):
                    return "; ".join(wrong)
                if want.get("sameObject") and self.seen.get(expect.row_name(want)) != row["metadata"]["uid"]:
                    return "the row is a new object"
            return None

        if wrong := self.state.wait(check, until):
            raise Failure(wrong)
        for want in wants:
            row = next(r for r in self.state.rows(self.namespace) if expect.matches_row(want, r))
            self.seen[expect.row_name(want)] = row["metadata"]["uid"]
            self.measure(want, row, crashes_before)
        self.no_other_rows(wants)
        self.expect_events(wants)
        if wrong := self.c.metrics.wait(lambda series: operator.metric_problem(series, self.namespace, wants), SIDE_DEADLINE):
            raise Failure(wrong)
        if self.c.record:
            self.c.record(self, wants)

    def measure(self, want, row, crashes_before):
        """From the first status that showed the failure to the first row that named it, both by this machine's clock."""
        key = (self.namespace, want["container"])
        crash = self.state.first_crash.get(key)
        if crash is None or key in crashes_before or want.get("state") == "Recovered":
            return
        right = [t for t, o in self.state.ever(self.namespace) if o["metadata"]["uid"] == row["metadata"]["uid"]
                 and o.get("status", {}).get("reason") in expect.listed(want["reason"])]
        if right:
            self.latencies.append(max(0.0, right[0] - crash))

    def no_other_rows(self, wants):
        others = [r["metadata"]["name"] for r in self.state.rows(self.namespace) if not any(expect.matches_row(w, r) for w in wants)]
        if others:
            raise Failure(f"a row that nobody expects: {', '.join(others)}")

    def expect_events(self, wants):
        """A Warning with the diagnosis reason on a pod and on the workload; a Normal one on the workload after recovery."""
        def check():
            ours = [e for e in self.state.events(self.namespace) if "crash-diagnosis" in str(e.get("reportingComponent")) + str(e.get("source"))]
            for want in wants:
                kind, name = want["workload"].split("/")
                recovered = want.get("state") == "Recovered"
                right = [e for e in ours if (e["type"] == "Normal" if recovered else e["reason"] in expect.listed(want["reason"]) and e["type"] == "Warning")]
                targets = {(e["involvedObject"]["kind"], e["involvedObject"]["name"]) for e in right}
                if (kind, name) not in targets:
                    return f"no {'Normal' if recovered else 'Warning'} Event on {kind}/{name}"
                if not recovered and not want.get("gone") and not any(k == "Pod" for k, _ in targets):
                    return "no Event on the pod"
            return None
        if wrong := self.state.wait(check, time.time() + SIDE_DEADLINE):
            raise Failure(wrong)

    def expect_silence(self, seconds):
        def check():
            return None if self.state.ever(self.namespace) else "silent"
        if self.state.wait(check, time.time() + seconds) is None:
            row = self.state.ever(self.namespace)[-1][1]
            status = row.get("status", {})
            self.got = status.get("reason", "?")
            raise Failure(f"must be silent, but: {row['metadata']['name']} {status.get('reason')}: {status.get('summary')}")
        self.got = "silence"
        if self.c.record:
            self.c.record.healthy(self)

    def expect_absent(self, whose, deadline):
        """No rows (of one workload) are left, nor their gauges."""
        def check():
            rows = [r for r in self.state.rows(self.namespace) if whose is True or expect.workload(r) == whose]
            return f"{rows[0]['metadata']['name']} is still there, {rows[0].get('status', {}).get('state')}" if rows else None
        if wrong := self.state.wait(check, time.time() + deadline):
            raise Failure(wrong)
        if wrong := self.c.metrics.wait(lambda series: operator.leftover(series, self.namespace, whose), SIDE_DEADLINE):
            raise Failure(wrong)

    def expect_next_restarts(self, step):
        """Each time that a row named as that of the next start is one at which the kubelet started the container."""
        problem = lambda: expect.next_restart_problem(
            [o for _, o in self.state.ever(self.namespace)], self.state.starts.get(self.namespace, set()), step, time.time())
        if wrong := self.state.wait(problem, time.time() + step.get("deadline", DEADLINE)):
            raise Failure(wrong)

    def kubelet_problems(self):
        """Did the cluster really do what the scenario is about? (words in pod status and events)"""
        missing = expect.quoted(self.s.spec.get("kubelet", []), self.state.kubelet.get(self.namespace, set()))
        return f"the kubelet never wrote {missing[0]!r}" if missing else None

    # -- without one: does it fail as intended?

    def observe(self, folder):
        """Waits until every expected quote stands in status, events or logs; leaves a bundle in `folder`."""
        for step in self.s.steps:
            if "expect" in step:
                self.observe_step(step, folder)
            elif "silent" in step:
                time.sleep(step["silent"])
                bundle.write(self.api, self.namespace, fresh(folder))
            elif "absent" not in step and "nextRestarts" not in step:
                self.step(step)
        if wrong := self.kubelet_problems():
            raise Failure(wrong)

    def observe_step(self, step, folder):
        if any(w.get("state") == "Recovered" for w in step["expect"]):
            return
        until = time.time() + step.get("deadline", DEADLINE)
        while True:
            texts = bundle.write(self.api, self.namespace, fresh(folder))
            missing = [q for w in step["expect"] for q in expect.quoted(w.get("evidence", []), texts)]
            shown = all(any(n == self.namespace and c == w["container"] for n, c in self.state.first_crash) or "restarts" not in w for w in step["expect"])
            if not missing and shown:
                self.got = "as intended"
                return
            if time.time() > until:
                raise Failure(f"not seen in status, events or logs: {missing or 'a crash'}")
            time.sleep(2)

    def clean(self):
        for obj in self.cluster_objects:
            self.api.delete(obj["apiVersion"], obj["kind"], None, obj["metadata"]["name"])
        self.api.delete("v1", "Namespace", None, self.namespace)


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    return folder
