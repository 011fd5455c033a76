//! Is a suspicious pod crashing? Where its status alone does not tell, a few more objects do: its events, its node, what came
//! after it.

use std::collections::BTreeMap;

use crate::collect::{self, Kind, Reader, Resolved, Select};
use crate::diagnose::facts::{Cluster, Pod, Timestamp};
use crate::diagnose::wants;
use crate::evidence::ClusterBuilder;
use crate::watch::detect::{self, Noticed, Policy, Trigger};

/// Most siblings, or Jobs of a CronJob, looked at.
const MAX_OBJECTS: u32 = 100;
/// Labels that tell one pod or revision from another of the same workload.
const OF_ONE: &[&str] = &[
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
];

/// The containers that are crashing.
pub async fn confirm(reader: &Reader, pod: &Pod, owner: &Resolved) -> Vec<Noticed> {
    let policy = Policy::offline();
    let first = detect::notice(pod, &Cluster::default(), Timestamp::now(), &policy);
    let sure = |n: &Noticed| matches!(n.trigger, Trigger::BackOff | Trigger::Terminated | Trigger::CannotStart);
    if !first.is_empty() && first.iter().all(sure) {
        return first;
    }
    if first.is_empty() && !detect::wants_events(pod, Timestamp::now(), &policy) {
        return first;
    }
    let Some((_, cluster)) = collect::pod_and_events(reader, &pod.namespace, &pod.name, Some(pod)).await else {
        return first;
    };
    let mut builder = ClusterBuilder::new();
    *builder.cluster_mut() = cluster;
    if first.iter().any(|n| n.trigger == Trigger::Restarted) {
        node(reader, pod, &mut builder).await;
    }
    if first.iter().any(|n| n.trigger == Trigger::PodFailed) && pod.controller.is_some() {
        what_came_after(reader, pod, owner, &mut builder).await;
    }
    detect::notice(pod, &builder.finish(), Timestamp::now(), &policy)
}

/// A node that went down and came back ended its containers without their fault.
async fn node(reader: &Reader, pod: &Pod, into: &mut ClusterBuilder) {
    let Some(name) = &pod.node else { return };
    if let Ok(node) = reader.get(Kind::Node, None, name).await {
        into.add_object(node, "node");
    }
}

/// A failed pod is of no importance once its Job is complete or a later pod did what it could not.
async fn what_came_after(reader: &Reader, pod: &Pod, owner: &Resolved, into: &mut ClusterBuilder) {
    for object in &owner.objects {
        into.add_object(object.clone(), "owner");
    }
    let namespace = Some(pod.namespace.as_str());
    let labels = shared_labels(pod);
    if !labels.is_empty() {
        let select = Select { labels: wants::selector(&labels), limit: MAX_OBJECTS, ..Select::default() };
        if let Ok(list) = reader.list(Kind::Pod, namespace, &select).await {
            into.add_object(list, "siblings");
        }
    }
    if pod.workload.kind == "CronJob" {
        let select = Select { limit: MAX_OBJECTS, ..Select::default() };
        if let Ok(list) = reader.list(Kind::Job, namespace, &select).await {
            into.add_object(list, "jobs");
        }
    }
}

/// What the pods of one workload have in common.
fn shared_labels(pod: &Pod) -> BTreeMap<String, String> {
    pod.labels.iter().filter(|(k, _)| !OF_ONE.contains(&k.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_found_by_what_they_share() {
        let mut pod = Pod::default();
        for (k, v) in [("app", "web"), ("pod-template-hash", "1"), ("batch.kubernetes.io/job-name", "j")] {
            pod.labels.insert(k.into(), v.into());
        }
        assert_eq!(wants::selector(&shared_labels(&pod)), "app=web");
    }
}
