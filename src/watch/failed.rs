//! Pods that failed for good, and which of them are of no importance now.

use crate::diagnose::facts::{
    Cluster, Condition, Container, ContainerKind, Pod, RestartPolicy, State, Timestamp, Workload, WorkloadFacts,
    seconds_between,
};

use super::detect::{Noticed, Policy, end_of, is_crash, pod_failed};
use super::stuck;

/// Evicted, although its phase says Succeeded: the program ended with code 0 when it was asked to, and the kubelet (seen with
/// 1.37) then writes neither `status.reason` nor phase Failed, only the event. Under Always nothing else ends so.
pub(super) fn evicted_in_good_order(pod: &Pod, cluster: &Cluster) -> Vec<Noticed> {
    let evicted = pod.phase == "Succeeded"
        && pod.restart_policy == RestartPolicy::Always
        && pod.deleting.is_none()
        && cluster.events_of_pod(pod).any(|e| e.reason == "Evicted");
    stuck::main_container(pod).filter(|_| evicted).map(|c| pod_failed(pod, c)).into_iter().collect()
}

/// Stopped by its liveness probe, which it took so well that it ended with code 0: under OnFailure or Never that counts as the end
/// of its work, and nobody starts it again. The kubelet's kill is the last that happened.
pub(super) fn completed_by_its_probe(pod: &Pod, cluster: &Cluster) -> Vec<Noticed> {
    let killed = |c: &&Container| {
        let State::Terminated(end) = &c.status.state else { return false };
        let at_its_end = |at: Option<Timestamp>| {
            let slack = pod.grace_seconds + 10;
            at.zip(end.finished).is_some_and(|(at, end)| (0..=slack).contains(&(end.as_second() - at.as_second())))
        };
        cluster.events_of_pod(pod).any(|e| {
            e.reason == "Killing"
                && e.message.contains("failed liveness probe")
                && e.container.as_deref().is_none_or(|n| n == c.name)
                && at_its_end(e.last)
        })
    };
    let regular = pod.containers.iter().filter(|c| c.kind == ContainerKind::Regular);
    regular.filter(killed).map(|c| pod_failed(pod, c)).collect()
}

/// A pod that failed for good.
pub(super) fn notice(pod: &Pod, cluster: &Cluster, now: Timestamp, policy: &Policy) -> Vec<Noticed> {
    if is_made_good(pod, cluster, now, policy) || is_left_over(pod, now, policy) {
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
        let any = || pod.containers.iter().find(crashed);
        let one = named.or(running).or_else(any).or_else(|| stuck::main_container(pod));
        return one.map(|c| vec![pod_failed(pod, c)]).unwrap_or_default();
    }
    let mut found: Vec<&Container> = pod.containers.iter().filter(crashed).collect();
    // The kubelet ends sidecars once the others are done: their exit code is its doing.
    if found.iter().any(|c| c.kind != ContainerKind::Sidecar) {
        found.retain(|c| c.kind != ContainerKind::Sidecar);
    }
    if found.is_empty()
        && !pod.containers.iter().any(|c| matches!(&c.status.state, State::Terminated(t) if pod.wants_end(c, t)))
    {
        found.extend(stuck::main_container(pod));
    }
    found.into_iter().map(|c| pod_failed(pod, c)).collect()
}

/// Its controller has put another pod in its place long ago, and it is only lying about. In files that other pod may not be at
/// hand, so it still counts there.
fn is_left_over(pod: &Pod, now: Timestamp, policy: &Policy) -> bool {
    let replaced = pod.restart_policy == RestartPolicy::Always && pod.controller.is_some();
    let known = pod.containers.iter().any(|c| end_of(c).is_some()) || pod.reason.as_deref() != Some("Evicted");
    let ended = pod.containers.iter().filter_map(|c| end_of(c)?.finished).max().or(pod.start_time).filter(|_| known);
    let old = ended.and_then(|t| seconds_between(t, now)).is_some_and(|s| s > policy.resolve_after);
    policy.slow_loop == 0 && replaced && old
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
    if is_refused(pod) && owner.is_some() && has_its_replicas(pod, cluster) {
        return true;
    }
    let is_ready = |p: &Pod| p.phase == "Running" && p.condition("Ready").is_some_and(|c| c.status == "True");
    let ended = pod.containers.iter().filter_map(|c| end_of(c)?.finished).max().or(pod.start_time);
    // In files a failed pod is of interest for longer: nobody saw it when it happened.
    let over = policy.resolve_after.max(policy.slow_loop);
    let old = ended.and_then(|t| seconds_between(t, now)).is_some_and(|s| s > over);
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

/// The kubelet did not admit the pod, so nothing of it ever ran: its controller makes another at once, and this one only stays.
fn is_refused(pod: &Pod) -> bool {
    let ran = |c: &Container| {
        c.status.last.is_some() || matches!(c.status.state, State::Terminated(_) | State::Running { .. })
    };
    pod.reason.as_deref().is_some_and(|r| !r.is_empty() && r != "Evicted") && !pod.containers.iter().any(ran)
}

/// Its controller or the workload above it has all the ready pods that it wants.
fn has_its_replicas(pod: &Pod, cluster: &Cluster) -> bool {
    let owners = [Some(&pod.workload), pod.controller.as_ref()];
    let own = |w: &&WorkloadFacts| {
        let same = |o: &&Workload| o.kind == w.workload.kind && o.name == w.workload.name;
        w.namespace == pod.namespace && owners.iter().flatten().any(same)
    };
    let full = |w: &WorkloadFacts| w.replicas.is_some_and(|n| n > 0 && w.ready.unwrap_or(0) >= n);
    let mut mine = cluster.workloads.iter().filter(own).peekable();
    mine.peek().is_some() && mine.all(full)
}

/// The kubelet ended the pod because its node went down (reasons of different versions).
fn is_shutdown(pod: &Pod) -> bool {
    matches!(pod.reason.as_deref(), Some("Terminated" | "Shutdown" | "NodeShutdown"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    fn noticed(w: &World) -> Vec<Noticed> {
        notice(&w.cluster.pods[0], &w.cluster, w.now, &Policy::default())
    }

    #[test]
    fn a_refused_pod_whose_workload_has_all_it_wants_is_a_leftover() {
        let refused = |ready: u32| {
            World::new().waiting("", "").with(|w| {
                let p = w.pod();
                p.phase = "Failed".into();
                p.reason = Some("UnexpectedAdmissionError".into());
                p.workload = Workload { kind: "Deployment".into(), name: "web".into(), ..Workload::default() };
                p.controller =
                    Some(Workload { kind: "ReplicaSet".into(), name: "web-1".into(), ..Workload::default() });
                let (namespace, workload) = (p.namespace.clone(), p.workload.clone());
                w.cluster.workloads.push(WorkloadFacts {
                    namespace,
                    workload,
                    replicas: Some(2),
                    ready: Some(ready),
                    ..WorkloadFacts::default()
                });
            })
        };
        assert!(noticed(&refused(2)).is_empty());
        assert_eq!(noticed(&refused(1)).len(), 1);
    }
}
