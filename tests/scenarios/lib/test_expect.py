"""The comparison must object to each wrong field: a runner that passes everything proves nothing."""
import copy
import unittest

from . import change, expect, operator, state

WANT = {
    "workload": "Deployment/web", "container": "app", "cause": "ResourceLimits", "reason": "MemoryLimitExceeded", "confidence": "Certain",
    "evidence": ["OOMKilled", "64Mi|67108864"], "remediation": ["limit"], "restarts": 2, "exitCode": 137, "podsAffected": 1,
    "rootCause": {"kind": "Pod", "workload": "postgres", "summary": ["cpu"]},
}
ROW = {
    "metadata": {"name": "deployment.web.app", "uid": "u"},
    "spec": {"workload": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "container": "app", "containerType": "Regular"},
    "status": {
        "state": "Crashing", "cause": "ResourceLimits", "reason": "MemoryLimitExceeded", "confidence": "Certain", "summary": "Killed at 64Mi.",
        "remediation": [{"text": "Raise the limit.", "command": "kubectl set resources"}], "restarts": 2, "podsAffected": 1, "lastCrash": {"exitCode": 137},
        "evidence": [{"source": "ContainerStatus", "detail": "terminated: OOMKilled, exit code 137"}, {"source": "PodSpec", "detail": "memory limit 64Mi"}],
        "rootCause": {"kind": "Pod", "name": "postgres-0", "summary": "Insufficient cpu"},
        "conditions": [{"type": "Crashing", "status": "True", "reason": "MemoryLimitExceeded"}, {"type": "Diagnosed", "status": "True", "reason": "x"}],
    },
}


def wrong(path, value, want=None):
    row = copy.deepcopy(ROW)
    at = row
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return expect.problems({**WANT, **(want or {})}, row)


class Expect(unittest.TestCase):
    def test_a_right_row_has_no_problem(self):
        self.assertEqual([], expect.problems(WANT, ROW))

    def test_each_wrong_field_is_named(self):
        for path, value, said in [
            (["status", "cause"], "AppError", "cause is AppError"), (["status", "reason"], "Unknown", "reason is Unknown"),
            (["status", "confidence"], "Likely", "confidence is Likely"), (["status", "state"], "Recovered", "state is Recovered"),
            (["status", "evidence"], [{"detail": "exit code 137"}], "does not quote 'OOMKilled'"), (["status", "remediation"], [], "no remediation"),
            (["status", "restarts"], 1, "restarts is 1"), (["status", "lastCrash"], {"exitCode": 1}, "exitCode is 1"),
            (["status", "podsAffected"], 3, "podsAffected is 3"), (["status", "rootCause"], None, "no rootCause"),
            (["status", "rootCause", "name"], "redis-0", "rootCause is Pod/redis-0"), (["status", "rootCause", "summary"], "not ready", "does not say 'cpu'"),
            (["status", "conditions"], [], "no condition Crashing"), (["status", "conditions", 0, "status"], "False", "condition Crashing is False"),
            (["status", "conditions", 1, "status"], "False", "condition Diagnosed is False"),
        ]:
            with self.subTest(said):
                self.assertIn(said, "; ".join(wrong(path, value)))

    def test_a_reason_may_be_one_of_several(self):
        self.assertEqual([], expect.problems({**WANT, "reason": ["MemoryLeak", "MemoryLimitExceeded"]}, ROW))
        self.assertEqual(["change does not name 'image'"], expect.problems({**WANT, "change": ["image"]}, ROW))

    def test_what_must_not_be_said_and_what_came_before(self):
        status = {"logExcerpt": ["boom"], "history": [{"reason": "Segfault"}], "crashes": 2, "alternatives": [{"reason": "Aborted", "summary": "s", "against": "1 of 3"}],
                  "evidence": [{"source": "Log", "detail": "boom"}]}
        row = {**ROW, "status": {**ROW["status"], **status}}
        ask = lambda **want: expect.problems({"workload": WANT["workload"], "container": "app", **want}, row)
        self.assertEqual([], ask(history=["Segfault"], crashes=2, alternatives=["Aborted", "1 of 3"], lacks=["change"], noSource=["Event"], unsaid=["bang"]))
        self.assertEqual(["crashes is 2"], ask(crashes=3))
        self.assertIn("history does not tell of Aborted", ask(history=["Aborted"])[0])
        self.assertEqual(["alternatives do not say '2 of 3'"], ask(alternatives=["2 of 3"]))
        self.assertEqual(["logExcerpt is set"], ask(lacks=["logExcerpt"]))
        self.assertEqual(["there is evidence from Log"], ask(noSource=["Log"]))
        self.assertEqual(["it says 'Boom'"], ask(unsaid=["Boom"]))

    def test_a_named_start_must_come(self):
        time = lambda at: f"2026-01-01T00:00:{at:02}Z"
        row = lambda ended, named, restarts: {"status": {"nextRestartAt": time(named), "restarts": restarts, "lastCrash": {"finishedAt": time(ended)}}}
        step = {"nextRestarts": 2, "within": 6, "from": 3}
        ask = lambda rows, starts: expect.next_restart_problem(rows, [time(s) for s in starts], step, expect.seconds(time(59)))
        right = [row(0, 20, 2), row(10, 20, 3), row(21, 31, 4), row(21, 31, 4)]
        self.assertIsNone(ask(right, [0, 10, 21, 34]))
        self.assertIn("only 1 of 2", ask(right, [0, 10, 21]))
        self.assertIn("only 1 of 2", ask(right, [0, 10, 21, 41]))
        self.assertIn("started 10 s before", ask([row(10, 30, 3)], [10, 20]))

    def test_rows_are_told_apart_by_workload_and_container(self):
        self.assertTrue(expect.matches_row(WANT, ROW))
        self.assertFalse(expect.matches_row({**WANT, "container": "proxy"}, ROW))
        self.assertFalse(expect.matches_row({**WANT, "workload": "StatefulSet/web"}, ROW))


class Metrics(unittest.TestCase):
    TEXT = "\n".join([
        "# HELP x y", 'crashdiagnosis_crashes_total{namespace="n",workload_kind="Deployment",workload="web",container="app",cause="ResourceLimits",reason="MemoryLimitExceeded"} 3',
        'crashdiagnosis_crashing_pods{namespace="n",workload_kind="Deployment",workload="web",container="app",cause="ResourceLimits",reason="MemoryLimitExceeded"} 1'])

    def test_the_row_is_counted(self):
        series = operator.parse(self.TEXT)
        self.assertIsNone(operator.metric_problem(series, "n", [WANT]))
        self.assertIn("does not count", operator.metric_problem(series, "n", [{**WANT, "reason": "Segfault"}]))
        self.assertIn("does not count", operator.metric_problem(series, "other", [WANT]))
        self.assertIn("is 1.0 after recovery", operator.metric_problem(series, "n", [{**WANT, "state": "Recovered"}]))
        self.assertIn("is 0", operator.metric_problem(operator.parse(self.TEXT.replace("} 1", "} 0")), "n", [WANT]))
        self.assertIn("still there", operator.leftover(series, "n"))
        self.assertIn("still there", operator.leftover(series, "n", "Deployment/web"))
        self.assertIsNone(operator.leftover(series, "n", "Deployment/api"))


class Crashes(unittest.TestCase):
    def pod(self, status, **spec):
        return {"spec": {"containers": [{"name": "app"}], **spec}, "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 0, **status}]}}

    def test_what_shows_a_crash(self):
        self.assertFalse(state.crash_shown(self.pod({"state": {"running": {}}}), "app"))
        self.assertFalse(state.crash_shown(self.pod({"state": {"waiting": {"reason": "ContainerCreating"}}}), "app"))
        self.assertTrue(state.crash_shown(self.pod({"state": {"waiting": {"reason": "RunContainerError"}}}), "app"))
        self.assertTrue(state.crash_shown(self.pod({"state": {"terminated": {"exitCode": 0}}}), "app"))
        self.assertFalse(state.crash_shown(self.pod({"state": {"terminated": {"exitCode": 0}}}, restartPolicy="Never"), "app"))
        self.assertTrue(state.crash_shown(self.pod({"state": {"terminated": {"exitCode": 3}}}, restartPolicy="Never"), "app"))


class Change(unittest.TestCase):
    def test_a_manifest_may_name_a_time_to_come(self):
        self.assertEqual("until: 1970-01-01T00:01:30Z", change.dated("until: NOW+90s", 0))
        self.assertEqual("KNOW+90s", change.dated("KNOW+90s", 0))

    def test_kinds_have_their_group(self):
        self.assertEqual([("v1", "Pod", "a"), ("apps/v1", "StatefulSet", "a"), ("batch/v1", "Job", "a")], [change.target(f"{k}/a") for k in ("Pod", "StatefulSet", "Job")])


if __name__ == "__main__":
    unittest.main()
