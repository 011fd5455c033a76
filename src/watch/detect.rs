//! Notices what is crashing: a pure function of one pod, what is known around it, and "now".
//!
//! Works alike on a live pod and on files. [`notice`] says which containers need a diagnosis and why they were noticed;
//! it never says what is wrong with them.

use crate::diagnose::facts::{
    Cluster, Condition, Container, ContainerKind, Pod, RestartPolicy, State, Terminated, Timestamp, WorkloadFacts,
    seconds_between,
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
    /// Seconds for which a crash of a slow loop still counts, although the container has run for longer than
    /// `resolve_after` since: see [`Policy::offline`]. Zero: not at all.
    pub slow_loop: i64,
}

impl Policy {
    /// For files: nobody saw the crash when it happened, so a loop of one crash every few hours counts as well.
    pub fn offline() -> Self {
        Self { slow_loop: 12 * 3600, ..Self::default() }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self { resolve_after: 600, stuck_after: 60, config_grace: 10, slow_loop: 0 }
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
            let end = last.filter(|end| is_crash(pod, c, end) && !is_no_fault(pod, c, cluster, end))?;
            if is_deliberate(pod, c, cluster, end) {
                return None;
            }
            let from = since.or(end.finished)?;
            // Not past its startup probe yet: however long that takes, it is no healthy running.
            let starting = c.startup.is_some() && c.status.started == Some(false);
            let recent = is_recent(from, now, policy) && !is_past_its_trouble(c, end, from, now, policy);
            (starting || recent || is_slow_loop(pod, c, cluster, end, now, policy))
                .then(|| noticed(pod, c, Trigger::Restarted, Some(end)))
        }
        // Waiting for a restart without a back-off, or for its turn after a restart of the sandbox.
        State::Waiting { .. } | State::Unknown => {
            let end = last.filter(|end| is_crash(pod, c, end) && !is_no_fault(pod, c, cluster, end))?;
            is_recent(end.finished?, now, policy).then(|| noticed(pod, c, Trigger::Restarted, Some(end)))
        }
    }
}

/// Not running for long enough to call the crash over.
fn is_recent(from: Timestamp, now: Timestamp, policy: &Policy) -> bool {
    seconds_between(from, now).is_none_or(|s| s <= policy.resolve_after)
}

/// Stopped once, in good order, and ready again, without the kubelet's doing: somebody restarted it.
fn is_deliberate(pod: &Pod, c: &Container, cluster: &Cluster, end: &Terminated) -> bool {
    let orderly = matches!(end.exit_code, 0 | 143) && end.reason != "OOMKilled";
    let by_kubelet = || {
        cluster
            .events_of_pod(pod)
            .any(|e| matches!(e.reason.as_str(), "Killing" | "BackOff") && e.container.as_deref() == Some(&c.name))
    };
    c.status.restarts <= 1 && c.status.ready && orderly && !by_kubelet()
}

/// Restarted by a fault of its own (or by its probe), and not yet running for as long as it did before it ended. Restarts
/// that lie further apart than a day come from reboots and upgrades; an OOM kill never does.
fn is_slow_loop(
    pod: &Pod,
    c: &Container,
    cluster: &Cluster,
    end: &Terminated,
    now: Timestamp,
    policy: &Policy,
) -> bool {
    let State::Running { since } = &c.status.state else { return false };
    let running = since.or(end.finished).and_then(|from| seconds_between(from, now));
    let shorter = running.zip(end.ran_for()).is_some_and(|(now, before)| now < before && now <= policy.slow_loop);
    if !shorter {
        return false;
    }
    let by_probe = || {
        cluster.events_of_pod(pod).any(|e| {
            e.reason == "Killing"
                && e.container.as_deref() == Some(&c.name)
                && (e.message.contains("failed liveness probe") || e.message.contains("failed startup probe"))
        })
    };
    if end.reason == "OOMKilled" || by_probe() {
        return true;
    }
    let age = pod.created.and_then(|t| seconds_between(t, now));
    let often = age.is_none_or(|age| age / i64::from(c.status.restarts.max(1)) <= 24 * 3600);
    let needed = if matches!(end.exit_code, 0 | 137 | 143) { 4 } else { 1 };
    often && c.status.restarts >= needed
}

/// Seen in files only: it has run for much longer than the run that crashed, and is ready. So the trouble was one of the start
/// (a peer that was not up yet), and is over.
fn is_past_its_trouble(c: &Container, end: &Terminated, from: Timestamp, now: Timestamp, policy: &Policy) -> bool {
    let running = seconds_between(from, now).unwrap_or_default();
    let longer = end.ran_for().is_some_and(|before| running >= 120 && running > 3 * before);
    policy.slow_loop > 0 && c.status.ready && end.reason != "OOMKilled" && longer
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

/// A container that somebody else took down, and that runs again: its node or sandbox went, or its spec was changed.
/// The kubelet writes `Unknown`/255 (or ContainerStatusUnknown) for one that it lost in a reboot, SandboxChanged for a
/// new sandbox, and the node turns Ready again between the end and the new start.
fn is_no_fault(pod: &Pod, c: &Container, cluster: &Cluster, end: &Terminated) -> bool {
    if (end.reason == "Unknown" && end.exit_code == 255) || end.reason == "ContainerStatusUnknown" {
        return true;
    }
    let Some(finished) = end.finished.filter(|_| end.reason != "OOMKilled") else { return false };
    let near = |at: Option<Timestamp>| at.is_some_and(|at| (at.as_second() - finished.as_second()).abs() <= 120);
    let changed = cluster.events_of_pod(pod).any(|e| {
        let by_change =
            e.reason == "Killing" && (e.message.contains("definition changed") || e.message.contains("resize"));
        let own = e.container.as_deref().is_none_or(|name| name == c.name);
        (e.reason == "SandboxChanged" || (by_change && own)) && near(e.last)
    });
    changed || pod.node.as_deref().is_some_and(|n| node_went_down(n, c, cluster, finished, near))
}

fn node_went_down(
    node: &str,
    c: &Container,
    cluster: &Cluster,
    finished: Timestamp,
    near: impl Fn(Option<Timestamp>) -> bool,
) -> bool {
    let said = cluster
        .events_of("Node", None, node)
        .any(|e| matches!(e.reason.as_str(), "Rebooted" | "NodeShutdown" | "NodeNotReady") && near(e.last));
    let ready = cluster.node(node).and_then(|n| n.conditions.iter().find(|c| c.kind == "Ready" && c.status == "True"));
    let started = match c.status.state {
        State::Running { since } => since,
        _ => None,
    };
    said || ready
        .and_then(|r| r.since)
        .zip(started)
        .is_some_and(|(ready, started)| finished <= ready && ready <= started)
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
    let job_done = cluster.workloads.iter().filter(|w| w.namespace == pod.namespace && is_complete_job(w)).any(|w| {
        let own = owner.is_some_and(|o| o.kind == "Job" && o.name == w.workload.name);
        let later = w.created > pod.created
            && w.controller.as_ref().is_some_and(|c| c.kind == "CronJob" && c.name == pod.workload.name);
        own || later
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

fn is_complete_job(w: &WorkloadFacts) -> bool {
    let done = |c: &Condition| matches!(c.kind.as_str(), "Complete" | "SuccessCriteriaMet") && c.status == "True";
    w.workload.kind == "Job" && w.conditions.iter().any(done)
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
