//! Containers that run again after an end: is the crash over, was it one, and will it come again?

use crate::diagnose::facts::{Cluster, Container, Pod, State, Terminated, Timestamp, seconds_between};

use super::detect::Policy;

/// Restarts of which the kubelet has kept no end (the runtime had removed the container), but whose events it wrote.
pub(super) fn restarts_unrecorded(pod: &Pod, c: &Container, cluster: &Cluster) -> bool {
    let own = |name: &Option<String>| name.as_deref().is_none_or(|n| n == c.name);
    c.status.restarts > 0
        && !c.status.ready
        && cluster.events_of_pod(pod).any(|e| {
            own(&e.container)
                && ((e.reason == "BackOff" && e.message.starts_with("Back-off restarting"))
                    || is_probe_kill(&e.message))
        })
}

fn is_probe_kill(message: &str) -> bool {
    message.contains("failed liveness probe") || message.contains("failed startup probe")
}

/// Not running for long enough to call the crash over.
pub(super) fn is_recent(from: Timestamp, now: Timestamp, policy: &Policy) -> bool {
    seconds_between(from, now).is_none_or(|s| s <= policy.resolve_after)
}

/// Stopped once, in good order, and ready again, without the kubelet's doing: somebody restarted it.
pub(super) fn is_deliberate(pod: &Pod, c: &Container, cluster: &Cluster, end: &Terminated) -> bool {
    let orderly = matches!(end.exit_code, 0 | 143) && end.reason != "OOMKilled";
    let short = end.exit_code == 0 && end.ran_for().is_some_and(|ran| ran < 60);
    let by_kubelet = || {
        cluster.events_of_pod(pod).any(|e| {
            matches!(e.reason.as_str(), "Killing" | "BackOff") && e.container.as_deref().is_none_or(|n| n == c.name)
        })
    };
    c.status.restarts <= 1 && c.status.ready && orderly && !short && !by_kubelet()
}

/// Restarted by a fault of its own (or by its probe), and not yet running for as long as it did before it ended. Restarts
/// that lie further apart than a day come from reboots and upgrades; an OOM kill never does.
pub(super) fn is_slow_loop(
    pod: &Pod,
    c: &Container,
    cluster: &Cluster,
    end: &Terminated,
    now: Timestamp,
    policy: &Policy,
) -> bool {
    let State::Running { since } = &c.status.state else { return false };
    let Some(running) = since.or(end.finished).and_then(|from| seconds_between(from, now)) else { return false };
    if running > policy.slow_loop {
        return false;
    }
    let shorter = end.ran_for().is_some_and(|before| running < before);
    let usual = between_restarts(pod, c, now);
    let again = shorter || usual.is_some_and(|between| running <= 2 * between);
    if (shorter && end.reason == "OOMKilled") || (again && killed_by_probe(pod, c, cluster, end)) {
        return true;
    }
    let Some(between) = usual else { return false };
    let restarts = c.status.restarts;
    let needed = if matches!(end.exit_code, 0 | 137 | 143) { 4 } else { 1 };
    // Runs of unequal length: the next end is due within twice the usual time.
    between <= 24 * 3600 && restarts >= needed && (shorter || (restarts > 2 && running <= 2 * between))
}

/// Its probe's failures or kills are told within the hour before its end.
fn killed_by_probe(pod: &Pod, c: &Container, cluster: &Cluster, end: &Terminated) -> bool {
    const HOUR: i64 = 3600;
    let own = |name: &Option<String>| name.as_deref().map_or(pod.containers.len() == 1, |n| n == c.name);
    let near = |at: Option<Timestamp>| {
        at.zip(end.finished).is_none_or(|(at, end)| (at.as_second() - end.as_second()).abs() <= HOUR)
    };
    cluster.events_of_pod(pod).any(|e| {
        let said = is_probe_kill(&e.message)
            || e.message.starts_with("Liveness probe failed")
            || e.message.starts_with("Startup probe failed");
        said && own(&e.container) && near(e.last)
    })
}

/// Seconds between two restarts, on average over the pod's life.
fn between_restarts(pod: &Pod, c: &Container, now: Timestamp) -> Option<i64> {
    let age = pod.created.and_then(|t| seconds_between(t, now))?;
    (c.status.restarts > 0).then(|| age / i64::from(c.status.restarts))
}

/// Seen in files only: it is ready, and has run for much longer than the run that crashed and than was usual between two
/// restarts. So the trouble was one of the start (a peer that was not up yet), and is over. The sooner it died, the sooner it
/// is known to have got past that place: a minute will do after a run of seconds, else two.
pub(super) fn is_past_its_trouble(
    pod: &Pod,
    c: &Container,
    end: &Terminated,
    from: Timestamp,
    now: Timestamp,
    policy: &Policy,
) -> bool {
    let running = seconds_between(from, now).unwrap_or_default();
    let past = |before: i64| (running >= 60 && running > 10 * before) || (running >= 120 && running > 3 * before);
    let longer = end.ran_for().is_some_and(past);
    let usual = c.status.restarts > 2 && between_restarts(pod, c, now).is_some_and(|between| running <= between);
    policy.slow_loop > 0 && c.status.ready && end.reason != "OOMKilled" && longer && !usual
}

/// A container that somebody else took down, and that runs again: its node or sandbox went, or its spec was changed.
/// The kubelet writes `Unknown`/255 (or ContainerStatusUnknown) for one that it lost in a reboot, SandboxChanged for a
/// new sandbox, and the node turns Ready again between the end and the new start.
pub(super) fn is_no_fault(pod: &Pod, c: &Container, cluster: &Cluster, end: &Terminated, now: Timestamp) -> bool {
    // Again and again is a fault, if not its own: a node that reboots, a runtime that throws sandboxes away.
    if c.status.restarts > 3 && between_restarts(pod, c, now).is_some_and(|between| between <= 3 * 3600) {
        return false;
    }
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
