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
        self.cause_of = causes(binary)
        os.makedirs(folder, exist_ok=True)

    def __call__(self, run, wants):
        """One case per expected row of the newest step, and only where a pod is left to capture."""
        for want in wants:
            if want.get("state") == "Recovered" or want.get("gone"):
                continue
            row = next(r for r in run.state.rows(run.namespace) if expect.matches_row(want, r))
            pods = [p["name"] for p in row["status"].get("pods", [])]
            living = {p["metadata"]["name"] for p in run.state.pods(run.namespace)}
            pod = next((p for p in pods if p in living), None)
            if pod is None:
                continue
            name = run.s.name if len(wants) == 1 or want["container"] == "app" else f"{run.s.name}-{want['container']}"
            self.capture(run, pod, os.path.join(self.folder, name), self.case(run, want, pod, row))

    def healthy(self, run):
        """A scenario that must stay silent: its first pod, as it is now."""
        pod = next((p for p in run.state.pods(run.namespace)), None)
        if pod is None:
            return
        target = {"namespace": run.namespace, "pod": pod["metadata"]["name"], "container": pod["spec"]["containers"][0]["name"]}
        self.capture(run, target["pod"], os.path.join(self.folder, run.s.name), {**about(run), "target": target, "healthy": True})

    def capture(self, run, pod, folder, case):
        if os.path.exists(folder):
            shutil.rmtree(folder)
        done = subprocess.run([self.binary, "capture", pod, "-n", run.namespace, "--to", folder], env=self.env, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise OSError(f"capture {pod}: {done.stderr.strip()}")
        with open(os.path.join(folder, "case.yaml"), "w", encoding="utf-8") as f:
            yaml.safe_dump(case, f, sort_keys=False, width=160, allow_unicode=True)
        rename(folder, run.namespace, run.namespace.removesuffix(run.c.suffix))

    def case(self, run, want, pod, row):
        answers = [{"cause": self.cause_of[r], "reason": r} for r in expect.listed(want["reason"])]
        # What this run got comes first: it may be one of several that the scenario accepts.
        answers.sort(key=lambda a: a["reason"] != row["status"]["reason"])
        case = {
            **about(run), "target": {"namespace": run.namespace, "pod": pod, "container": want["container"]},
            "expect": answers[0], "accept": answers[1:], "must_cite": [str(w).split("|")[0] for w in want.get("evidence", [])],
        }
        root = row["status"].get("rootCause")
        if want.get("rootCause") and root:
            case["upstream"] = {k: root[k] for k in ("kind", "namespace", "name") if root.get(k)}
        return case


def about(run):
    return {"source": f"tests/scenarios/{run.s.name}", "summary": run.s.spec["about"], "resolution": "made so by the scenario's manifest"}


def causes(binary):
    """{reason: cause}, from the program's own catalogue."""
    found, cause = {}, None
    for line in subprocess.run([binary, "causes"], capture_output=True, text=True, check=True, timeout=20).stdout.splitlines():
        if line and not line.startswith(" "):
            cause = line.strip()
        elif line.strip() and cause:
            found[line.split()[0]] = cause
    return found


def rename(folder, old, new):
    """Another name for the namespace, in texts and in the names of folders: two recordings of one scenario are alike."""
    for root, folders, files in os.walk(folder, topdown=False):
        for name in files:
            path = os.path.join(root, name)
            with open(path, encoding="utf-8", errors="surrogateescape") as f:
                text = f.read()
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as f:
                f.write(text.replace(old, new))
        for name in folders:
            if name == old:
                os.rename(os.path.join(root, name), os.path.join(root, new))
