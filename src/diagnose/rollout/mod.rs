//! What changed before the crash began: a new revision of the workload, or a ConfigMap that the pod reads.
//!
//! Runs once, after ranking. It states what changed; it does not overrule what status, events and log say of the crash.

mod config;
mod course;
mod difference;
mod revisions;
mod story;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::facts::{Pod, WorkloadFacts};
use super::wants::Want;
use super::{Case, Cause, Diagnosis};
use course::{Course, course};
use story::Story;

/// Labels that tell revisions, or pods of one revision, apart.
const OF_ONE: &[&str] = &[
    "pod-template-hash",
    "rollouts-pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
];
/// Labels that people change with each release.
const OF_RELEASE: &[&str] = &["app.kubernetes.io/version", "helm.sh/chart", "version"];
/// Most ConfigMaps asked for.
const MAX_CONFIG_MAPS: usize = 2;

/// Says what changed.
pub(super) fn attach(case: &Case, diagnosis: &mut Diagnosis) {
    let course = course(case);
    let story = Story::of(case, &course);
    let mut texts: Vec<String> = story.iter().filter_map(Story::change).collect();
    if let Some(story) = &story {
        story.tell(case, diagnosis);
    }
    for changed in config::changed(case, &course, story.is_some()) {
        texts.push(changed.text);
        diagnosis.evidence.push(changed.evidence);
        diagnosis.remediation.push(changed.advice);
    }
    diagnosis.change = (!texts.is_empty()).then(|| texts.join(" "));
}

/// The workload's revisions, where a rollout may be the story: one list. ConfigMaps where it can be told when the crash began.
pub(super) fn wants(case: &Case, diagnosis: &Diagnosis) -> Vec<Want> {
    if diagnosis.cause() == Cause::NodeIssue {
        return Vec::new();
    }
    let course = course(case);
    let revisions = wants_revisions(case, &course);
    let configs = MAX_CONFIG_MAPS - usize::from(revisions.is_some());
    let may_be_config = course.first.is_some();
    let maps =
        config::names(case).into_iter().filter(|n| case.cluster.config("ConfigMap", &case.pod.namespace, n).is_none());
    let maps = maps.take(if may_be_config { configs } else { 0 }).map(|name| Want::Object {
        kind: "ConfigMap",
        namespace: case.pod.namespace.clone(),
        name,
    });
    revisions.into_iter().chain(maps).collect()
}

fn wants_revisions(case: &Case, course: &Course) -> Option<Want> {
    let pod = case.pod;
    let kind = revisions::kind(pod).filter(|k| *k != "ReplicationController")?;
    let controller = pod.controller.as_ref()?;
    let known = |k: &str| {
        let same = |w: &&WorkloadFacts| {
            w.namespace == pod.namespace && w.workload.kind == k && w.workload.name == controller.name
        };
        case.cluster.workloads.iter().rev().find(same)
    };
    let (began, selector) = if kind == "ReplicaSet" {
        let set = known(kind)?;
        // The first revision has none before it, and a ReplicaSet of its own has no revisions.
        set.controller.as_ref().filter(|_| set.revision != Some(1))?;
        (set.created, &set.selector)
    } else {
        let set = known(&controller.kind)?;
        // Never edited, so never rolled out.
        pod.revision.as_ref().filter(|_| set.generation != Some(1))?;
        (pod.created, &set.selector)
    };
    let lead = course.first?.as_second() - began?.as_second();
    let labels = labels(pod, selector);
    (story::is_young(lead) && !labels.is_empty()).then(|| Want::Labelled {
        kind,
        namespace: pod.namespace.clone(),
        labels,
    })
}

/// The labels that all revisions share: the workload's selector; where it is not known, the pod's own that do not change.
fn labels(pod: &Pod, selector: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let (from, changing) = if selector.is_empty() { (&pod.labels, OF_RELEASE) } else { (selector, &[][..]) };
    let stays = |k: &str| !OF_ONE.contains(&k) && !changing.contains(&k);
    from.iter().filter(|(k, _)| stays(k)).map(|(k, v)| (k.clone(), v.clone())).collect()
}
