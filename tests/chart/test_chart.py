"""What the chart renders: safe by default, and each value does what it says."""

import os
import subprocess
import unittest

import yaml

HELM = os.environ.get("HELM", "helm")
CHART = "charts/crash-diagnosis"
WRITES = {"create", "update", "patch", "delete", "deletecollection", "*"}
EVERYTHING = [
    "evidence.configMaps=true", "serviceMonitor.enabled=true", "prometheusRule.enabled=true", "dashboard.enabled=true",
    "networkPolicy.enabled=true", "replicas=3", "signatures[0].name=x",
]


def helm(*args):
    return subprocess.run([HELM, *args], capture_output=True, text=True, timeout=60)


def render(*values, namespace="ops", release="cd"):
    sets = [arg for v in values for arg in ("--set", v)]
    done = helm("template", release, CHART, "-n", namespace, *sets)
    assert done.returncode == 0, done.stderr
    return [d for d in yaml.safe_load_all(done.stdout) if d]


def refusal(*values):
    sets = [arg for v in values for arg in ("--set", v)]
    done = helm("template", "cd", CHART, *sets)
    assert done.returncode != 0, f"{values} was accepted"
    return done.stderr


def one(docs, kind, name=None):
    found = [d for d in docs if d["kind"] == kind and name in (None, d["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of kind {kind} {name or ''}"
    return found[0]


def kinds(docs):
    return {d["kind"] for d in docs}


def rules(docs):
    return [r for d in docs if d["kind"] in ("ClusterRole", "Role") for r in d["rules"]]


def allowed(docs):
    """Every (group/resource, verb) that the roles allow."""
    return {
        (f"{group}/{resource}", verb)
        for r in rules(docs) for group in r.get("apiGroups", []) for resource in r.get("resources", []) for verb in r["verbs"]
    }


class Rights(unittest.TestCase):
    def test_no_secrets_and_no_wildcards_under_any_values(self):
        for values in ([], EVERYTHING, ["watch.namespaces={a,b}"]):
            for rule in rules(render(*values)):
                words = rule.get("resources", []) + rule.get("apiGroups", []) + rule["verbs"]
                self.assertNotIn("*", words)
                self.assertNotIn("secrets", words)
                self.assertFalse(set(rule["verbs"]) & {"impersonate", "bind", "escalate"})
                self.assertFalse({"pods/exec", "pods/attach", "pods/portforward", "pods/eviction", "nodes/proxy"} & set(words))
                self.assertNotIn("nonResourceURLs", rule)

    def test_writes_only_to_its_own_things(self):
        wanted = {
            "crashdiagnosis.dev/crashdiagnoses", "crashdiagnosis.dev/crashdiagnoses/status", "events.k8s.io/events",
            "coordination.k8s.io/leases",
        }
        for values in ([], EVERYTHING):
            written = {what for what, verb in allowed(render(*values)) if verb in WRITES}
            self.assertEqual(written, wanted)

    def test_the_lease_is_named_and_in_its_own_namespace_only(self):
        docs = render()
        cluster_wide = {r for d in docs if d["kind"] == "ClusterRole" for rule in d["rules"] for r in rule["resources"]}
        self.assertNotIn("leases", cluster_wide)
        role = one(docs, "Role")
        self.assertEqual(role["metadata"]["namespace"], "ops")
        for rule in role["rules"]:
            if rule["verbs"] != ["create"]:
                self.assertEqual(rule["resourceNames"], ["cd-crash-diagnosis"])
        self.assertIn("--lease-name=cd-crash-diagnosis", one(docs, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"])

    def test_logs_off_takes_the_right_away(self):
        self.assertIn(("/pods/log", "get"), allowed(render()))
        off = render("evidence.logs=false")
        self.assertFalse([what for what, _ in allowed(off) if what == "/pods/log"])

    def test_config_maps_only_when_switched_on(self):
        self.assertFalse([what for what, _ in allowed(render()) if what == "/configmaps"])
        on = {verb for what, verb in allowed(render("evidence.configMaps=true")) if what == "/configmaps"}
        self.assertTrue(on and not on & WRITES)

    def test_no_roles_when_somebody_else_grants_them(self):
        self.assertFalse(kinds(render("rbac.create=false")) & {"ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"})

    def test_bindings_bind_the_service_account(self):
        for values, name in (([], "cd-crash-diagnosis"), (["serviceAccount.create=false", "serviceAccount.name=mine"], "mine")):
            docs = render(*values)
            for kind in ("ClusterRoleBinding", "RoleBinding"):
                self.assertEqual(one(docs, kind)["subjects"], [{"kind": "ServiceAccount", "name": name, "namespace": "ops"}])
            self.assertEqual(one(docs, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"], name)


class Pod(unittest.TestCase):
    def pod(self, *values):
        return one(render(*values), "Deployment")["spec"]["template"]["spec"]

    def test_restricted_pod_security(self):
        pod = self.pod()
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(pod["securityContext"]["runAsUser"], 65532)
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        for word in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(word, pod)
        for c in pod["containers"]:
            sc = c["securityContext"]
            self.assertIs(sc["allowPrivilegeEscalation"], False)
            self.assertIs(sc["readOnlyRootFilesystem"], True)
            self.assertEqual(sc["capabilities"], {"drop": ["ALL"]})
            self.assertNotIn("privileged", sc)

    def test_limits_and_probes(self):
        c = self.pod()["containers"][0]
        self.assertIn("memory", c["resources"]["limits"])
        self.assertTrue({"cpu", "memory"} <= c["resources"]["requests"].keys())
        for probe in ("livenessProbe", "readinessProbe"):
            self.assertEqual(c[probe]["httpGet"]["port"], "http")

    def test_image(self):
        image = lambda *v: self.pod(*v)["containers"][0]["image"]
        self.assertEqual(image(), "crash-diagnosis:0.1.0")
        self.assertEqual(image("image.repository=a.example/b", "image.tag=v9"), "a.example/b:v9")
        digest = "sha256:" + "0" * 64
        self.assertEqual(image(f"image.digest={digest}", "image.tag=v9"), f"crash-diagnosis@{digest}")

    def test_flags_follow_the_values(self):
        args = self.pod(*FLAG_VALUES)["containers"][0]["args"]
        for flag in FLAGS:
            self.assertIn(flag, args)
        self.assertEqual(args[-1], "--extra=1")

    def test_every_flag_is_one_that_the_binary_knows(self):
        binary = os.environ.get("CRASH_DIAGNOSIS_BIN")
        if not binary:
            self.fail("CRASH_DIAGNOSIS_BIN is not set: run this by `make chart-test`")
        known = subprocess.run([binary, "run", "--help"], capture_output=True, text=True, timeout=20).stdout
        for values in ([], FLAG_VALUES[:-1], EVERYTHING):
            for arg in self.pod(*values)["containers"][0]["args"][1:]:
                self.assertIn(arg.split("=")[0] + " ", known.replace("=", " ").replace("\n", " \n"), f"{arg} is no flag of `run`")

    def test_signatures_are_mounted_and_a_change_restarts(self):
        docs = render("signatures[0].name=a")
        data = yaml.safe_load(one(docs, "ConfigMap", "cd-crash-diagnosis-signatures")["data"]["signatures.yaml"])
        self.assertEqual(data, {"signatures": [{"name": "a"}]})
        template = one(docs, "Deployment")["spec"]["template"]
        self.assertEqual(template["spec"]["volumes"][0]["configMap"]["name"], "cd-crash-diagnosis-signatures")
        container = template["spec"]["containers"][0]
        mount = container["volumeMounts"][0]
        self.assertTrue(mount["readOnly"])
        self.assertIn(f"--signatures={mount['mountPath']}", container["args"])
        self.assertFalse([a for a in self.pod()["containers"][0]["args"] if a.startswith("--signatures")])
        other = one(render("signatures[0].name=b"), "Deployment")["spec"]["template"]
        self.assertNotEqual(template["metadata"]["annotations"], other["metadata"]["annotations"])
        self.assertNotIn("volumes", self.pod())


class Around(unittest.TestCase):
    def test_the_crd_is_the_generated_one(self):
        with open("crds/crashdiagnoses.crashdiagnosis.dev.yaml") as f:
            generated = yaml.safe_load(f)
        kept = one(render(), "CustomResourceDefinition")
        self.assertEqual(kept["metadata"]["annotations"]["helm.sh/resource-policy"], "keep")
        self.assertEqual(kept["spec"], generated["spec"])
        self.assertEqual(one(render("crds.keep=false"), "CustomResourceDefinition"), generated)
        self.assertNotIn("CustomResourceDefinition", kinds(render("crds.install=false")))

    def test_budget_only_for_more_than_one(self):
        self.assertIn("PodDisruptionBudget", kinds(render()))
        self.assertNotIn("PodDisruptionBudget", kinds(render("replicas=1")))
        self.assertNotIn("PodDisruptionBudget", kinds(render("podDisruptionBudget.enabled=false")))

    def test_optional_objects_are_off_until_asked_for(self):
        optional = {"ServiceMonitor", "PrometheusRule", "NetworkPolicy"}
        self.assertFalse(kinds(render()) & optional)
        self.assertTrue(optional <= kinds(render(*EVERYTHING)))

    def test_network_policy(self):
        spec = one(render("networkPolicy.enabled=true", "networkPolicy.apiServer.cidrs={10.0.0.1/32}", "networkPolicy.apiServer.ports={6443}"), "NetworkPolicy")["spec"]
        self.assertEqual(spec["policyTypes"], ["Ingress", "Egress"])
        self.assertEqual(spec["egress"], [{"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 6443, "protocol": "TCP"}]}])
        self.assertEqual(spec["ingress"], [{"ports": [{"port": "http", "protocol": "TCP"}]}])

    def test_the_workloads_labels_win_over_the_scrape_targets(self):
        self.assertIs(one(render("serviceMonitor.enabled=true"), "ServiceMonitor")["spec"]["endpoints"][0]["honorLabels"], True)

    def test_runbooks_become_links(self):
        docs = render("prometheusRule.enabled=true", "prometheusRule.runbookBaseUrl=https://git.example.com/x/")
        notes = [r["annotations"] for g in one(docs, "PrometheusRule")["spec"]["groups"] for r in g["rules"] if "alert" in r]
        for n in notes:
            self.assertTrue(n["runbook_url"].startswith("https://git.example.com/x/docs/"), n)
            self.assertNotIn("runbook", n)

    def test_the_dashboard_asks_for_metrics_that_exist(self):
        import json
        import re
        board = json.loads(one(render("dashboard.enabled=true"), "ConfigMap")["data"]["crash-diagnosis.json"])
        asked = set(re.findall(r"crashdiagnosis_[a-z_]+", json.dumps(board)))
        with open("docs/metrics.md") as f:
            documented = set(re.findall(r"crashdiagnosis_[a-z_]+", f.read()))
        asked = {a.removesuffix("_bucket") for a in asked}
        self.assertTrue(asked and asked <= documented, asked - documented)

    def test_everything_namespaced_is_in_the_releases_namespace(self):
        cluster = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}
        for d in render(*EVERYTHING, namespace="elsewhere"):
            if d["kind"] not in cluster:
                self.assertEqual(d["metadata"].get("namespace"), "elsewhere", d["kind"])

    def test_bad_values_are_refused(self):
        for values in (["replica=3"], ["replicas=two"], ["image.digest=abc"], ["log.format=xml"], ["watch.namespaces={Bad_Name}"], ["resolveAfter=ten"]):
            self.assertIn("values", refusal(*values))

    def test_static_manifests_are_the_chart(self):
        with open("deploy/operator.yaml") as f:
            static = [d for d in yaml.safe_load_all(f) if d]
        wanted = render(namespace="crash-diagnosis", release="crash-diagnosis")
        key = lambda d: (d["kind"], d["metadata"]["name"])
        self.assertEqual(sorted((d for d in static if d["kind"] != "Namespace"), key=key), sorted(wanted, key=key), "run `make deploy`")


# (value, flag) pairs: keep in step with templates/_args.tpl.
FLAG_VALUES = [
    "log.format=text", "log.level=debug", "watch.namespaces={a,b}", "watch.excludeNamespaces={c}", "watch.labelSelector=team=payments", "evidence.logs=false",
    "evidence.logExcerpts=false", "evidence.configMaps=true", "resolveAfter=5m", "retention=1h", "extraArgs={--extra=1}",
]
FLAGS = [
    "--log-format=text", "--log-level=debug", "--namespaces=a,b", "--exclude-namespaces=c", "--pod-selector=team=payments", "--no-logs",
    "--no-log-excerpts", "--read-configmaps", "--resolve-after=5m", "--retention=1h",
]

if __name__ == "__main__":
    unittest.main(verbosity=1)
