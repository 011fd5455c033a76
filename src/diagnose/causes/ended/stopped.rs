//! TerminatedBySignal, where kubelet or API say who stopped it: deletion, drain, preemption, node shutdown, a lost node.

use super::{after, status_evidence};
use crate::diagnose::causes::node::taken;
use crate::diagnose::facts::Terminated;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop};

/// Pod-level reasons that other rules explain better.
const EXPLAINED_ELSEWHERE: &[&str] = &["Evicted", "DeadlineExceeded", "OutOfmemory", "OutOfcpu"];

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(crash) = case.crash() else { return Vec::new() };
    if case.pod.reason.as_deref().is_some_and(|r| EXPLAINED_ELSEWHERE.contains(&r)) {
        return Vec::new();
    }
    if stop::probe_kill(case).is_some_and(|k| k.killing.is_some()) {
        return Vec::new();
    }
    match stop::stop(case) {
        Some(stop) if came_late(case, crash, &stop) => Vec::new(),
        Some(stop) => vec![stopped(case, crash, &stop)],
        None => lost(case, crash).into_iter().collect(),
    }
}

/// It had ended with a code of its own before anybody wanted it stopped: a crash loop that is deleted in the end.
fn came_late(case: &Case, crash: &Terminated, stop: &stop::Stop) -> bool {
    let own_exit = (1..=125).contains(&crash.exit_code) && stop.condition.is_none() && case.pod.reason.is_none();
    let asked = case.pod.deleting.map(|d| d.as_second() - case.pod.grace_seconds);
    let killing = stop.event.and_then(|e| e.last).map(jiff::Timestamp::as_second);
    let Some(finished) = crash.finished.filter(|_| own_exit && asked.is_some()) else { return false };
    [asked, killing].into_iter().flatten().all(|sign| sign > finished.as_second())
}

fn stopped(case: &Case, crash: &Terminated, stop: &stop::Stop) -> Finding {
    let how = match crash.exit_code {
        137 => "; it did not stop within its grace time, so it was killed (SIGKILL, exit 137)".to_owned(),
        143 => "; it was asked to stop (SIGTERM, exit 143)".to_owned(),
        code => format!("; it stopped with exit {code}"),
    };
    let text = format!("It did nothing wrong: {}{}{how}.", stop.what, after(crash).replacen(' ', ", ", 1));
    let mut finding = Finding::new(Reason::TerminatedBySignal, Confidence::Likely, Basis::Stated, text);
    if let Some(c) = stop.condition {
        let said = format!(
            "condition {}: reason {}: {}",
            c.kind,
            c.reason.as_deref().unwrap_or("(none)"),
            c.message.as_deref().unwrap_or_default()
        );
        finding.evidence.push(Evidence::new(Source::ContainerStatus, said).at(c.since));
    }
    if let Some(reason) = &case.pod.reason {
        let message = case.pod.message.as_deref().unwrap_or_default();
        finding.evidence.push(Evidence::new(Source::ContainerStatus, format!("pod reason {reason}: {message}")));
    }
    if let Some(e) = stop.event {
        finding.evidence.push(Evidence::new(Source::Event, format!("{}: {}", e.reason, e.message.trim())).at(e.last));
    }
    if let Some((root, why)) = taken::away(case) {
        finding.evidence.extend(why);
        finding.root_cause = Some(root);
    }
    finding.evidence.push(status_evidence(crash));
    let finding = finding.advise(
        "Treat it as an interruption, not as a fault of the program: let its owner start it again (a Job retries within backoffLimit; podFailurePolicy can ignore DisruptionTarget).",
    );
    let finding = finding.advise("To be spared: a PodDisruptionBudget, a higher priority class, or nodes that are not taken away (spot, consolidation).");
    match crash.exit_code {
        137 => finding.advise(format!(
            "Handle SIGTERM, or give it longer than {} s (terminationGracePeriodSeconds).",
            case.pod.grace_seconds
        )),
        _ => finding,
    }
}

/// The kubelet or runtime lost sight of the container: after a node's restart (containerd: reason Unknown, exit 255), or when
/// the record was gone (`The container could not be located when the pod was terminated`).
fn lost(case: &Case, crash: &Terminated) -> Option<Finding> {
    let unknown = crash.reason == "ContainerStatusUnknown" || (crash.reason == "Unknown" && crash.exit_code == 255);
    if !unknown {
        return None;
    }
    let node = case.pod.node.as_deref().unwrap_or("the node");
    let text = format!(
        "The container was gone when the kubelet looked again: {node} or its container runtime was restarted, or the pod was removed meanwhile."
    );
    Some(
        Finding::new(Reason::TerminatedBySignal, Confidence::Possible, Basis::Inferred, text)
            .evidence(status_evidence(crash))
            .advise(format!("Look at what happened to the node at that time: kubectl describe node {node}; journalctl -u kubelet -u containerd on it.")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::Condition;
    use crate::diagnose::testing::{World, at};

    #[test]
    fn an_eviction_through_the_api_is_told_by_the_condition() {
        let world = World::new().crashed(143, "Error", 11).with(|w| {
            w.pod().conditions.push(Condition {
                kind: "DisruptionTarget".into(),
                status: "True".into(),
                reason: Some("EvictionByEvictionAPI".into()),
                message: Some("Eviction API: evicting".into()),
                since: Some(at(10)),
            });
        });
        let found = world.diagnose();
        assert_eq!(found.reason, Reason::TerminatedBySignal);
        assert!(found.summary.contains("drain"), "{}", found.summary);
        assert!(found.evidence[0].detail.contains("Eviction API: evicting"));
    }

    #[test]
    fn a_crash_before_the_deletion_is_a_crash() {
        let deleted = |code: i32, asked: i64| {
            let world = World::new().crashed(code, "Error", 11).with(|w| w.pod().deleting = Some(at(asked + 30)));
            world.log("FATAL: port is not a number\n").diagnose().reason
        };
        assert_ne!(deleted(1, 12), Reason::TerminatedBySignal);
        assert_eq!(deleted(1, 11), Reason::TerminatedBySignal);
        assert_eq!(deleted(143, 12), Reason::TerminatedBySignal, "clocks differ");
    }

    #[test]
    fn a_node_shutdown_is_told_by_the_pod() {
        let world = World::new().crashed(143, "Error", 4000).with(|w| {
            w.pod().reason = Some("Terminated".into());
            w.pod().message = Some("Pod was terminated in response to imminent node shutdown.".into());
        });
        assert!(world.diagnose().summary.contains("the node shut down"));
    }

    #[test]
    fn a_crash_before_the_deletion_stays_a_crash() {
        let world = World::new().crashed(1, "Error", 11).with(|w| w.pod().deleting = Some(at(500)));
        assert_eq!(world.diagnose().reason, Reason::UnknownError);
    }

    #[test]
    fn a_lost_container_is_not_a_crash_of_its_own() {
        let found = World::new().crashed(255, "Unknown", 4000).diagnose();
        assert_eq!(found.reason, Reason::TerminatedBySignal);
        assert!(found.summary.contains("node-1"), "{}", found.summary);
    }
}
