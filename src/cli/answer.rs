//! The answer for one (workload, container), in the field names of the custom resource.

use serde::Serialize;

use crate::api;
use crate::diagnose::facts::{Cluster, Container, Pod, State, Timestamp};
use crate::diagnose::{self, Case, Diagnosis};
use crate::report::resource::{self, Verdict};
use crate::watch::detect::{Noticed, Policy};
use crate::watch::group::{self, Group};

/// Most pods listed.
const MAX_PODS: usize = 10;
/// How many pods of a group are asked before "unknown" is the answer.
pub const MAX_ASKED: usize = 5;

/// One element of the array that `-o json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Namespace.
    pub namespace: String,
    /// Top-level workload.
    pub workload: api::WorkloadRef,
    /// Container.
    pub container: String,
    /// Its role.
    pub container_type: api::ContainerType,
    /// Affected pods, at most ten.
    pub pods: Vec<api::AffectedPod>,
    /// How many are affected.
    pub pods_affected: usize,
    /// How many the workload has in the input.
    pub pods_total: usize,
    /// Restarts, summed over the affected pods.
    pub restarts: u64,
    /// State.
    pub state: api::State,
    /// Cause.
    pub cause: String,
    /// Reason.
    pub reason: String,
    /// Confidence.
    pub confidence: String,
    /// One sentence.
    pub summary: String,
    /// What to do.
    pub remediation: Vec<api::Remediation>,
    /// What it rests on.
    pub evidence: Vec<api::EvidenceItem>,
    /// Other readings.
    pub alternatives: Vec<api::AlternativeReading>,
    /// The object to look at next.
    pub root_cause: Option<api::RootCauseRef>,
    /// What the rollout changed.
    pub change: Option<String>,
    /// The newest crash.
    pub last_crash: api::Crash,
    /// The lines of the log that matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_excerpt: Vec<String>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<api::Unread>,
}

/// Everything that is crashing, diagnosed. `only`: pods (namespace, name) to keep to; empty for all.
pub fn all(cluster: &Cluster, now: Timestamp, only: &[(String, String)]) -> Vec<Answer> {
    let mut groups = group::crashing(cluster, now, &Policy::offline());
    if !only.is_empty() {
        for g in &mut groups {
            g.members.retain(|(p, _)| only.iter().any(|(ns, name)| p.namespace == *ns && p.name == *name));
        }
        groups.retain(|g| !g.members.is_empty());
    }
    groups.iter().filter_map(|g| one(cluster, g, now)).collect()
}

fn one(cluster: &Cluster, group: &Group, now: Timestamp) -> Option<Answer> {
    let (pod, container, diagnosis) = representative(cluster, group, now)?;
    Some(of(group, pod, container, &diagnosis))
}

/// The answer for a group, in the words of the diagnosis of one of its pods.
pub fn of(group: &Group, pod: &Pod, container: &Container, diagnosis: &Diagnosis) -> Answer {
    let v = Verdict::from(diagnosis);
    let excerpt = if pod.wants_no_logs() { Vec::new() } else { v.log_excerpt };
    let restarts = |(p, n): &(&Pod, Noticed)| p.container(&n.container).map_or(0, |c| u64::from(c.status.restarts));
    Answer {
        namespace: group.namespace.to_owned(),
        workload: resource::workload_ref(group.workload),
        container: group.container.clone(),
        container_type: resource::spec(group.workload, &group.container, container.kind).container_type,
        pods: group.members.iter().take(MAX_PODS).map(|(p, n)| affected(p, n)).collect(),
        pods_affected: group.members.len(),
        pods_total: group.pods_total.max(group.members.len()),
        restarts: group.members.iter().map(restarts).sum(),
        state: api::State::Crashing,
        cause: v.cause,
        reason: v.reason,
        confidence: v.confidence,
        summary: v.summary,
        remediation: v.remediation,
        evidence: v.evidence,
        alternatives: v.alternatives,
        root_cause: v.root_cause,
        change: v.change,
        last_crash: resource::last_crash(pod, container),
        log_excerpt: excerpt,
        unread: v.unread,
    }
}

/// The pod with the newest crash stands for all; where it tells nothing (its log is gone, say), the next that does.
fn representative<'a>(
    cluster: &'a Cluster,
    group: &Group<'a>,
    now: Timestamp,
) -> Option<(&'a Pod, &'a Container, Diagnosis)> {
    let mut first = None;
    for (pod, noticed) in group.members.iter().take(MAX_ASKED) {
        let Some(container) = pod.container(&noticed.container) else { continue };
        let diagnosis = diagnose::diagnose(&Case::new(cluster, pod, container, now));
        let vague = Verdict::from(&diagnosis).is_vague();
        if !vague {
            return Some((pod, container, diagnosis));
        }
        first.get_or_insert((*pod, container, diagnosis));
    }
    first
}

fn affected(pod: &Pod, noticed: &Noticed) -> api::AffectedPod {
    let container = pod.container(&noticed.container);
    let state = container.map_or_else(String::new, |c| match &c.status.state {
        State::Waiting { reason, .. } => reason.clone(),
        State::Running { .. } => "Running".into(),
        State::Terminated(t) => t.reason.clone(),
        State::Unknown => pod.phase.clone(),
    });
    api::AffectedPod {
        name: pod.name.clone(),
        uid: pod.uid.clone(),
        node: pod.node.clone(),
        restarts: container.map_or(0, |c| i64::from(c.status.restarts)),
        state,
        last_crash_at: noticed
            .at
            .map(resource::whole_seconds)
            .map(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time),
        ..api::AffectedPod::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::table;
    use crate::evidence::ClusterBuilder;
    use serde_json::{Value, json};

    fn set(name: &str, revision: &str, created: &str, ready: i64, image: &str) -> Value {
        json!({"kind": "ReplicaSet", "apiVersion": "apps/v1",
            "metadata": {"namespace": "shop", "name": name, "creationTimestamp": created,
                "annotations": {"deployment.kubernetes.io/revision": revision},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "shopfront", "uid": "d", "controller": true}]},
            "spec": {"replicas": ready.max(1), "selector": {"matchLabels": {"app": "shopfront"}},
                "template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
            "status": {"replicas": ready.max(1), "readyReplicas": ready}})
    }

    #[test]
    fn a_rollout_in_files_shows_what_it_changed() {
        let mut builder = ClusterBuilder::new();
        let pod = json!({"kind": "Pod", "apiVersion": "v1",
            "metadata": {"namespace": "shop", "name": "shopfront-b-x1", "uid": "p", "creationTimestamp": "2025-03-01T10:00:00Z",
                "labels": {"app": "shopfront", "pod-template-hash": "b"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "shopfront-b", "uid": "r", "controller": true}]},
            "spec": {"nodeName": "n1", "containers": [{"name": "main", "image": "shopfront:2"}]},
            "status": {"phase": "Running", "startTime": "2025-03-01T10:00:00Z", "containerStatuses": [{"name": "main", "image": "shopfront:2",
                "imageID": "", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": "2025-03-01T10:01:05Z", "finishedAt": "2025-03-01T10:01:06Z"}}}]}});
        let sets = [
            set("shopfront-a", "1", "2025-02-01T10:00:00Z", 2, "shopfront:1"),
            set("shopfront-b", "2", "2025-03-01T10:00:00Z", 0, "shopfront:2"),
        ];
        for object in sets.into_iter().chain([pod]) {
            assert_eq!(builder.add_object(object, "objects.yaml"), 1);
        }
        let now = builder.newest().unwrap();
        let answers = all(&builder.finish(), now, &[]);
        let wanted = "revision 2 (less than a minute before the first crash) changed: image shopfront:1 -> shopfront:2. Revision 1 still serves (2 ready pods).";
        let printed = serde_json::to_value(&answers).unwrap();
        assert_eq!(printed[0]["change"], wanted);
        assert!(
            printed[0]["remediation"]
                .as_array()
                .unwrap()
                .iter()
                .any(|r| r["command"] == "kubectl -n shop rollout undo deployment/shopfront")
        );
        let text = table::render(&answers, now, &table::Style { colour: false, width: 400 });
        assert!(text.contains(&format!("  Changed: {wanted}\n")), "{text}");
    }
}
