"""The operator as a process of this machine, with the rights of its service account: started, killed, asked."""
import os
import subprocess
import time
import urllib.error
import urllib.request

from scenarios.lib.operator import Binary, parse

from .plane import ROOT


def binary():
    """The newest of what cargo has built; a debug build where there is none."""
    if path := os.environ.get("CRASH_DIAGNOSIS_BIN"):
        return os.path.join(ROOT, path)
    built = [p for p in (os.path.join(ROOT, f"target/{kind}/crash-diagnosis") for kind in ("debug", "release")) if os.path.exists(p)]
    if not built:
        subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=ROOT, check=True)
        built = [os.path.join(ROOT, "target/debug/crash-diagnosis")]
    return max(built, key=os.path.getmtime)


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Operator(Binary):
    """Its log is one file over all its lives."""

    def __init__(self, plane, name, *flags, path=None):
        folder = os.path.join(ROOT, "target/fake")
        os.makedirs(folder, exist_ok=True)
        kubeconfig = plane.operator_kubeconfig(os.path.join(os.path.dirname(plane.kubeconfig), f"{name}.kubeconfig"))
        super().__init__(plane.api, path or binary(), kubeconfig, free_port(), os.path.join(folder, f"{name}.log"), ["--no-leader-election", *flags])

    def spawn(self):
        """Starts it without waiting for anything."""
        self.process = subprocess.Popen(self.command, env=self.env, stdout=self.log, stderr=subprocess.STDOUT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def ready(self):
        """(is ready, what it says)."""
        try:
            return True, self.get("/readyz")
        except urllib.error.HTTPError as e:
            return False, e.read().decode()
        except OSError as e:
            return False, f"no answer: {e}"

    def alive(self):
        return self.process.poll() is None

    def text(self):
        with open(self.log.name, encoding="utf-8") as f:
            return f.read()

    def metric(self, name):
        """Sum over all label sets; also of metrics without labels."""
        text = self.scrape()
        plain = [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + " ")]
        return sum(plain) + sum(value for _, value in parse(text).get(name, []))

    def memory(self):
        """(peak, now) resident KiB."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as f:
            found = dict(line.split(":", 1) for line in f)
        return int(found["VmHWM"].split()[0]), int(found["VmRSS"].split()[0])


def until(seconds, ask, what, pause=0.2):
    """Asks until the answer is true, and returns it."""
    end = time.time() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.time() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(pause)
