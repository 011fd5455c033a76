"""What the operator costs the API server, counted by the API server itself (`apiserver_request_total`).

Left out are watches and leases, which do not depend on crashes, and what the test itself sends: changes of pods' status,
which the operator has no right to send. Nobody else is there.
"""
import concurrent.futures
import time
import unittest

from fake.operator import Operator, until
from fake.plane import Plane
from fake.pods import Pod, deployment

NAMESPACE = "cost"
OF_THE_TEST = {("PATCH", "pods/status"), ("POST", "pods"), ("POST", "apps/deployments"), ("POST", "apps/replicasets")}
QUIET = 8  # seconds without a request: longer than the pause before a write of counters


class Cost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = Plane("scale-cost")
        cls.addClassCleanup(cls.plane.close)
        cls.plane.namespace(NAMESPACE)
        cls.operator = Operator(cls.plane, "cost")
        cls.operator.start()
        cls.addClassCleanup(cls.operator.close)

    def counted(self):
        return {k: n for k, n in self.plane.requests().items() if k not in OF_THE_TEST}

    def settled(self):
        """The counters, once they have not moved for a while."""
        last, since = self.counted(), time.time()
        for _ in range(60):
            time.sleep(2)
            now = self.counted()
            if now != last:
                last, since = now, time.time()
            elif time.time() - since >= QUIET:
                return now
        raise AssertionError("requests never end")

    def assert_cost(self, before, most, what):
        after = self.settled()
        spent = {f"{verb} {name}": n - before.get((verb, name), 0) for (verb, name), n in sorted(after.items()) if n != before.get((verb, name), 0)}
        total = sum(spent.values())
        print(f"\n  {what}: {total} requests (at most {most}): {spent}", flush=True)
        self.assertLessEqual(total, most, spent)
        self.assertGreater(total, 0, "the operator has seen nothing")
        return after

    def row(self, name):
        rows = [r for r in self.plane.diagnoses(NAMESPACE) if r["metadata"]["name"] == name]
        self.assertEqual(len(rows), 1, name)
        return rows[0]["status"]

    def test_an_idle_operator_asks_for_nothing(self):
        before = self.settled()
        time.sleep(5)
        self.assertEqual(self.counted(), before)

    def test_a_crash_loop_and_its_repeat(self):
        controller = deployment(self.plane, NAMESPACE, "web")
        pod = Pod(self.plane, NAMESPACE, "web-5d4f8c7b9-a", controller).create().run()
        before = self.settled()
        pod.crash()
        time.sleep(1)
        pod.restart()  # the first restart comes at once
        time.sleep(1)
        pod.crash()
        before = self.assert_cost(before, 8, "a new crash loop")
        time.sleep(12)  # the kubelet's back-off is longer by far
        pod.back_off().restart()
        time.sleep(1)
        pod.crash()
        before = self.assert_cost(before, 3, "a repeat")
        status = self.row("deployment.web.app")
        self.assertEqual((status["reason"], status["crashes"], status["restarts"]), ("UnhandledException", 3, 2))

    def test_five_hundred_replicas_that_crash_alike(self):
        controller = deployment(self.plane, NAMESPACE, "many", 500)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            pods = list(pool.map(lambda i: Pod(self.plane, NAMESPACE, f"many-5d4f8c7b9-{i:03}", controller).create().run(), range(500)))
            before = self.settled()
            list(pool.map(lambda p: p.crash(), pods))
            self.assert_cost(before, 40, "500 replicas that crash alike")
        name = "deployment.many.app"
        until(60, lambda: self.row(name)["podsAffected"] == 500, "all replicas in the row")
        status = self.row(name)
        self.assertEqual((status["podsRatio"], status["crashes"], status["reason"]), ("500/500", 500, "UnhandledException"))


if __name__ == "__main__":
    unittest.main()
