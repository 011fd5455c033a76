"""What the operator does when something is missing or breaks: it says so in its log and on /readyz, tries again with pauses,
and goes on by itself when it is mended."""
import time
import unittest

from fake.operator import Operator, until
from fake.plane import Plane
from fake.pods import Pod, deployment

# The operator's longest pause between two tries is 30 s; the rest is for a busy machine.
MENDED_WITHIN = 90
NOTICED_WITHIN = 60


def setUpModule():
    global plane
    plane = Plane("faults")
    unittest.addModuleCleanup(plane.close)


class Fault(unittest.TestCase):
    def setUp(self):
        self.namespace = self.id().rsplit(".", 1)[1].replace("_", "-")[:50].rstrip("-")
        plane.namespace(self.namespace)
        self.operator = Operator(plane, f"fault-{self.namespace}", f"--namespaces={self.namespace}")
        self.addCleanup(self.operator.close)

    def crashing(self, name="web"):
        """A pod that has crashed and will not do so again."""
        controller = deployment(plane, self.namespace, name)
        return Pod(plane, self.namespace, f"{name}-5d4f8c7b9-a", controller).create().run().crash()

    def rows(self):
        return {r["metadata"]["name"]: r.get("status", {}) for r in plane.diagnoses(self.namespace)}

    def row(self, name, seconds=MENDED_WITHIN):
        return until(seconds, lambda: self.rows().get(f"deployment.{name}.app"), f"a row of {name}")

    def not_ready(self, *words):
        """Not ready for this reason, on /readyz and in the log."""
        def said():
            self.assertTrue(self.operator.alive(), "the operator ended")
            ready, text = self.operator.ready()
            return not ready and all(w in text for w in words) and text
        text = until(NOTICED_WITHIN, said, f"not ready because of {words}")
        for word in words:
            self.assertIn(word, self.operator.text())
        return text

    def ready(self):
        until(MENDED_WITHIN, lambda: self.operator.ready()[0], "ready again")

    def assert_patient(self, seconds=10, most=12):
        """While it lasts, the operator tries again, but not all the time."""
        before = plane.requests()
        time.sleep(seconds)
        after = plane.requests()
        # The test itself sends nothing but the two questions for these numbers, which are not counted.
        tries = sum(after.values()) - sum(before.values())
        self.assertLessEqual(tries, most, {k: n - before.get(k, 0) for k, n in after.items() if n != before.get(k, 0)})


class Crd(Fault):
    def setUp(self):
        super().setUp()
        self.addCleanup(plane.install_crd)

    def remove(self):
        plane.api.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, plane.crd())
        until(30, lambda: not plane.api.find(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plane.crd()}"), "the CRD gone")

    def test_missing_at_the_start(self):
        self.remove()
        self.crashing()
        self.operator.spawn()
        self.not_ready("the CRD crashdiagnoses.crashdiagnosis.dev is not installed")
        self.assert_patient()
        plane.install_crd()
        self.ready()
        self.assertEqual(self.row("web")["reason"], "UnhandledException")

    def test_removed_while_running(self):
        self.operator.start()
        self.crashing()
        self.row("web")
        self.remove()
        self.not_ready("the CRD crashdiagnoses.crashdiagnosis.dev is not installed")
        self.assert_patient()
        plane.install_crd()
        self.ready()
        # Nothing happens to the pod in between: what was lost is written again.
        self.assertEqual(self.row("web")["crashes"], 1)


class ApiServer(Fault):
    def test_away_and_back(self):
        self.operator.start()
        pod = self.crashing()
        self.row("web")
        plane.run("stop", "kube-apiserver")
        try:
            self.not_ready("the API server cannot be reached")
            time.sleep(3)
        finally:
            plane.run("start", "kube-apiserver")
        until(60, plane.answers, "the API server back")
        self.ready()
        pod.restart().crash()
        until(60, lambda: self.rows()["deployment.web.app"]["crashes"] == 2, "the next crash in the row")
        self.crashing("late")
        self.row("late")

    def test_away_at_the_start(self):
        plane.run("stop", "kube-apiserver")
        try:
            self.operator.spawn()
            self.not_ready("the API server cannot be reached")
        finally:
            plane.run("start", "kube-apiserver")
        until(60, plane.answers, "the API server back")
        self.ready()
        self.crashing()
        self.row("web")


class Rights(Fault):
    """The rights are those of the chart, less one; then that one is given back."""

    def setUp(self):
        super().setUp()
        self.addCleanup(plane.install)

    def take(self, *taken):
        """Takes all rights on these (group, resource) from every role that the operator has."""
        for role in plane.installed("ClusterRole"):
            rules = []
            for rule in role["rules"]:
                left = [r for r in rule["resources"] if not any((g, r) in taken for g in rule["apiGroups"])]
                if left:
                    rules.append({**rule, "resources": left})
            if rules != role["rules"]:
                path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role['metadata']['name']}"
                plane.api.request("PATCH", path, {"rules": rules}, "application/merge-patch+json")
        time.sleep(1)  # until the API server has heard of it

    def test_without_logs(self):
        self.take(("", "pods/log"))
        self.operator.spawn()
        self.crashing()
        self.not_ready("the right to get pods/log ")
        status = self.row("web")
        self.assertTrue(any("log" in u["what"] for u in status["unread"]), status.get("unread"))
        self.assert_patient(most=40)
        plane.install()
        self.ready()
        self.crashing("other")
        self.assertEqual(self.row("other")["reason"], "UnhandledException")

    def test_events_lost_while_running(self):
        self.operator.start()
        self.take(("", "events"), ("events.k8s.io", "events"))
        self.crashing()
        text = self.not_ready("the right to list events ", "the right to create events.events.k8s.io ")
        self.assertNotIn("pods/log", text)
        self.assertEqual(self.row("web")["reason"], "UnhandledException")
        plane.install()
        self.ready()
        self.crashing("other")
        self.row("other")
        told = lambda: [e for e in plane.api.get(f"/api/v1/namespaces/{self.namespace}/events")["items"] if e["reason"] == "UnhandledException"]
        until(60, told, "an Event")

    def test_without_writes(self):
        self.take(("crashdiagnosis.dev", "crashdiagnoses/status"))
        self.operator.spawn()
        self.crashing()
        self.not_ready("the right to patch crashdiagnoses/status.crashdiagnosis.dev ", "CrashDiagnosis objects cannot be written")
        self.assert_patient(most=40)
        plane.install()
        self.ready()
        self.assertEqual(self.row("web")["reason"], "UnhandledException")


if __name__ == "__main__":
    unittest.main()
