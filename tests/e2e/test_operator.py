"""The operator as installed by the chart on a real cluster. Fails when there is none."""

import json
import os
import re
import subprocess
import time
import unittest

KUBECTL, HELM = os.environ["KUBECTL"], os.environ["HELM"]
NAMESPACE, NAME = "crash-diagnosis", "crash-diagnosis"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{NAME}"
SAMPLES_DEADLINE = 180  # seconds from the apply until every sample has its right row
READ = {"get", "list", "watch"}
# What every authenticated user may ask about itself.
ABOUT_ITSELF = {"selfsubjectreviews.authentication.k8s.io", "selfsubjectaccessreviews.authorization.k8s.io", "selfsubjectrulesreviews.authorization.k8s.io"}


def kubectl(*args, timeout=30, check=True, stdin=None):
    done = subprocess.run([KUBECTL, *args], capture_output=True, text=True, timeout=timeout, input=stdin)
    if check and done.returncode != 0:
        raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
    return done.stdout


def get(*args):
    return json.loads(kubectl("get", *args, "-o", "json"))


def until(seconds, ask):
    """Asks until the answer is true; returns the last answer."""
    end = time.time() + seconds
    while True:
        answer = ask()
        if answer or time.time() > end:
            return answer
        time.sleep(1)


def metrics():
    """Series of all replicas: {(name, frozenset of labels): value}, sums over replicas."""
    found = {}
    for pod in get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}")["items"]:
        text = kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}:8080/proxy/metrics")
        for line in text.splitlines():
            if m := re.match(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", line):
                key = (m[1], frozenset(re.findall(r'([a-z_]+)="([^"]*)"', m[2] or "")))
                found[key] = found.get(key, 0.0) + float(m[3])
    return found


def expected():
    with open("deploy/samples/expected.tsv") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if line.strip() and not line.startswith("#")]
    return {(ns, workload, container): (cause, reason) for ns, workload, container, cause, reason in rows}


def diagnosed():
    """{(namespace, Kind/name, container): item}, of all that have a status: it is written a moment after the object is made."""
    return {
        (i["metadata"]["namespace"], f"{i['spec']['workload']['kind']}/{i['spec']['workload']['name']}", i["spec"]["container"]): i
        for i in get("crashdiagnoses", "-A")["items"] if i.get("status")
    }


class Rights(unittest.TestCase):
    def listed(self, namespace):
        """(resource, names, verbs) as `kubectl auth can-i --list` says it."""
        for line in kubectl("auth", "can-i", "--list", "-n", namespace, f"--as={ACCOUNT}").splitlines()[1:]:
            m = re.match(r"^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]$", line)
            self.assertTrue(m, line)
            if m[1]:
                yield m[1], m[3].split(), set(m[4].split())

    def test_reads_no_secrets_and_writes_only_its_own(self):
        may_write = {
            "crashdiagnoses.crashdiagnosis.dev": {"create", "patch", "update", "delete"},
            "crashdiagnoses.crashdiagnosis.dev/status": {"patch", "update"},
            "events.events.k8s.io": {"create", "patch"},
        }
        for namespace in ("default", "kube-system", NAMESPACE):
            allowed = {**may_write, **({"leases.coordination.k8s.io": {"create", "patch", "update"}} if namespace == NAMESPACE else {})}
            seen = 0
            for resource, names, verbs in self.listed(namespace):
                seen += 1
                self.assertNotIn("secrets", resource)
                self.assertNotIn("*", resource + "".join(verbs))
                if resource in ABOUT_ITSELF:
                    continue
                extra = verbs - READ - allowed.get(resource, set())
                self.assertFalse(extra, f"{resource} in {namespace}: {extra}")
                if resource == "leases.coordination.k8s.io" and verbs != {"create"}:
                    self.assertEqual(names, [NAME])
            self.assertGreater(seen, 10)

    def test_single_questions(self):
        ask = lambda *q: kubectl("auth", "can-i", *q, f"--as={ACCOUNT}", check=False).strip()
        for question in (["get", "secrets"], ["list", "secrets", "-A"], ["get", "configmaps"], ["create", "pods"], ["delete", "pods"], ["create", "pods/exec"],
                         ["patch", "deployments.apps"], ["update", "nodes"], ["create", "leases.coordination.k8s.io", "-n", "default"], ["impersonate", "users"]):
            self.assertEqual(ask(*question), "no", question)
        for question in (["watch", "pods", "-A"], ["get", "pods/log"], ["patch", "crashdiagnoses.crashdiagnosis.dev", "-n", "default"]):
            self.assertEqual(ask(*question), "yes", question)

    def test_runs_where_only_restricted_pods_may(self):
        self.assertEqual(get("namespace", NAMESPACE)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")
        deployment = get("deployment", NAME, "-n", NAMESPACE)
        self.assertEqual(deployment["status"].get("readyReplicas"), deployment["spec"]["replicas"])

    def test_viewers_may_read_diagnoses(self):
        kubectl("create", "serviceaccount", "viewer", "-n", "default", check=False)
        kubectl("create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount=default:viewer", "-n", "default", check=False)
        may = lambda verb: kubectl("auth", "can-i", verb, "crashdiagnoses", "-n", "default", "--as=system:serviceaccount:default:viewer", check=False).strip()
        self.assertEqual(until(20, lambda: may("list") == "yes"), True)
        self.assertEqual(may("delete"), "no")


class Samples(unittest.TestCase):
    """deploy/samples, as `make demo` applies them."""

    @classmethod
    def setUpClass(cls):
        cls.wanted = expected()
        kubectl("apply", "-f", "deploy/samples", timeout=60)
        begun = time.time()

        def wrong():
            rows = diagnosed()
            got = {k: rows[k]["status"].get("reason") if k in rows else None for k in cls.wanted}
            return {k: got[k] for k, (_, reason) in cls.wanted.items() if got[k] != reason}

        until(SAMPLES_DEADLINE, lambda: not wrong())
        cls.wrong, cls.rows = wrong(), diagnosed()
        print(f"\n{kubectl('get', 'crashdiagnoses', '-A')}all right after {time.time() - begun:.0f} s" if not cls.wrong else f"\nwrong: {cls.wrong}")

    def test_each_has_the_right_cause_and_reason_and_nothing_else_is_said(self):
        self.assertEqual(self.wrong, {})
        got = {k: (i["status"]["cause"], i["status"]["reason"]) for k, i in self.rows.items() if k[0] in {ns for ns, _, _ in self.wanted}}
        self.assertEqual(got, self.wanted)

    def test_each_says_what_to_do_and_on_what_evidence(self):
        for key in self.wanted:
            status = self.rows[key]["status"]
            self.assertTrue(status["summary"] and status["remediation"] and status["evidence"], key)
            self.assertIn(status["confidence"], ("Certain", "Likely", "Possible"))
            conditions = {c["type"]: c for c in status["conditions"]}
            self.assertEqual((conditions["Crashing"]["status"], conditions["Crashing"]["reason"]), ("True", status["reason"]), key)

    def test_three_replicas_are_one_row(self):
        status = self.rows["shop", "Deployment/web", "app"]["status"]
        self.assertEqual((status["podsAffected"], status["podsTotal"]), (3, 3))

    def test_the_worked_example_names_the_pod_that_cannot_be_scheduled(self):
        root = self.rows["shop", "Deployment/web", "app"]["status"].get("rootCause")
        self.assertTrue(root, "no rootCause")
        self.assertEqual((root["kind"], root["namespace"]), ("Pod", "shop"))
        self.assertTrue(root["name"].startswith("postgres-"), root)
        self.assertIn("Insufficient cpu", root["summary"])

    def test_events_on_pod_and_workload(self):
        for (ns, workload, container), (_, reason) in self.wanted.items():
            kind = workload.split("/")[0]
            on = until(30, lambda: (lambda kinds: {"Pod", kind} <= kinds and kinds)({
                e["involvedObject"]["kind"] for e in get("events", "-n", ns, "--field-selector", f"reason={reason},type=Warning")["items"]
                if e["involvedObject"]["name"].startswith(workload.split("/")[1])}))
            self.assertTrue(on, f"{workload}: no Events {reason} on pod and workload")
        pod = self.rows["shop", "Deployment/api", "app"]["status"]["lastCrash"]["pod"]
        self.assertIn("MemoryLimitExceeded", kubectl("describe", "pod", pod, "-n", "shop"))

    def test_metrics(self):
        series = metrics()
        for (ns, workload, container), (cause, reason) in self.wanted.items():
            kind, name = workload.split("/")
            who = {("namespace", ns), ("workload_kind", kind), ("workload", name), ("container", container)}
            why = frozenset(who | {("cause", cause), ("reason", reason)})
            self.assertGreaterEqual(series.get(("crashdiagnosis_crashing_pods", why), 0), 1, workload)
            self.assertGreaterEqual(series.get(("crashdiagnosis_crashes_total", why), 0), 1, workload)
            self.assertGreater(series.get(("crashdiagnosis_affected_ratio", frozenset(who)), 0), 0, workload)
        self.assertEqual(series["crashdiagnosis_leader", frozenset()], 1)
        self.assertGreater(series["crashdiagnosis_detection_seconds_count", frozenset()], 0)
        labels = {name for (metric, labels) in series if metric.startswith("crashdiagnosis") for name, _ in labels}
        self.assertNotIn("pod", labels)

    def test_kubectl_reads_well(self):
        header = kubectl("get", "crash", "-n", "shop").splitlines()[0].split()
        self.assertEqual(header, "NAME WORKLOAD CONTAINER CAUSE REASON PODS RESTARTS STATE LAST CRASH AGE".split())
        by_cause = kubectl("get", "crash", "-A", "-l", "crashdiagnosis.dev/cause=ResourceLimits", "-o", "name")
        self.assertIn("deployment.api.app", by_cause)
        self.assertIn("FIELD: summary <string>", kubectl("explain", "crashdiagnosis.status.summary"))
        self.assertIn("Remediation", kubectl("describe", "crash", "deployment.api.app", "-n", "shop"))
        done = subprocess.run([KUBECTL, "wait", "--for=condition=Crashing", "crash/deployment.api.app", "-n", "shop", "--timeout=10s"], capture_output=True, timeout=20)
        self.assertEqual(done.returncode, 0)

    def test_nothing_secret_is_shown(self):
        everything = kubectl("get", "crashdiagnoses", "-A", "-o", "yaml")
        self.assertNotRegex(everything, r"(?i)password[=:] ?(?!\*)[^\s*]")


class Failover(unittest.TestCase):
    def test_another_replica_takes_over_and_counts_go_on(self):
        lease = lambda: get("lease", NAME, "-n", NAMESPACE)["spec"].get("holderIdentity")
        before = {k: i["status"]["restarts"] for k, i in diagnosed().items()}
        leader = lease()
        pods = [p["metadata"]["name"] for p in get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}")["items"]]
        holder = next((p for p in pods if p in leader), None)
        self.assertTrue(holder, f"the lease is held by {leader}, which is none of {pods}")
        kubectl("delete", "pod", holder, "-n", NAMESPACE, "--wait=false", "--grace-period=0", "--force")
        new = until(75, lambda: (lambda now: now and holder not in now and now)(lease()))
        self.assertTrue(new, "nobody took over")
        self.assertTrue(until(60, lambda: get("deployment", NAME, "-n", NAMESPACE)["status"].get("readyReplicas") == 2))
        after = {k: i["status"]["restarts"] for k, i in diagnosed().items()}
        self.assertEqual(before.keys() - after.keys(), set())
        for key, count in before.items():
            self.assertGreaterEqual(after[key], count, key)


class Chart(unittest.TestCase):
    def test_options_are_accepted_by_the_api_server(self):
        done = subprocess.run([HELM, "upgrade", NAME, "charts/crash-diagnosis", "-n", NAMESPACE, "--reuse-values", "--dry-run=server", "--set", "networkPolicy.enabled=true",
                               "--set", "dashboard.enabled=true", "--set", "evidence.configMaps=true", "--set", "evidence.logs=false"], capture_output=True, text=True, timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_probes_answer(self):
        pod = get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}")["items"][0]["metadata"]["name"]
        for path in ("healthz", "readyz"):
            kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8080/proxy/{path}")


def load_tests(loader, _tests, _pattern):
    """In this order: what the samples left is what the failover must keep."""
    return unittest.TestSuite(loader.loadTestsFromTestCase(c) for c in (Rights, Samples, Failover, Chart))


if __name__ == "__main__":
    unittest.main(verbosity=2)
