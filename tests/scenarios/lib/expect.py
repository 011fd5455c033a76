"""Does a CrashDiagnosis say what the scenario expects? Pure functions; tested in test_expect.py."""
import datetime

CONFIDENCE = ["Possible", "Likely", "Certain"]


def listed(value):
    return value if isinstance(value, list) else [value]


def row_name(want):
    kind, name = want["workload"].split("/")
    return f"{kind}/{name}", want["container"]


def workload(crash):
    w = crash["spec"]["workload"]
    return f"{w['kind']}/{w['name']}"


def matches_row(want, crash):
    return row_name(want) == (workload(crash), crash["spec"]["container"])


def quoted(words, texts):
    """Each entry must be in one of the texts; `a|b` means either."""
    return [w for w in words if not any(alt.lower() in t.lower() for alt in str(w).split("|") for t in texts)]


def problems(want, crash):
    """What is wrong with this diagnosis: a list of short sentences, empty when it is right."""
    status = crash.get("status", {})
    out = []
    for field in ("cause", "reason"):
        if want.get(field) and status.get(field) not in listed(want[field]):
            out.append(f"{field} is {status.get(field)}")
    if want.get("state", "Crashing") != status.get("state"):
        out.append(f"state is {status.get('state')}")
    if "containerType" in want and crash["spec"].get("containerType") != want["containerType"]:
        out.append(f"containerType is {crash['spec'].get('containerType')}")
    if "confidence" in want:
        got = status.get("confidence")
        if got not in CONFIDENCE or CONFIDENCE.index(got) < CONFIDENCE.index(want["confidence"]):
            out.append(f"confidence is {got}")
    out += [f"evidence does not quote {w!r}" for w in quoted(want.get("evidence", []), [e.get("detail", "") for e in status.get("evidence", [])] + status.get("logExcerpt", []))]
    advice = [f"{r.get('text', '')} {r.get('command', '')}" for r in status.get("remediation", [])]
    if status.get("state") == "Crashing" and not advice:
        out.append("no remediation")
    out += [f"remediation does not say {w!r}" for w in quoted(want.get("remediation", []), advice)]
    out += [f"summary does not say {w!r}" for w in quoted(want.get("summary", []), [status.get("summary", "")])]
    changed = status.get("change") or {}
    out += [f"change does not name {w!r}" for w in quoted(want.get("change", []), [str(changed)])]
    for field in ("podsAffected", "podsTotal"):
        if field in want and status.get(field) != want[field]:
            out.append(f"{field} is {status.get(field)}")
    for field in ("restarts", "crashes"):
        if field in want and (status.get(field) or 0) < want[field]:
            out.append(f"{field} is {status.get(field)}")
    seen = [h.get("reason") for h in status.get("history", [])]
    out += [f"history does not tell of {r}, but of {seen}" for r in want.get("history", []) if r not in seen]
    others = [f"{a.get('reason')} {a.get('summary')} {a.get('against')}" for a in status.get("alternatives", [])]
    out += [f"alternatives do not say {w!r}" for w in quoted(want.get("alternatives", []), others)]
    out += [f"it says {w!r}" for w in want.get("unsaid", []) if w.lower() in str(status).lower()]
    out += [f"there is evidence from {s}" for s in want.get("noSource", []) if any(e.get("source") == s for e in status.get("evidence", []))]
    out += [f"{field} is set" for field in want.get("lacks", []) if status.get(field)]
    if "exitCode" in want and (status.get("lastCrash") or {}).get("exitCode") != want["exitCode"]:
        out.append(f"exitCode is {(status.get('lastCrash') or {}).get('exitCode')}")
    out += [f"{field} is not set" for field in want.get("has", []) if not status.get(field)]
    if "rootCause" in want:
        out += root_problems(want["rootCause"], status.get("rootCause"))
    out += condition_problems(status)
    return out


def root_problems(want, got):
    if not got:
        return ["no rootCause"]
    out = []
    if got.get("kind") != want["kind"]:
        out.append(f"rootCause is {got.get('kind')}/{got.get('name')}")
    elif "name" in want and got.get("name") != want["name"]:
        out.append(f"rootCause is {got.get('kind')}/{got.get('name')}")
    elif "workload" in want and not got.get("name", "").startswith(want["workload"] + "-"):
        out.append(f"rootCause is {got.get('kind')}/{got.get('name')}")
    out += [f"rootCause does not say {w!r}" for w in quoted(want.get("summary", []), [got.get("summary", "")])]
    return out


def condition_problems(status):
    """The conditions agree with state and reason, so that `kubectl wait` works."""
    conditions = {c["type"]: c for c in status.get("conditions", [])}
    crashing = conditions.get("Crashing")
    if not crashing:
        return ["no condition Crashing"]
    out = []
    if (crashing["status"] == "True") != (status.get("state") == "Crashing"):
        out.append(f"condition Crashing is {crashing['status']}")
    if status.get("state") == "Crashing" and crashing.get("reason") != status.get("reason"):
        out.append(f"condition Crashing has reason {crashing.get('reason')}")
    diagnosed = conditions.get("Diagnosed", {}).get("status")
    if diagnosed != ("False" if status.get("reason") == "Unknown" else "True"):
        out.append(f"condition Diagnosed is {diagnosed}")
    return out


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def next_restart_problem(rows, starts, step, now):
    """Of the times that these versions of a row named for the next start, `nextRestarts` must have been kept within `within` seconds, and
    the kubelet must never have started it earlier. It may be later: a busy node takes its time. What was said before restart `from` does
    not count, since the node's longest back-off is not known yet."""
    kept = set()
    began = sorted(seconds(s) for s in starts)
    for status in (r["status"] for r in rows if r.get("status", {}).get("nextRestartAt")):
        if (status.get("restarts") or 0) < step["from"]:
            continue
        named, ended = seconds(status["nextRestartAt"]), seconds(status["lastCrash"]["finishedAt"])
        start = next((s for s in began if s > ended), None)
        if start is not None and start < named - 2:
            return f"started {named - start:.0f} s before the time that nextRestartAt named"
        if start is not None and start <= named + step["within"] and named < now:
            kept.add(named)
    return None if len(kept) >= step["nextRestarts"] else f"only {len(kept)} of {step['nextRestarts']} named starts were kept"
