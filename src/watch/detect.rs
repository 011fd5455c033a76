//! Notices what is crashing: a pure function of one pod, what is known around it, and "now".
//!
//! Works alike on a live pod and on files. [`notice`] says which containers need a diagnosis and why they were noticed;
//! it never says what is wrong with them.

use crate::diagnose::facts::{
    Cluster, Container, ContainerKind, Pod, RestartPolicy, State, Terminated, Timestamp, seconds_between,
};

use super::restart::{is_deliberate, is_no_fault, is_past_its_trouble, is_recent, is_slow_loop, restarts_unrecorded};
use super::{failed, stuck};

/// When something counts as crashing.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Seconds of running after which a crash is over.
    pub resolve_after: i64,
    /// Seconds that a pod may stay without containers because of a volume or its sandbox.
    pub stuck_after: i64,
    /// Seconds after the pod's start in which a configuration error may still heal by itself.
    pub config_grace: i64,
    /// Seconds after the pod's start in which a pull that failed on the way may still succeed: time for one retry.
    pub pull_grace: i64,
    /// Seconds for which a crash of a slow loop still counts, although the container has run for longer than
    /// `resolve_after` since: see [`Policy::offline`]. Zero: not at all.
    pub slow_loop: i64,
}

impl Policy {
    /// For files: nobody saw the crash when it happened, so a loop of one crash every few hours counts as well.
    pub fn offline() -> Self {
        Self { slow_loop: 24 * 3600, stuck_after: 30, ..Self::default() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { resolve_after: 600, stuck_after: 60, config_grace: 15, pull_grace: 25, slow_loop: 0 }
    }
}

/// Why a container was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Waits in CrashLoopBackOff.
    BackOff,
    /// Ended by a crash, not yet restarted.
    Terminated,
    /// Runs again, but not for long enough.
    Restarted,
    /// Cannot be created or started.
    CannotStart,
    /// Its pod failed for good.
    PodFailed,
    /// Its pod gets no containers: volume, sandbox, or scheduling because of a volume.
    Stuck,
}

/// A container that needs a diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// Its name.
    pub container: String,
    /// Why.
    pub trigger: Trigger,
    /// Identifies the crash: pod uid, container, and the ended run's id or end; for one that never ran, the waiting reason.
    pub crash: String,
    /// When it happened, as far as known.
    pub at: Option<Timestamp>,
}

/// Waiting reasons of a container that cannot be created or started, or whose image cannot be had.
const CANNOT_START: &[&str] = &[
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "StartError",
    "ContainerCannotRun",
    "PreStartHookError",
    "PreCreateHookError",
    "PostStartHookError",
    "InvalidImageName",
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// Kubelets and runtimes of other versions have more such reasons; they end alike.
fn cannot_start(reason: &str) -> bool {
    let alike = || reason.ends_with("Error") || reason.ends_with("BackOff") || reason.starts_with("Err");
    CANNOT_START.contains(&reason) || (reason != "CrashLoopBackOff" && alike())
}

/// Which containers of a pod are crashing now. Init containers and sidecars come first, in spec order.
pub fn notice(pod: &Pod, cluster: &Cluster, now: Timestamp, policy: &Policy) -> Vec<Noticed> {
    if is_muted(pod, now) || (pod.deleting.is_some() && !crashed_before_deletion(pod, policy)) {
        return Vec::new();
    }
    if pod.phase == "Succeeded" {
        let evicted = failed::evicted_in_good_order(pod, cluster);
        return if evicted.is_empty() { failed::completed_by_its_probe(pod, cluster) } else { evicted };
    }
    if pod.phase == "Failed" {
        return failed::notice(pod, cluster, now, policy);
    }
    let found: Vec<Noticed> = pod.containers.iter().filter_map(|c| one(pod, c, cluster, now, policy)).collect();
    if !found.is_empty() {
        return found;
    }
    stuck::notice(pod, cluster, now, policy)
}

/// In files a pod that hangs in deletion may be the very one to explain, where it was in a crash loop before.
fn crashed_before_deletion(pod: &Pod, policy: &Policy) -> bool {
    let loops =
        |c: &Container| matches!(&c.status.state, State::Waiting { reason, .. } if reason == "CrashLoopBackOff");
    policy.slow_loop > 0 && pod.containers.iter().any(loops)
}

/// Whether events are needed to tell if this pod is stuck: it waits for its containers for too long.
pub fn wants_events(pod: &Pod, now: Timestamp, policy: &Policy) -> bool {
    let ended = pod.phase == "Succeeded" && pod.restart_policy == RestartPolicy::Always;
    ended
        || stuck::is_waiting(pod)
            && pod.created.and_then(|c| seconds_between(c, now)).is_some_and(|s| s >= policy.stuck_after)
}

/// `ignore`, or `mute-until` a time that has not come.
pub fn is_muted(pod: &Pod, now: Timestamp) -> bool {
    muted_until(pod, now).is_some()
}

/// Until when the owner wants nothing said of it: for ever where it says `ignore`.
pub fn muted_until(pod: &Pod, now: Timestamp) -> Option<Timestamp> {
    if pod.owner_says("ignore").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        return Some(Timestamp::MAX);
    }
    pod.owner_says("mute-until").and_then(|v| v.parse::<Timestamp>().ok()).filter(|until| now < *until)
}

/// One container of a pod that has not failed as a whole.
fn one(pod: &Pod, c: &Container, cluster: &Cluster, now: Timestamp, policy: &Policy) -> Option<Noticed> {
    let last = c.status.last.as_ref();
    match &c.status.state {
        State::Waiting { reason, .. } if reason == "CrashLoopBackOff" => {
            let expected = last.is_some_and(|end| pod.wants_end(c, end));
            (!expected).then(|| noticed(pod, c, Trigger::BackOff, last))
        }
        State::Waiting { reason, message } if cannot_start(reason) => (!may_heal(pod, reason, message, now, policy))
            .then(|| Noticed {
                container: c.name.clone(),
                trigger: Trigger::CannotStart,
                crash: last.map_or_else(|| format!("{}/{}/{reason}", pod.uid, c.name), |end| crash_id(pod, c, end)),
                at: last.and_then(|end| end.finished).or(pod.start_time).or(pod.created),
            }),
        State::Terminated(end) => (is_crash(pod, c, end) && !is_ended_sidecar(pod, c))
            .then(|| noticed(pod, c, Trigger::Terminated, Some(end))),
        State::Running { .. } if last.is_none() => {
            restarts_unrecorded(pod, c, cluster).then(|| noticed(pod, c, Trigger::Restarted, None))
        }
        State::Running { since } => {
            let end = last.filter(|end| is_crash(pod, c, end) && !is_no_fault(pod, c, cluster, end, now))?;
            if is_deliberate(pod, c, cluster, end) {
                return None;
            }
            let from = since.or(end.finished)?;
            // Not past its startup probe yet: however long that takes, it is no healthy running.
            let starting = c.startup.is_some() && c.status.started == Some(false);
            let recent = is_recent(from, now, policy) && !is_past_its_trouble(pod, c, end, from, now, policy);
            (starting || recent || is_slow_loop(pod, c, cluster, end, now, policy))
                .then(|| noticed(pod, c, Trigger::Restarted, Some(end)))
        }
        // Waiting for a restart without a back-off, or for its turn after a restart of the sandbox.
        State::Waiting { .. } | State::Unknown => {
            let end = last.filter(|end| is_crash(pod, c, end) && !is_no_fault(pod, c, cluster, end, now))?;
            is_recent(end.finished?, now, policy).then(|| noticed(pod, c, Trigger::Restarted, Some(end)))
        }
    }
}

/// Whether an end is a crash: not what the restart policy calls success, not what the owner wants.
pub fn is_crash(pod: &Pod, c: &Container, end: &Terminated) -> bool {
    // Exit code 0: the end of a job or an init container, but not of something that must keep running.
    (end.exit_code != 0 || pod.must_run(c)) && !pod.wants_end(c, end)
}

/// A sidecar of a pod whose work is done: the kubelet ends sidecars after all others, and their exit code is its doing.
fn is_ended_sidecar(pod: &Pod, c: &Container) -> bool {
    let mut others = pod.containers.iter().filter(|o| o.kind == ContainerKind::Regular);
    c.kind == ContainerKind::Sidecar
        && pod.restart_policy != RestartPolicy::Always
        && others.all(|o| matches!(o.status.state, State::Terminated(_)))
}

/// What heals by itself within the pod's first seconds: a configuration error (the object comes a moment later), a pull that
/// failed once on the way; or a message that says itself that it passes.
fn may_heal(pod: &Pod, reason: &str, message: &str, now: Timestamp, policy: &Policy) -> bool {
    let age = pod.start_time.or(pod.created).and_then(|t| seconds_between(t, now));
    let younger = |than: i64| age.is_some_and(|s| s < than);
    match reason {
        "CreateContainerConfigError" => younger(policy.config_grace) || stuck::is_passing(message),
        "ErrImagePull" | "ImagePullBackOff" => younger(policy.pull_grace) && is_on_the_way(message),
        _ => false,
    }
}

/// A pull that failed on the way to the registry or in it, not because of what was asked for. The first retry comes after 10 s.
fn is_on_the_way(message: &str) -> bool {
    const WORDS: &[&str] = &[
        "500 internal server error",
        "502 bad gateway",
        "503 service unavailable",
        "504 gateway time",
        "429 too many requests",
        "unexpected eof",
        "connection reset",
        "connection refused",
        "no route to host",
        "network is unreachable",
        "i/o timeout",
        "tls handshake timeout",
        "deadline exceeded",
        "temporary failure",
        "server misbehaving",
    ];
    let lower = message.to_lowercase();
    WORDS.iter().any(|w| lower.contains(w))
}

pub(super) fn pod_failed(pod: &Pod, c: &Container) -> Noticed {
    noticed(pod, c, Trigger::PodFailed, end_of(c))
}

pub(super) fn end_of(c: &Container) -> Option<&Terminated> {
    match &c.status.state {
        State::Terminated(end) => Some(end),
        _ => c.status.last.as_ref(),
    }
}

fn noticed(pod: &Pod, c: &Container, trigger: Trigger, end: Option<&Terminated>) -> Noticed {
    Noticed {
        container: c.name.clone(),
        trigger,
        crash: end.map_or_else(|| format!("{}/{}", pod.uid, c.name), |end| crash_id(pod, c, end)),
        at: end.and_then(|end| end.finished).or(pod.start_time).or(pod.created),
    }
}

/// Pod uid, container, and the run that ended: never the restart count, which the kubelet may lose.
fn crash_id(pod: &Pod, c: &Container, end: &Terminated) -> String {
    let run = end.container_id.clone().or_else(|| end.finished.map(|t| t.to_string())).unwrap_or_default();
    format!("{}/{}/{run}", pod.uid, c.name)
}

#[cfg(test)]
#[path = "detect_tests.rs"]
mod tests;
