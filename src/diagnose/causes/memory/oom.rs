//! MemoryLimitExceeded: the kernel killed a process of the container for its memory.

use std::sync::LazyLock;

use regex::Regex;

use super::{MI, limit, limit_evidence, raise, settings, status_evidence, whose};
use crate::diagnose::causes::ended::{asked_to_stop, asks_to_stop};
use crate::diagnose::causes::node;
use crate::diagnose::facts::{Event, Terminated};
use crate::diagnose::log::Concept;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop, words};

/// How one knows.
enum Word<'a> {
    /// The kubelet says OOMKilled.
    Kubelet(&'a Terminated),
    /// The runtime says that the limit does not even hold the container's own start.
    Start(&'a str),
    /// The node's kernel says so, in an event.
    Kernel(&'a Event),
    /// The log says that a child process was killed.
    Child(String),
    /// SIGKILL, a limit, and nothing else that explains it.
    Guess,
}

/// What the runtime says when the limit is too small for its own init process (runc).
const TOO_SMALL: &[&str] = &["init was OOM-killed", "memory limit too low", "inimum memory limit allowed"];

/// How the first steps of a container end where its limit kills them: the words differ from try to try.
const CUT_SHORT: &[&str] = &[
    "did not terminate suc",
    "init-p: connection reset by peer",
    "init caused \"\"",
    "init caused \\\"\\\"",
    "cannot start a stopped process",
    "pid from pipe caused",
];

/// A limit below this (MiB) leaves the runtime itself little room.
const NO_ROOM: u64 = 8;

/// What a parent process or shell prints when the kernel killed its child: shells, gunicorn, PostgreSQL, Go's os/exec,
/// Python's subprocess, npm, gcc, supervisors.
static CHILD_KILLED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        ^Killed\s*$
        | :\s+line\s+\d+:\s+\d+\s+Killed\b
        | ^\S*sh:\s.*\bKilled\b
        | \bKilled\s+signal\s+terminated\s+program
        | sent\s+SIGKILL!
        | terminated\s+by\s+signal\s+9\b
        | (?i:killed\ by\ signal\s+\(?(?:9|sigkill)|exited\ (?:on|with|due\ to)\ signal\s+\(?(?:9|sigkill))
        | (?i:\b(?:terminated|killed|exited|died|ended)\b.{0,24}\b(?:by|due\ to|on|with|from)\ (?:signal:?\s+\(?9\b|(?:signal:?\s+)?\(?sigkill))
        | \bsignal:\s+killed\b
        | Signals\.SIGKILL
        | \bsignal\s+SIGKILL\b
        | (?i:exit(?:ed)?\ (?:with\ )?(?:code|status)[:=]?\s+137\b)
        | (?i:memory\ cgroup\ out\ of\ memory|\boom-kill|out\ of\ memory:\ kill(?:ed)?\ process)",
    )
    .expect("a valid pattern")
});

/// The kernel's own words in events of the node (node-problem-detector) and the kubelet's (`SystemOOM`).
const OOM_EVENTS: &[&str] = &["SystemOOM", "OOMKilling", "ContainerOOM"];

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(word) = word(case) else { return Vec::new() };
    let mut finding = match &word {
        Word::Kubelet(crash) => kubelet(case, crash),
        Word::Start(message) => Finding::new(
            Reason::MemoryLimitExceeded,
            if TOO_SMALL.iter().any(|t| message.contains(t)) { Confidence::Certain } else { Confidence::Likely },
            Basis::Stated,
            format!("The memory limit{} is too small even to start a container.", of_limit(case)),
        )
        .evidence(Evidence::new(Source::Event, *message)),
        Word::Kernel(event) => kernel(case, event),
        Word::Child(line) => child(case, line),
        Word::Guess => guess(case),
    };
    finding.evidence.extend(status_evidence(case));
    finding.evidence.extend(limit_evidence(case));
    vec![advise(case, finding)]
}

fn word<'a>(case: &Case<'a>) -> Option<Word<'a>> {
    if let Some(message) = start_failure(case) {
        return Some(Word::Start(message));
    }
    let crash = case.crash()?;
    // A drained pod may show OOMKilled with the exit code of its shutdown: the runtime's counter is of the cgroup, so a
    // child's OOM of hours ago still shows (kubernetes/kubernetes#140716).
    let stopped = stop::stop(case).is_some() || stop::probe_kill(case).is_some() || stop::hook_kill(case);
    if crash.reason == "OOMKilled" && (crash.exit_code == 137 || !stopped) {
        return Some(Word::Kubelet(crash));
    }
    if stopped {
        return limit(case).and_then(|_| child_of_probed(case)).map(Word::Child);
    }
    if crash.exit_code == 137
        && let Some(event) = node_oom(case, crash)
    {
        return Some(Word::Kernel(event));
    }
    if let Some(line) = child_killed(case) {
        return Some(Word::Child(line));
    }
    (crash.exit_code == 137
        && crash.reason == "Error"
        && limit(case).is_some()
        && case.log().find(Concept::Shutdown).is_none()
        && asked_to_stop(case).is_none())
    .then_some(Word::Guess)
}

fn start_failure<'a>(case: &Case<'a>) -> Option<&'a str> {
    let states = [case.waiting().1, case.crash().map_or("", |c| c.message.as_str())];
    let events = case.events().rev().filter(|e| e.warning).map(|e| e.message.as_str());
    states.into_iter().chain(events).find(|m| is_too_small(case, m))
}

/// Whether the runtime's words say that the limit does not hold the container's own start; vague ones count where the limit is tiny.
pub(in crate::diagnose::causes) fn is_too_small(case: &Case, text: &str) -> bool {
    let tiny = limit(case).is_some_and(|l| l < NO_ROOM * MI);
    TOO_SMALL.iter().any(|t| text.contains(t)) || (tiny && CUT_SHORT.iter().any(|t| text.contains(t)))
}

fn node_oom<'a>(case: &Case<'a>, crash: &Terminated) -> Option<&'a Event> {
    let (node, finished) = (case.pod.node.as_deref()?, crash.finished?);
    case.cluster.events.iter().rev().find(|e| {
        e.kind == "Node"
            && e.object == node
            && OOM_EVENTS.contains(&e.reason.as_str())
            && e.last.is_some_and(|l| (l.as_second() - finished.as_second()).abs() <= 30)
    })
}

fn child_killed(case: &Case) -> Option<String> {
    let log = case.crash_log()?;
    log.text.lines().rev().take(40).find(|l| CHILD_KILLED.is_match(l)).map(|l| l.trim().chars().take(300).collect())
}

/// Workers that were killed at the limit, one after the other, make a container stop answering: the probe that kills it then
/// saw only the consequence. Supervisors kill workers themselves, where these take too long: they say so just before.
pub(in crate::diagnose::causes) fn child_of_probed(case: &Case) -> Option<String> {
    const NEAR: usize = 4;
    stop::probe_kill(case)?;
    let lines: Vec<&str> = case.crash_log()?.text.lines().collect();
    let end = lines.iter().position(|l| asks_to_stop(l)).unwrap_or(lines.len());
    let own_doing = |l: &&str| {
        let lower = l.to_ascii_lowercase();
        ["timeout", "timed out", "harakiri", "too long"].iter().any(|w| lower.contains(w))
    };
    let killed =
        |i: &usize| CHILD_KILLED.is_match(lines[*i]) && !lines[i.saturating_sub(NEAR)..=*i].iter().any(own_doing);
    let last = (end.saturating_sub(40)..end).rfind(killed)?;
    Some(words::cut(lines[last], 300))
}

fn of_limit(case: &Case) -> String {
    limit(case).map_or_else(String::new, |l| format!(" of {}", words::bytes(l)))
}

fn ran(crash: &Terminated) -> String {
    crash.ran_for().map_or_else(String::new, |s| format!(", {} after its start", words::seconds(s)))
}

fn repeated(case: &Case) -> String {
    match case.container.status.restarts {
        0 | 1 => String::new(),
        n => format!(" ({n} restarts)"),
    }
}

fn kubelet(case: &Case, crash: &Terminated) -> Finding {
    let who = if crash.exit_code == 137 { "Killed" } else { "One of its processes was killed" };
    let then = if crash.exit_code == 137 {
        String::new()
    } else {
        format!("; the main process then exited {}", crash.exit_code)
    };
    let Some(limit) = limit(case) else {
        let text = format!(
            "{who} by the kernel for memory{}{}{then}; the container has no memory limit, so the node itself ran out.",
            ran(crash),
            repeated(case)
        );
        return Finding::new(Reason::MemoryLimitExceeded, Confidence::Likely, Basis::Stated, text);
    };
    let request = case.container.resources.memory_request.filter(|r| *r != limit);
    let request = request.map_or_else(String::new, |r| format!("; the request is {}", words::bytes(r)));
    let text = format!(
        "{who} by the kernel at {} memory limit of {}{}{}{then}{request}.",
        whose(case),
        words::bytes(limit),
        ran(crash),
        repeated(case)
    );
    Finding::new(Reason::MemoryLimitExceeded, Confidence::Certain, Basis::Stated, text)
}

fn kernel(case: &Case, event: &Event) -> Finding {
    let of_cgroup = event.message.to_lowercase().contains("cgroup");
    let node = case.pod.node.as_deref().unwrap_or_default();
    let evidence = Evidence::new(Source::Event, format!("{}: {}", event.reason, event.message.trim()))
        .of(format!("node {node}"))
        .at(event.last);
    if of_cgroup {
        let text = format!(
            "Killed by the kernel at {} memory limit{}, says an event of node {node}.",
            whose(case),
            of_limit(case)
        );
        return Finding::new(Reason::MemoryLimitExceeded, Confidence::Likely, Basis::Stated, text).evidence(evidence);
    }
    let text = format!("Killed by the kernel because node {node} ran out of memory, not for a limit of its own.");
    let mut finding =
        Finding::new(Reason::NodePressureEviction, Confidence::Likely, Basis::Stated, text).evidence(evidence);
    finding.root_cause = node::root(case, "it ran out of memory");
    finding.advise("Give the pods of this node memory requests that match what they use, so that the scheduler does not overfill it; a limit on the largest one protects the others.")
}

fn child(case: &Case, line: &str) -> Finding {
    let confidence = if limit(case).is_some() { Confidence::Likely } else { Confidence::Possible };
    let text = format!(
        "A process of the container was killed with SIGKILL, most likely at the memory limit{}{}.",
        of_limit(case),
        if stop::probe_kill(case).is_some() { ", so that it did not answer its probe" } else { "" }
    );
    Finding::new(Reason::MemoryLimitExceeded, confidence, Basis::Inferred, text)
        .evidence(Evidence::new(Source::Log, line))
        .but("the kubelet does not say OOMKilled: it sees only the main process")
}

fn guess(case: &Case) -> Finding {
    let text = format!(
        "Killed with SIGKILL{}, by nobody whom an event names: most likely memory, at {} limit{}.",
        case.crash().map_or_else(String::new, ran),
        whose(case),
        of_limit(case)
    );
    Finding::new(Reason::MemoryLimitExceeded, Confidence::Possible, Basis::Symptom, text)
        .but("the kubelet says Error, not OOMKilled")
}

fn advise(case: &Case, finding: Finding) -> Finding {
    let Some(limit) = limit(case) else {
        return finding.advise("Set a memory limit and request that hold what it needs at its peak; without them the node decides whom to kill.");
    };
    if limit < 4 * MI {
        return finding.advise(format!(
            "The limit is {} bytes: the unit is missing or wrong. `128m` means 0.128 bytes; write `128Mi`.",
            words::bytes(limit)
        ));
    }
    let finding = outside_the_heap(case, limit, finding);
    let (text, command) = raise(case, limit);
    let finding = match command {
        Some(command) => finding.advise_command(text, command),
        None => finding.advise(text),
    };
    let in_memory = case.pod.volumes.iter().find(|v| {
        matches!(v.source, crate::diagnose::facts::VolumeSource::EmptyDir { memory: true, .. })
            && case.container.mounts.iter().any(|m| m.volume == v.name)
    });
    match in_memory {
        Some(v) => finding.advise(format!("Files in volume {} (emptyDir, medium Memory) count as its memory.", v.name)),
        None => finding,
    }
}

/// A heap that is capped well below the limit cannot have filled it by itself.
fn outside_the_heap(case: &Case, limit: u64, mut finding: Finding) -> Finding {
    let killed = case.crash().is_some_and(|c| c.reason == "OOMKilled" && c.exit_code == 137);
    let ceilings = settings::all(case, limit).into_iter().filter(settings::Setting::is_ceiling);
    let Some(heap) = ceilings.max_by_key(|s| s.bytes).filter(|s| killed && s.bytes <= limit / 5 * 3) else {
        return finding;
    };
    let place = Evidence::new(heap.source, format!("{}: at most {}", heap.words(), words::bytes(heap.bytes)));
    finding.evidence.push(place);
    finding.advise(format!(
        "The {} is capped at {}, so what grew lies outside of it: direct buffers, threads, native libraries, child processes (Java: -XX:NativeMemoryTracking=summary).",
        heap.runtime.word(),
        words::bytes(heap.bytes)
    ))
}

#[cfg(test)]
#[path = "oom_tests.rs"]
mod tests;
