"""The operator is killed at random moments while pods crash. Beside it runs another one, undisturbed, over a twin of each
pod in another namespace. In the end both must have written the same.

The seed is printed; KILL_SEED repeats a run.
"""
import itertools
import os
import random
import threading
import time
import unittest

from fake.operator import Operator, until
from fake.plane import Plane
from fake.pods import Pod, deployment

KILLS = 20
CALM, STORM = "calm", "storm"
# What two runs have in common; uids and the moments of writing they have not.
PER_POD = ("name", "node", "restarts", "state", "lastCrash", "lastCrashAt", "reason")


def story(row):
    status = row["status"]
    # An obstacle has no time of its own: it counts from when it was seen.
    history = [{**h, "time": None} if h["id"].startswith("waiting:") else h for h in status.get("history", [])]
    seen = ("firstSeen", "lastSeen") if all(h["time"] for h in history) else ()
    plain = (*seen, "state", "cause", "reason", "crashes", "restarts", "podsAffected", "podsTotal")
    last = {k: v for k, v in status.get("lastCrash", {}).items() if k != "uid"}
    pods = [{k: p.get(k) for k in PER_POD} for p in status.get("pods", [])]
    return {"spec": row["spec"], **{k: status.get(k) for k in plain}, "history": history, "lastCrash": last, "pods": pods}


class Twins:
    """A pod and its twin, which do the same at the same second."""

    def __init__(self, plane, name, controllers=(None, None), containers=("app",), **crash):
        self.crash_as = crash
        self.containers = containers
        self.pods = [Pod(plane, ns, name, controller, containers) for ns, controller in zip((CALM, STORM), controllers)]
        self.each(lambda p, now: p.create().run(at=now))

    def each(self, act):
        now = time.time()
        for p in self.pods:
            act(p, now)

    def crash(self, container):
        self.each(lambda p, now: p.crash(container, at=now, **self.crash_as))

    def restart(self, container):
        self.each(lambda p, now: p.restart(container, at=now))

    def live(self, seed, stop):
        """Runs, crashes, is restarted at once or after a back-off. The operator is away for a second or two at a time; two
        crashes of one container within that are more than a pod's status can tell."""
        dice, turns = random.Random(seed), itertools.cycle(self.containers)
        while not stop.wait(dice.uniform(6, 9)):
            container = next(turns)
            self.crash(container)
            stop.wait(dice.choice((0.2, dice.uniform(2, 4))))
            self.restart(container)


class Kill(unittest.TestCase):
    def setUp(self):
        self.plane = Plane("scale-kill")
        self.addCleanup(self.plane.close)
        for ns in (CALM, STORM):
            self.plane.namespace(ns)
        self.calm, self.storm = (Operator(self.plane, ns, f"--namespaces={ns}", "--log-level=info,crash_diagnosis=debug") for ns in (CALM, STORM))
        for o in (self.calm, self.storm):
            o.start()
            self.addCleanup(o.close)

    def workloads(self):
        def of(name, replicas, **crash):
            pair = tuple(deployment(self.plane, ns, name, replicas) for ns in (CALM, STORM))
            return [Twins(self.plane, f"{name}-5d4f8c7b9-{i:02}", pair, **crash) for i in range(replicas)]
        refused = ["starting", "dial tcp 10.96.0.9:5432: connect: connection refused", "fatal: giving up"]
        # More pods than a row names; several; one alone with two containers.
        return [*of("many", 14, code=2), *of("web", 3, log=refused), Twins(self.plane, "alone", containers=("app", "sidecar"), code=3)]

    def rows(self, namespace):
        return {r["metadata"]["name"]: story(r) for r in self.plane.diagnoses(namespace) if "status" in r}

    def test_twenty_kills_leave_no_trace(self):
        seed = int(os.environ.get("KILL_SEED", random.randrange(1 << 32)))
        print(f"\n  KILL_SEED={seed}", flush=True)
        dice = random.Random(seed)
        twins, stop = self.workloads(), threading.Event()
        stuck = Twins(self.plane, "stuck")
        stuck.each(lambda p, now: p.wait_for("CreateContainerConfigError", 'configmap "settings" not found'))
        threads = [threading.Thread(target=t.live, args=(f"{seed}/{i}", stop)) for i, t in enumerate(twins)]
        for t in threads:
            t.start()
        try:
            until(60, lambda: len(self.rows(STORM)) >= 4, "the first rows")
            for n in range(KILLS):
                # A crash of its own before some of the kills: its row is made, or not, while the operator ends.
                if n % 4 == 0:
                    once = Twins(self.plane, f"late-{n}", code=4)
                    once.crash("app")
                    time.sleep(dice.uniform(0, 1))
                    once.restart("app")
                else:
                    time.sleep(dice.uniform(0.2, 5))
                self.storm.kill()
                time.sleep(dice.uniform(0, 0.5))
                self.storm.spawn()
        finally:
            stop.set()
            for t in threads:
                t.join()
        until(60, lambda: self.storm.ready()[0], "ready after the last kill")
        try:
            until(90, lambda: self.rows(CALM) == self.rows(STORM) and len(self.rows(CALM)) == 5 + KILLS // 4, "the same rows", pause=2)
        except AssertionError:
            calm, storm = self.rows(CALM), self.rows(STORM)
            self.assertEqual(sorted(calm), sorted(storm))
            self.assertEqual(len(calm), 5 + KILLS // 4, sorted(calm))
            self.maxDiff = None
            for name in calm:
                with self.subTest(name):
                    self.assertEqual(calm[name], storm[name])
            raise
        total = sum(r["crashes"] for r in self.rows(STORM).values())
        print(f"  {KILLS} kills, {total} crashes in {len(self.rows(STORM))} rows", flush=True)


if __name__ == "__main__":
    unittest.main()
