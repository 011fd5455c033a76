"""What the chart's options change, on a real cluster: which pods are watched, and what ConfigMaps tell. Puts the values back."""

import json
import subprocess
import time
import unittest

from test_operator import HELM, NAME, NAMESPACE, diagnosed, get, kubectl, until

DEADLINE = 120  # seconds until all rows are there; a quiet machine needs ten
HERE, THERE = "options-here", "options-there"

WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, team: {team}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - {{name: app, image: 'crashkit:1', imagePullPolicy: IfNotPresent, command: {command}, env: {env}, envFrom: {env_from}}}
"""
CRASHES = "[/crashkit, env, DATABASE_URL]"
SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: app-config, namespace: {namespace}}}
data: {{LOG_LEVEL: info, DATABASE_URL: 'postgres://db/app'}}
---
apiVersion: v1
kind: Secret
metadata: {{name: db-password, namespace: {namespace}}}
stringData: {{password: kept-to-itself}}
"""


def workload(name, namespace=HERE, team="shop", command=CRASHES, env="[]", env_from="[]", replicas=1):
    return WORKLOAD.format(**locals())


def from_config(key):
    return f"[{{name: DATABASE_URL, valueFrom: {{configMapKeyRef: {{name: app-config, key: {key}}}}}}}]"


def apply(*documents):
    kubectl("apply", "-f", "-", stdin="---".join(documents), timeout=60)


def upgrade(*values):
    options = [o for v in values for o in ("--set-json", v)]
    done = subprocess.run([HELM, "upgrade", NAME, "charts/crash-diagnosis", "-n", NAMESPACE, "--reuse-values", *options, "--wait", "--timeout", "3m"],
                          capture_output=True, text=True, timeout=200)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    leads()


def leads():
    """One of the pods that are there leads: what happens from now on is seen by the values that hold now."""
    def now():
        names = [p["metadata"]["name"] for p in get("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={NAME}")["items"] if "deletionTimestamp" not in p["metadata"]]
        holder = get("lease", NAME, "-n", NAMESPACE)["spec"].get("holderIdentity") or ""
        return any(n in holder for n in names)
    if not until(60, now):
        raise AssertionError("nobody leads after the upgrade")


def rows():
    """{(namespace, workload): status} of what this file applied."""
    return {(ns, name.split("/")[1]): i["status"] for (ns, name, _), i in diagnosed().items() if ns in (HERE, THERE)}


def crashed(namespace, name):
    pods = get("pods", "-n", namespace, "-l", f"app={name}")["items"]
    return pods and all(s["restartCount"] > 0 for p in pods for s in p["status"].get("containerStatuses", [{"restartCount": 0}]))


class Options(unittest.TestCase):
    """One story: each test goes on where the one before it ended."""

    @classmethod
    def setUpClass(cls):
        history = subprocess.run([HELM, "history", NAME, "-n", NAMESPACE, "-o", "json"], capture_output=True, text=True, timeout=30, check=True)
        cls.addClassCleanup(rollback, str(json.loads(history.stdout)[-1]["revision"]))
        for ns in (HERE, THERE):
            kubectl("create", "namespace", ns)
            cls.addClassCleanup(kubectl, "delete", "namespace", ns, "--wait=false")
        apply(SETTINGS.format(namespace=HERE), workload("replaced", env=from_config("DATABASE_URL"), replicas=2))
        made = time.time()
        upgrade("evidence.configMaps=true", f'watch.excludeNamespaces=["{THERE}"]', 'watch.labelSelector="team!=batch"')
        # Those that must not be seen crash first.
        apply(workload("web", namespace=THERE), workload("batch", team="batch"), workload("web"),
              workload("near-name", env_from="[{configMapRef: {name: app-confg}}]"), workload("near-key", env=from_config("DATABSE_URL")),
              workload("near-secret", env_from="[{secretRef: {name: db-pasword}}]"))
        # What is changed right after it was applied is no change of what ran before.
        time.sleep(max(0, made + 13 - time.time()))
        kubectl("rollout", "status", "deployment/replaced", "-n", HERE, "--timeout=60s", timeout=70)
        kubectl("patch", "configmap", "app-config", "-n", HERE, "--type=merge", "-p", '{"data": {"DATABASE_URL": ""}}')
        kubectl("delete", "pod", "-n", HERE, "-l", "app=replaced", "--wait=false")
        cls.wanted = {"web", "near-name", "near-key", "near-secret", "replaced"}
        until(DEADLINE, lambda: cls.told(rows()))
        cls.unseen = until(DEADLINE, lambda: crashed(THERE, "web") and crashed(HERE, "batch"))
        cls.rows = rows()

    @classmethod
    def told(cls, found):
        """All rows, and what is written a moment later since it takes further reads."""
        if not all((HERE, w) in found for w in cls.wanted):
            return False
        return found[HERE, "replaced"].get("change") and all("Did you mean" in json.dumps(found[HERE, w]["remediation"]) for w in ("near-name", "near-key"))

    def test_1_excluded_namespaces_and_labels_are_not_watched(self):
        self.assertTrue(self.unseen, "what must not be seen does not crash")
        self.assertEqual(set(self.rows), {(HERE, w) for w in self.wanted})

    def test_2_names_and_keys_that_are_nearly_right_are_proposed(self):
        for name, reason, says in (("near-name", "ConfigMapNotFound", 'Did you mean "app-config"?'), ("near-key", "ConfigKeyNotFound", 'Did you mean "DATABASE_URL"?')):
            status = self.rows[HERE, name]
            self.assertEqual(status["reason"], reason)
            self.assertIn(says, " ".join(r["text"] for r in status["remediation"]))

    def test_3_of_secrets_nothing_is_known_but_what_the_kubelet_says(self):
        self.assertEqual(self.rows[HERE, "near-secret"]["reason"], "SecretNotFound")
        self.assertNotIn("db-password", json.dumps(self.rows[HERE, "near-secret"]))

    def test_4_a_config_map_that_changed_before_the_crash_is_named_without_its_values(self):
        status = self.rows[HERE, "replaced"]
        self.assertEqual(status["reason"], "MissingEnvironmentVariable")
        self.assertIn("ConfigMap app-config changed", status.get("change", ""))
        self.assertNotIn("postgres://", json.dumps(list(self.rows.values())))

    def test_5_only_the_namespaces_that_are_named_are_watched(self):
        upgrade("evidence.configMaps=false", "watch.excludeNamespaces=[]", 'watch.labelSelector=""', f'watch.namespaces=["{THERE}"]')
        apply(workload("other"), workload("other", namespace=THERE))
        seen = lambda: (THERE, "other") in rows() and (THERE, "web") in rows()
        self.assertTrue(until(DEADLINE, seen), f"only {set(rows())}")
        self.assertTrue(until(DEADLINE, lambda: crashed(HERE, "other")), "what must not be seen does not crash")
        self.assertNotIn((HERE, "other"), rows())
        self.assertNotIn((HERE, "batch"), rows())


def rollback(revision):
    done = subprocess.run([HELM, "rollback", NAME, revision, "-n", NAMESPACE, "--wait", "--timeout", "3m"], capture_output=True, text=True, timeout=200)
    if done.returncode != 0:
        raise AssertionError(done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
