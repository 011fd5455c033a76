//! Notices what is crashing: a pure function of one pod, what is known around it, and "now".
//!
//! Works alike on a live pod and on files. [`notice`] says which containers need a diagnosis and why they were noticed;
//! it never says what is wrong with them.

use crate::diagnose::facts::{
    Cluster, Container, ContainerKind, Pod, RestartPolicy, State, Terminated, Timestamp, seconds_between,
};

use super::stuck;

/// When something counts as crashing.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Seconds of running after which a crash is over.
    pub resolve_after: i64,
    /// Seconds that a pod may stay without containers because of a volume or its sandbox.
    pub stuck_after: i64,
    /// Seconds after the pod's start in which a configuration error may still heal by itself.
    pub config_grace: i64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { resolve_after: 600, stuck_after: 30, config_grace: 10 }
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

/// The annotation prefix of the owner's controls.
const OURS: &str = "crashdiagnosis.dev/";

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

/// Which containers of a pod are crashing now. Init containers and sidecars come first, in spec order.
pub fn notice(pod: &Pod, cluster: &Cluster, now: Timestamp, policy: &Policy) -> Vec<Noticed> {
    if pod.deleting.is_some() || pod.phase == "Succeeded" || is_muted(pod, now) {
        return Vec::new();
    }
    if pod.phase == "Failed" {
        return failed(pod, cluster, now, policy);
    }
    let found: Vec<Noticed> = pod.containers.iter().filter_map(|c| one(pod, c, cluster, now, policy)).collect();
    if !found.is_empty() {
        return found;
    }
    stuck::notice(pod, cluster, now, policy)
}

/// Whether events are needed to tell if this pod is stuck: it waits for its containers for too long.
pub fn wants_events(pod: &Pod, now: Timestamp, policy: &Policy) -> bool {
    stuck::is_waiting(pod) && pod.created.and_then(|c| seconds_between(c, now)).is_some_and(|s| s >= policy.stuck_after)
}

/// `ignore`, or `mute-until` a time that has not come.
pub fn is_muted(pod: &Pod, now: Timestamp) -> bool {
    let get = |name: &str| pod.annotations.get(&format!("{OURS}{name}")).map(String::as_str);
    get("ignore").is_some_and(|v| v.trim().eq_ignore_ascii_case("true"))
        || get("mute-until").and_then(|v| v.trim().parse::<Timestamp>().ok()).is_some_and(|until| now < until)
}

/// Whether the owner declared this exit code expected: `expected-exit-codes: "0,143"`.
fn is_expected(pod: &Pod, end: &Terminated) -> bool {
    let codes = pod.annotations.get(&format!("{OURS}expected-exit-codes"));
    codes.is_some_and(|list| list.split(',').any(|code| code.trim().parse() == Ok(end.exit_code)))
}

/// One container of a pod that has not failed as a whole.
fn one(pod: &Pod, c: &Container, cluster: &Cluster, now: Timestamp, policy: &Policy) -> Option<Noticed> {
    let last = c.status.last.as_ref();
    match &c.status.state {
        State::Waiting { reason, .. } if reason == "CrashLoopBackOff" => {
            let expected = last.is_some_and(|end| is_expected(pod, end));
            (!expected).then(|| noticed(pod, c, Trigger::BackOff, last))
        }
        State::Waiting { reason, message } if CANNOT_START.contains(&reason.as_str()) => {
            (!may_heal(pod, reason, message, now, policy)).then(|| Noticed {
                container: c.name.clone(),
                trigger: Trigger::CannotStart,
                crash: last.map_or_else(|| format!("{}/{}/{reason}", pod.uid, c.name), |end| crash_id(pod, c, end)),
                at: last.and_then(|end| end.finished).or(pod.start_time).or(pod.created),
            })
        }
        State::Terminated(end) => is_crash(pod, c, end).then(|| noticed(pod, c, Trigger::Terminated, Some(end))),
        State::Running { since } => {
            let end = last.filter(|end| is_crash(pod, c, end) && !is_node_restart(pod, cluster, end))?;
            let from = since.or(end.finished)?;
            is_recent(from, c, end, now, policy).then(|| noticed(pod, c, Trigger::Restarted, Some(end)))
        }
        // Waiting for a restart without a back-off, or for its turn after a restart of the sandbox.
        State::Waiting { .. } | State::Unknown => {
            let end = last.filter(|end| is_crash(pod, c, end) && !is_node_restart(pod, cluster, end))?;
            is_recent(end.finished?, c, end, now, policy).then(|| noticed(pod, c, Trigger::Restarted, Some(end)))
        }
    }
}

/// Not running for long enough to call the crash over.
fn is_recent(from: Timestamp, _c: &Container, _end: &Terminated, now: Timestamp, policy: &Policy) -> bool {
    seconds_between(from, now).is_none_or(|s| s <= policy.resolve_after)
}

/// Whether an end is a crash, given what the restart policy makes of it.
fn is_crash(pod: &Pod, c: &Container, end: &Terminated) -> bool {
    if is_expected(pod, end) {
        return false;
    }
    if end.reason == "OOMKilled" || end.exit_code != 0 {
        return true;
    }
    // Exit code 0: the end of a job or an init container, but not of something that must keep running.
    match c.kind {
        ContainerKind::Init => false,
        ContainerKind::Sidecar => true,
        ContainerKind::Regular => pod.restart_policy == RestartPolicy::Always,
    }
}

/// A container that went down with its node or sandbox and runs again was not at fault. The kubelet writes
/// `Unknown`/255 (or ContainerStatusUnknown) for one that it lost in a reboot, and SandboxChanged for a new sandbox.
fn is_node_restart(pod: &Pod, cluster: &Cluster, end: &Terminated) -> bool {
    if (end.reason == "Unknown" && end.exit_code == 255) || end.reason == "ContainerStatusUnknown" {
        return true;
    }
    let near = |at: Option<Timestamp>| {
        at.zip(end.finished).is_some_and(|(at, end)| (at.as_second() - end.as_second()).abs() <= 120)
    };
    cluster.events_of_pod(pod).any(|e| e.reason == "SandboxChanged" && near(e.last))
        || pod.node.as_deref().is_some_and(|n| {
            cluster
                .events_of("Node", None, n)
                .any(|e| matches!(e.reason.as_str(), "Rebooted" | "NodeShutdown") && near(e.last))
        })
}

/// A configuration error in the pod's first seconds, or one that says itself that it passes.
fn may_heal(pod: &Pod, reason: &str, message: &str, now: Timestamp, policy: &Policy) -> bool {
    if reason != "CreateContainerConfigError" {
        return false;
    }
    let young =
        pod.start_time.or(pod.created).and_then(|t| seconds_between(t, now)).is_some_and(|s| s < policy.config_grace);
    young || stuck::is_passing(message)
}

/// A pod that failed for good.
fn failed(pod: &Pod, cluster: &Cluster, now: Timestamp, policy: &Policy) -> Vec<Noticed> {
    if is_made_good(pod, cluster, now, policy) {
        return Vec::new();
    }
    let crashed = |c: &&Container| match &c.status.state {
        State::Terminated(end) => is_crash(pod, c, end),
        _ => false,
    };
    let by_kubelet = matches!(pod.reason.as_deref(), Some("Evicted" | "DeadlineExceeded" | "Preempting" | "NodeLost"));
    if by_kubelet || is_shutdown(pod) {
        let named = pod
            .message
            .as_deref()
            .and_then(|m| pod.containers.iter().find(|c| m.contains(&format!("ontainer {} ", c.name))));
        let running = pod.containers.iter().find(|c| crashed(c) && c.kind == ContainerKind::Regular);
        let one = named.or(running).or_else(|| stuck::main_container(pod));
        return one.map(|c| vec![pod_failed(pod, c)]).unwrap_or_default();
    }
    let mut found: Vec<&Container> = pod.containers.iter().filter(crashed).collect();
    // The kubelet ends sidecars once the others are done: their exit code is its doing.
    if found.iter().any(|c| c.kind != ContainerKind::Sidecar) {
        found.retain(|c| c.kind != ContainerKind::Sidecar);
    }
    if found.is_empty()
        && !pod.containers.iter().any(|c| matches!(&c.status.state, State::Terminated(t) if is_expected(pod, t)))
    {
        found.extend(stuck::main_container(pod));
    }
    found.into_iter().map(|c| pod_failed(pod, c)).collect()
}

/// A failed pod of no importance now: its Job completed, a later pod of the same workload did what this one could not,
/// or a node shutdown took it and its controller has replaced it.
fn is_made_good(pod: &Pod, cluster: &Cluster, now: Timestamp, policy: &Policy) -> bool {
    let owner = pod.controller.as_ref();
    let completed = |kind: &str| matches!(kind, "Complete" | "SuccessCriteriaMet");
    let job_done = cluster.workloads.iter().any(|w| {
        w.namespace == pod.namespace
            && owner.is_some_and(|o| o.kind == w.workload.kind && o.name == w.workload.name)
            && w.workload.kind == "Job"
            && w.conditions.iter().any(|c| completed(&c.kind) && c.status == "True")
    });
    if job_done || (is_shutdown(pod) && owner.is_some() && pod.restart_policy == RestartPolicy::Always) {
        return true;
    }
    let is_ready = |p: &Pod| p.phase == "Running" && p.condition("Ready").is_some_and(|c| c.status == "True");
    let ended = pod.containers.iter().filter_map(|c| end_of(c)?.finished).max().or(pod.start_time);
    let old = ended.and_then(|t| seconds_between(t, now)).is_some_and(|s| s > policy.resolve_after);
    owner.is_some()
        && cluster.pods.iter().any(|p| {
            p.namespace == pod.namespace
                && p.workload == pod.workload
                && p.created > pod.created
                && (p.phase == "Succeeded" || (old && is_ready(p)))
        })
}

/// The kubelet ended the pod because its node went down (reasons of different versions).
fn is_shutdown(pod: &Pod) -> bool {
    matches!(pod.reason.as_deref(), Some("Terminated" | "Shutdown" | "NodeShutdown"))
}

fn pod_failed(pod: &Pod, c: &Container) -> Noticed {
    noticed(pod, c, Trigger::PodFailed, end_of(c))
}

fn end_of(c: &Container) -> Option<&Terminated> {
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
