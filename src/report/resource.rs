//! Pure mapping from the engine's words to those of the custom resource; the command line prints the same.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api;
use crate::diagnose::facts::{Container, ContainerKind, Pod, State, Terminated, Timestamp, Workload};
use crate::diagnose::{Diagnosis, Reason};

/// Longest text of one field, bytes; what facts hold is bounded already, sentences built from them are bounded here.
const MAX_TEXT: usize = 2048;
/// Most pieces of evidence kept.
const MAX_EVIDENCE: usize = 12;

/// What the engine said, in the words of the custom resource; without the state and the counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Class of the cause.
    pub cause: String,
    /// Reason.
    pub reason: String,
    /// `Certain`, `Likely` or `Possible`.
    pub confidence: String,
    /// One sentence.
    pub summary: String,
    /// What to do.
    pub remediation: Vec<api::Remediation>,
    /// What it rests on.
    pub evidence: Vec<api::EvidenceItem>,
    /// Other readings.
    pub alternatives: Vec<api::AlternativeReading>,
    /// The object to look at next.
    pub root_cause: Option<api::RootCauseRef>,
    /// What the rollout changed.
    pub change: Option<String>,
    /// The lines that matter.
    pub log_excerpt: Vec<String>,
    /// What could not be read.
    pub unread: Vec<api::Unread>,
}

impl From<&Diagnosis> for Verdict {
    fn from(d: &Diagnosis) -> Self {
        Self {
            cause: d.cause().as_str().into(),
            reason: d.reason.as_str().into(),
            confidence: d.confidence.as_str().into(),
            summary: bounded(&d.summary),
            remediation: d.remediation.iter().map(remediation).collect(),
            evidence: d.evidence.iter().take(MAX_EVIDENCE).map(evidence).collect(),
            alternatives: d.alternatives.iter().map(alternative).collect(),
            root_cause: d.root_cause.as_ref().map(root_cause),
            change: d.change.as_deref().map(bounded),
            log_excerpt: d.log_excerpt.clone(),
            unread: d.gaps.iter().map(unread).collect(),
        }
    }
}

impl Verdict {
    /// Reads it back from an object that was written earlier.
    pub fn of(status: &api::CrashDiagnosisStatus) -> Self {
        let s = status.clone();
        Self {
            cause: s.cause,
            reason: s.reason,
            confidence: s.confidence,
            summary: s.summary,
            remediation: s.remediation,
            evidence: s.evidence,
            alternatives: s.alternatives,
            root_cause: s.root_cause,
            change: s.change,
            log_excerpt: s.log_excerpt,
            unread: s.unread,
        }
    }

    /// Writes it into a status.
    pub fn fill(&self, status: &mut api::CrashDiagnosisStatus) {
        let v = self.clone();
        status.cause = v.cause;
        status.reason = v.reason;
        status.confidence = v.confidence;
        status.summary = v.summary;
        status.remediation = v.remediation;
        status.evidence = v.evidence;
        status.alternatives = v.alternatives;
        status.root_cause = v.root_cause;
        status.change = v.change;
        status.log_excerpt = v.log_excerpt;
        status.unread = v.unread;
    }

    /// Whether it says nothing in particular, so that a second look is worth a request.
    pub fn is_vague(&self) -> bool {
        is_vague(&self.reason)
    }
}

/// Reasons that name no cause.
pub fn is_vague(reason: &str) -> bool {
    reason == Reason::Unknown.as_str() || reason == Reason::UnknownError.as_str()
}

/// An end of a container, in the words of the custom resource.
pub fn crash(pod: &Pod, end: &Terminated) -> api::Crash {
    api::Crash {
        exit_code: Some(end.exit_code),
        signal: signal(end),
        reason: Some(end.reason.clone()).filter(|r| !r.is_empty()),
        container_id: end.container_id.clone(),
        started_at: end.started.map(Time),
        finished_at: end.finished.map(Time),
        ran_for: end.ran_for().map(duration),
        ..at(pod)
    }
}

/// The newest trouble of a container: its last end, or the reason why it cannot start.
pub fn last_crash(pod: &Pod, container: &Container) -> api::Crash {
    match (&container.status.state, &container.status.last) {
        (State::Terminated(end), _) | (_, Some(end)) => crash(pod, end),
        (State::Waiting { reason, .. }, None) if !reason.is_empty() => {
            api::Crash { reason: Some(reason.clone()), ..at(pod) }
        }
        _ => api::Crash { reason: pod.reason.clone(), ..at(pod) },
    }
}

fn at(pod: &Pod) -> api::Crash {
    api::Crash { pod: pod.name.clone(), uid: pod.uid.clone(), node: pod.node.clone(), ..api::Crash::default() }
}

/// The container's identity in the custom resource.
pub fn spec(workload: &Workload, container: &str, kind: ContainerKind) -> api::CrashDiagnosisSpec {
    api::CrashDiagnosisSpec {
        workload: workload_ref(workload),
        container: container.into(),
        container_type: match kind {
            ContainerKind::Regular => api::ContainerType::Regular,
            ContainerKind::Init => api::ContainerType::Init,
            ContainerKind::Sidecar => api::ContainerType::Sidecar,
        },
    }
}

/// A workload without its uid.
pub fn workload_ref(w: &Workload) -> api::WorkloadRef {
    api::WorkloadRef { api_version: w.api_version.clone(), kind: w.kind.clone(), name: w.name.clone() }
}

/// `deployment/web`.
pub fn workload_words(w: &api::WorkloadRef) -> String {
    format!("{}/{}", w.kind.to_lowercase(), w.name)
}

/// Seconds in the manner of Go's durations: `45s`, `3m20s`, `2h5m0s`.
pub fn duration(seconds: i64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (h, m) {
        (0, 0) => format!("{s}s"),
        (0, _) => format!("{m}m{s}s"),
        _ => format!("{h}h{m}m{s}s"),
    }
}

/// The reverse of [`duration`].
pub fn seconds(duration: &str) -> Option<i64> {
    let mut total = 0;
    let mut rest = duration;
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            total += number.parse::<i64>().ok()? * factor;
            rest = after;
        }
    }
    (rest.is_empty() && !duration.is_empty()).then_some(total)
}

/// The signal's name: the runtime's number, or the shell convention 128+n, which runtimes follow for killed processes.
/// 128 itself is what a container that could not be started gets, and 255 is a program's own `exit(-1)`.
pub fn signal(end: &Terminated) -> Option<String> {
    let number = end.signal.unwrap_or(end.exit_code - 128);
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    };
    Some(name.into())
}

fn remediation(r: &crate::diagnose::Remedy) -> api::Remediation {
    api::Remediation { text: bounded(&r.text), command: r.command.as_deref().map(bounded) }
}

fn evidence(e: &crate::diagnose::Evidence) -> api::EvidenceItem {
    api::EvidenceItem {
        source: e.source.as_str().into(),
        object: Some(e.object.clone()).filter(|o| !o.is_empty()),
        time: e.time.map(whole_seconds).map(Time),
        detail: bounded(&e.detail),
    }
}

fn alternative(a: &crate::diagnose::Alternative) -> api::AlternativeReading {
    api::AlternativeReading {
        cause: a.reason.cause().as_str().into(),
        reason: a.reason.as_str().into(),
        summary: bounded(&a.summary),
        against: bounded(&a.against),
    }
}

fn root_cause(r: &crate::diagnose::RootCause) -> api::RootCauseRef {
    api::RootCauseRef {
        api_version: r.api_version.clone(),
        kind: r.kind.clone(),
        namespace: Some(r.namespace.clone()).filter(|n| !n.is_empty()),
        name: r.name.clone(),
        workload: r.workload.as_ref().map(workload_ref),
        summary: bounded(&r.summary),
    }
}

fn unread(g: &crate::diagnose::facts::Gap) -> api::Unread {
    api::Unread { what: g.what.clone(), object: g.object.clone(), why: bounded(&g.why) }
}

/// The API keeps whole seconds; comparing what was written with what is wanted needs the same.
pub fn whole_seconds(t: Timestamp) -> Timestamp {
    Timestamp::from_second(t.as_second()).unwrap_or(t)
}

/// At most [`MAX_TEXT`] bytes, cut at a character.
fn bounded(text: &str) -> String {
    cut(text, MAX_TEXT)
}

/// At most `max` bytes (3 or more), cut at a character, with an ellipsis where something is missing.
pub fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.into();
    }
    let end = (0..=max - '…'.len_utf8()).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    #[test]
    fn a_verdict_survives_the_way_through_the_api() {
        let d = World::new().crashed(1, "Error", 2).diagnose();
        let v = Verdict::from(&d);
        let mut status = api::CrashDiagnosisStatus::default();
        v.fill(&mut status);
        let json = serde_json::to_string(&status).unwrap();
        assert_eq!(Verdict::of(&serde_json::from_str(&json).unwrap()), v);
    }

    #[test]
    fn durations_go_both_ways() {
        for (s, text) in [(0, "0s"), (45, "45s"), (200, "3m20s"), (7500, "2h5m0s"), (3600, "1h0m0s")] {
            assert_eq!(duration(s), text);
            assert_eq!(seconds(text), Some(s));
        }
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn signals_come_from_the_exit_code() {
        let end = |exit_code| Terminated { exit_code, ..Terminated::default() };
        assert_eq!(signal(&end(137)).as_deref(), Some("SIGKILL"));
        assert_eq!(signal(&end(139)).as_deref(), Some("SIGSEGV"));
        assert_eq!([0, 1, 127, 128, 255].map(|c| signal(&end(c))), [const { None }; 5]);
    }

    #[test]
    fn cutting_respects_characters() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("äöüäöü", 7), "äö…");
    }

    #[test]
    fn a_container_that_never_ran_has_a_last_crash_without_an_exit() {
        let mut w = World::new().waiting("CreateContainerConfigError", "configmap \"a\" not found");
        let pod = w.pod().clone();
        let c = last_crash(&pod, &pod.containers[0]);
        assert_eq!((c.reason.as_deref(), c.exit_code), (Some("CreateContainerConfigError"), None));
    }
}
