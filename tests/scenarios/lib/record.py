"""Records a scenario as a case of the accuracy corpus: `crash-diagnosis capture` for each pod, and case.yaml from the expectation."""
import os
import shutil
import subprocess

import yaml

from . import expect


class Recorder:
    def __init__(self, binary, kubeconfig, folder):
        self.binary, self.folder = binary, folder
        self.env = {**os.environ, "KUBECONFIG": kubeconfig}
        os.makedirs(folder, exist_ok=True)

    def __call__(self, run, wants):
        """One case per expected row; only the first expectation of a scenario, and only where a pod is left to capture."""
        for want in wants:
            if want.get("state") == "Recovered" or want.get("gone"):
                continue
            row = next(r for r in run.state.rows(run.namespace) if expect.matches_row(want, r))
            pods = [p["name"] for p in row["status"].get("pods", [])]
            living = {p["metadata"]["name"] for p in run.state.pods(run.namespace)}
            pod = next((p for p in pods if p in living), None)
            if pod is None:
                continue
            case = run.s.name if len(wants) == 1 else f"{run.s.name}-{want['container']}" if want["container"] != "app" else run.s.name
            self.capture(run, want, pod, os.path.join(self.folder, case))

    def capture(self, run, want, pod, folder):
        if os.path.exists(folder):
            shutil.rmtree(folder)
        done = subprocess.run([self.binary, "capture", pod, "-n", run.namespace, "--to", folder], env=self.env, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise OSError(f"capture {pod}: {done.stderr.strip()}")
        with open(os.path.join(folder, "case.yaml"), "w", encoding="utf-8") as f:
            yaml.safe_dump(case(run, want, pod), f, sort_keys=False, width=160, allow_unicode=True)


def case(run, want, pod):
    reasons = expect.listed(want["reason"])
    causes = expect.listed(want["cause"]) if want.get("cause") else None
    answers = [{"cause": (causes or [CAUSE_OF[r]])[0] if causes else CAUSE_OF[r], "reason": r} for r in reasons]
    return {
        "source": f"tests/scenarios/{run.s.name}", "summary": run.s.spec["about"],
        "resolution": "made so by the scenario's manifest", "target": {"namespace": run.namespace, "pod": pod, "container": want["container"]},
        "expect": answers[0], "accept": answers[1:], "must_cite": [w.split("|")[0] for w in want.get("evidence", [])],
    }


CAUSE_OF = {}
