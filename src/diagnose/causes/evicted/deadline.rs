//! DeadlineExceeded: `activeDeadlineSeconds` of the pod or of its Job ran out.
//!
//! Kubelet's words: pod `status.reason: DeadlineExceeded`, `Pod was active on the node longer than the specified deadline`, and a
//! *Normal* event of that reason. Of the Job controller: condition Failed (or FailureTarget), reason DeadlineExceeded, `Job was
//! active longer than specified deadline`; it deletes the pods that still run.

use crate::diagnose::facts::{Condition, Event, WorkloadFacts};
use crate::diagnose::words::{cut, seconds};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

const DEADLINE: &str = "DeadlineExceeded";

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let own = case.pod.reason.as_deref() == Some(DEADLINE);
    let event = case.pod_events().rev().find(|e| e.reason == DEADLINE);
    let job = job(case);
    // A program that ended by itself before the deadline of its Job is a matter of its own.
    let stopped = case.pod.deleting.is_some() || case.crash().is_none_or(|c| matches!(c.exit_code, 137 | 143));
    if !own && event.is_none() && !(job.is_some() && stopped) {
        return Vec::new();
    }
    vec![finding(case, own, event, job)]
}

/// The condition of the pod's Job, where its deadline ran out.
fn job<'a>(case: &Case<'a>) -> Option<(&'a WorkloadFacts, &'a Condition)> {
    let owner = case.pod.controller.as_ref().filter(|o| o.kind == "Job")?;
    let job = case
        .cluster
        .workloads
        .iter()
        .find(|w| w.namespace == case.pod.namespace && w.workload.kind == "Job" && w.workload.name == owner.name)?;
    let condition = job.conditions.iter().find(|c| {
        matches!(c.kind.as_str(), "Failed" | "FailureTarget")
            && c.status == "True"
            && c.reason.as_deref() == Some(DEADLINE)
    })?;
    Some((job, condition))
}

fn finding(case: &Case, own: bool, event: Option<&Event>, job: Option<(&WorkloadFacts, &Condition)>) -> Finding {
    let name = &case.container.name;
    let of_pod = own || event.is_some();
    let limit =
        case.pod.active_deadline_seconds.filter(|_| of_pod).map_or_else(String::new, |s| format!(" of {}", seconds(s)));
    let whose = if of_pod { "the pod" } else { "its Job" };
    let text = format!("{name} was ended because the deadline{limit} of {whose} (activeDeadlineSeconds) ran out.");
    let mut finding = Finding::new(Reason::DeadlineExceeded, Confidence::Certain, Basis::Stated, text);
    if own {
        let message = case.pod.message.as_deref().unwrap_or_default();
        finding.evidence.push(Evidence::new(Source::ContainerStatus, format!("{DEADLINE}: {}", cut(message, 300))));
    }
    if let Some(e) = event {
        finding.evidence.push(Evidence::new(Source::Event, format!("{DEADLINE}: {}", cut(&e.message, 300))).at(e.last));
    }
    if let Some((job, c)) = job {
        let message = c.message.as_deref().unwrap_or_default();
        finding.evidence.push(
            Evidence::new(Source::Workload, format!("condition {} {DEADLINE}: {message}", c.kind))
                .of(format!("job {}/{}", job.namespace, job.workload.name))
                .at(c.since),
        );
    }
    if let Some(line) = case.crash_log().and_then(|l| l.text.lines().rev().find(|l| !l.trim().is_empty())) {
        finding.evidence.push(Evidence::new(Source::Log, format!("its last line: {}", cut(line, 300))));
    }
    finding
        .advise("Compare the deadline with how long successful runs take, and set it to at least twice the longest; it counts from the start and includes waiting, image pulls and all retries.")
        .advise("If it hung, its last log line says where: give calls to other services a timeout of their own, far below the deadline.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{Owner, Workload};
    use crate::diagnose::testing::World;

    #[test]
    fn the_pods_own_deadline() {
        let found = World::new()
            .crashed(137, "Error", 30)
            .with(|w| {
                w.pod().phase = "Failed".into();
                w.pod().reason = Some(DEADLINE.into());
                w.pod().message = Some("Pod was active on the node longer than the specified deadline".into());
                w.pod().active_deadline_seconds = Some(30);
            })
            .log("exporting\n")
            .diagnose();
        assert_eq!((found.reason, found.confidence), (Reason::DeadlineExceeded, Confidence::Certain));
        assert!(found.summary.contains("of 30 s"), "{}", found.summary);
        assert!(found.evidence.iter().any(|e| e.detail.contains("exporting")));
    }

    #[test]
    fn the_jobs_deadline_explains_a_stop_and_no_crash() {
        let of_job = |code: i32| {
            World::new().crashed(code, "Error", 30).with(|w| {
                let owner = Owner { kind: "Job".into(), name: "export".into(), ..Owner::default() };
                w.pod().controller = Some(owner);
                let condition = Condition {
                    kind: "Failed".into(),
                    status: "True".into(),
                    reason: Some(DEADLINE.into()),
                    message: Some("Job was active longer than specified deadline".into()),
                    ..Condition::default()
                };
                w.cluster.workloads.push(WorkloadFacts {
                    namespace: "shop".into(),
                    workload: Workload { kind: "Job".into(), name: "export".into(), ..Workload::default() },
                    conditions: vec![condition],
                    ..WorkloadFacts::default()
                });
            })
        };
        assert_eq!(of_job(137).diagnose().reason, Reason::DeadlineExceeded);
        assert_ne!(of_job(1).diagnose().reason, Reason::DeadlineExceeded);
    }
}
