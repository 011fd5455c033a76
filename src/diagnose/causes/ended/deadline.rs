//! DeadlineExceeded: `activeDeadlineSeconds` ran out. The pod's own shows as its status reason; a Job's shows as its condition, and
//! its pods are deleted, which ends them with SIGTERM or SIGKILL.

use super::{last_lines, status_evidence};
use crate::diagnose::facts::{Condition, Terminated, WorkloadFacts};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, words};

/// The Job controller deletes the pods some seconds before or after it writes its condition.
const SLACK: i64 = 60;

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    if case.pod.reason.as_deref() == Some("DeadlineExceeded") {
        return vec![of_pod(case)];
    }
    let Some(crash) = case.crash() else { return Vec::new() };
    job(case, crash).map(|(job, condition)| of_job(case, crash, job, condition)).into_iter().collect()
}

fn of_pod(case: &Case) -> Finding {
    let allowed = case.pod.active_deadline_seconds.map_or_else(String::new, |s| format!(" of {}", words::seconds(s)));
    let text = format!(
        "Ended by the kubelet: the pod ran longer than its activeDeadlineSeconds{allowed}; it did not fail by itself.{}",
        doing(case)
    );
    let said = format!("pod reason DeadlineExceeded: {}", case.pod.message.as_deref().unwrap_or_default());
    let mut finding = Finding::new(Reason::DeadlineExceeded, Confidence::Certain, Basis::Stated, text)
        .evidence(Evidence::new(Source::ContainerStatus, said.trim_end_matches(": ")));
    if let Some(seconds) = case.pod.active_deadline_seconds {
        finding = finding.evidence(Evidence::new(Source::PodSpec, format!("activeDeadlineSeconds: {seconds}")));
    }
    finish(case, finding, case.pod.active_deadline_seconds)
}

/// The Job whose deadline ended this run.
fn job<'a>(case: &Case<'a>, crash: &Terminated) -> Option<(&'a WorkloadFacts, &'a Condition)> {
    let owner = case.pod.controller.as_ref().filter(|c| c.kind == "Job")?;
    let job = case
        .cluster
        .workloads
        .iter()
        .find(|w| w.workload.kind == "Job" && w.workload.name == owner.name && w.namespace == case.pod.namespace)?;
    let over = |c: &&Condition| c.status == "True" && c.reason.as_deref() == Some("DeadlineExceeded");
    let condition = job.conditions.iter().find(over)?;
    let ended_by_it = matches!(crash.exit_code, 0 | 137 | 143)
        && condition.since.zip(crash.finished).is_none_or(|(c, f)| f.as_second() + SLACK >= c.as_second());
    ended_by_it.then_some((job, condition))
}

fn of_job(case: &Case, crash: &Terminated, job: &WorkloadFacts, condition: &Condition) -> Finding {
    let ran = crash.ran_for().map_or_else(String::new, |s| format!(" This pod had run for {}.", words::seconds(s)));
    let name = &job.workload.name;
    let text = format!(
        "Stopped because Job {name} was active longer than its activeDeadlineSeconds; it did not fail by itself.{ran}{}",
        doing(case)
    );
    let said = format!(
        "condition {}: reason DeadlineExceeded: {}",
        condition.kind,
        condition.message.as_deref().unwrap_or_default()
    );
    let said = Evidence::new(Source::Workload, said).of(format!("job {}/{name}", job.namespace)).at(condition.since);
    let finding = Finding::new(Reason::DeadlineExceeded, Confidence::Certain, Basis::Stated, text).evidence(said);
    finish(case, finding, None)
}

/// ` Its last line: …`: what it was busy with.
fn doing(case: &Case) -> String {
    match last_lines(case, 1) {
        Ok(lines) => lines.first().map_or_else(String::new, |l| format!(" Its last line: {}", words::cut(l, 160))),
        Err(_) => String::new(),
    }
}

fn finish(case: &Case, mut finding: Finding, allowed: Option<i64>) -> Finding {
    finding.evidence.extend(case.crash().map(status_evidence));
    if let Ok(lines) = last_lines(case, 3) {
        finding.evidence.extend(lines.into_iter().map(|l| Evidence::new(Source::Log, l)));
    }
    let finding = finding
        .advise("See by its log whether it was still making progress. If it was, allow more time or give it less work; if it hung or waited for something, mend that: more time would not help.");
    let more = allowed.map_or_else(
        || "Raise activeDeadlineSeconds of the Job".to_owned(),
        |s| format!("Raise activeDeadlineSeconds ({s} now) to what a run really takes, with room"),
    );
    finding.advise(format!(
        "{more}. A Job that is over stays over: delete it and make it anew (a CronJob: correct spec.jobTemplate)."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::Workload;
    use crate::diagnose::testing::{World, at};

    #[test]
    fn the_pods_own_deadline() {
        let world = World::new().crashed(137, "Error", 3600).log("row 120 of 300\n").with(|w| {
            w.pod().reason = Some("DeadlineExceeded".into());
            w.pod().message = Some("Pod was active on the node longer than the specified deadline".into());
            w.pod().active_deadline_seconds = Some(3600);
        });
        let found = world.diagnose();
        assert_eq!((found.reason, found.confidence), (Reason::DeadlineExceeded, Confidence::Certain));
        assert!(found.summary.contains("of 60 min") || found.summary.contains("of 1 h"), "{}", found.summary);
        assert!(found.summary.contains("row 120 of 300"), "{}", found.summary);
    }

    fn of_job(code: i32, since: i64) -> World {
        World::new().crashed(code, "Error", 600).with(|w| {
            let job = |name: &str| Workload { kind: "Job".into(), name: name.into(), ..Workload::default() };
            w.pod().controller = Some(job("load"));
            let condition = Condition {
                kind: "Failed".into(),
                status: "True".into(),
                reason: Some("DeadlineExceeded".into()),
                message: Some("Job was active longer than specified deadline".into()),
                since: Some(at(since)),
            };
            w.cluster.workloads.push(WorkloadFacts {
                namespace: "shop".into(),
                workload: job("load"),
                conditions: vec![condition],
                ..WorkloadFacts::default()
            });
        })
    }

    #[test]
    fn a_jobs_deadline_ends_its_pods() {
        assert_eq!(of_job(143, 600).diagnose().reason, Reason::DeadlineExceeded);
        assert!(of_job(1, 600).examine(examine).is_empty(), "it failed by itself");
        assert!(of_job(143, 4000).examine(examine).is_empty(), "long before the deadline");
    }
}
