//! Workload objects and their revisions -> [`WorkloadFacts`].

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::diagnose::facts::{Condition, Workload, WorkloadFacts};

use super::event::time;
use super::template::{labels, put as template};
use super::text::{message, word};

/// The controller of an object.
pub fn controller(meta: &ObjectMeta) -> Option<Workload> {
    let owner = meta.owner_references.as_ref()?.iter().find(|o| o.controller == Some(true))?;
    Some(Workload {
        api_version: word(&owner.api_version),
        kind: word(&owner.kind),
        name: word(&owner.name),
        uid: Some(word(&owner.uid)).filter(|u| !u.is_empty()),
    })
}

/// Where controllers number the objects that they make of each pod template: Deployment, Argo Rollout, `DeploymentConfig`.
const REVISION: &[&str] = &[
    "deployment.kubernetes.io/revision",
    "rollout.argoproj.io/revision",
    "openshift.io/deployment-config.latest-version",
];

/// What all kinds share.
fn base(api_version: &str, kind: &str, meta: &ObjectMeta) -> WorkloadFacts {
    let annotation = |name: &&str| meta.annotations.as_ref().and_then(|a| a.get(*name)?.parse().ok());
    let label = |name: &str| meta.labels.as_ref().and_then(|l| l.get(name)).map(|v| word(v));
    WorkloadFacts {
        namespace: word(meta.namespace.as_deref().unwrap_or_default()),
        workload: Workload {
            api_version: api_version.into(),
            kind: kind.into(),
            name: word(meta.name.as_deref().unwrap_or_default()),
            uid: meta.uid.as_deref().map(word),
        },
        controller: controller(meta),
        created: time(meta.creation_timestamp.as_ref()),
        generation: meta.generation,
        revision: REVISION.iter().find_map(annotation),
        template_hash: label("pod-template-hash").or_else(|| label("controller-revision-hash")),
        ..WorkloadFacts::default()
    }
}

fn number(n: Option<i32>) -> Option<u32> {
    n.and_then(|n| u32::try_from(n).ok())
}

/// A Deployment.
pub fn deployment(d: &apps::Deployment) -> WorkloadFacts {
    let mut facts = base("apps/v1", "Deployment", &d.metadata);
    if let Some(status) = &d.status {
        facts.ready = Some(number(status.ready_replicas).unwrap_or(0));
        facts.conditions = status
            .conditions
            .iter()
            .flatten()
            .map(|c| Condition {
                kind: word(c.type_.as_deref().unwrap_or_default()),
                status: word(c.status.as_deref().unwrap_or_default()),
                reason: c.reason.as_deref().map(word),
                message: c.message.as_deref().map(message),
                since: time(c.last_transition_time.as_ref()),
            })
            .collect();
    }
    let spec = &d.spec;
    facts.replicas = Some(number(spec.replicas).unwrap_or(1));
    facts.updated = d.status.as_ref().map(|s| number(s.updated_replicas).unwrap_or(0));
    facts.selector = labels(spec.selector.match_labels.as_ref());
    template(facts, Some(&spec.template))
}

/// A ReplicaSet.
pub fn replica_set(r: &apps::ReplicaSet) -> WorkloadFacts {
    let mut facts = base("apps/v1", "ReplicaSet", &r.metadata);
    facts.ready = r.status.as_ref().map(|s| number(s.ready_replicas).unwrap_or(0));
    let spec = &r.spec;
    facts.replicas = Some(number(spec.replicas).unwrap_or(1));
    facts.selector = labels(spec.selector.match_labels.as_ref());
    template(facts, spec.template.as_ref())
}

/// A StatefulSet.
pub fn stateful_set(s: &apps::StatefulSet) -> WorkloadFacts {
    let mut facts = base("apps/v1", "StatefulSet", &s.metadata);
    facts.ready = s.status.as_ref().map(|s| number(s.ready_replicas).unwrap_or(0));
    let spec = &s.spec;
    facts.replicas = Some(number(spec.replicas).unwrap_or(1));
    facts.updated = s.status.as_ref().map(|s| number(s.updated_replicas).unwrap_or(0));
    facts.selector = labels(spec.selector.match_labels.as_ref());
    template(facts, Some(&spec.template))
}

/// A DaemonSet.
pub fn daemon_set(d: &apps::DaemonSet) -> WorkloadFacts {
    let mut facts = base("apps/v1", "DaemonSet", &d.metadata);
    facts.replicas = d.status.as_ref().and_then(|s| number(Some(s.desired_number_scheduled)));
    facts.ready = d.status.as_ref().and_then(|s| number(Some(s.number_ready)));
    facts.updated = d.status.as_ref().map(|s| number(s.updated_number_scheduled).unwrap_or(0));
    facts.selector = labels(d.spec.selector.match_labels.as_ref());
    template(facts, Some(&d.spec.template))
}

/// A Job.
pub fn job(j: &batch::Job) -> WorkloadFacts {
    let mut facts = base("batch/v1", "Job", &j.metadata);
    if let Some(status) = &j.status {
        facts.ready = number(status.ready);
        facts.conditions = status
            .conditions
            .iter()
            .flatten()
            .map(|c| Condition {
                kind: word(&c.type_),
                status: word(&c.status),
                reason: c.reason.as_deref().map(word),
                message: c.message.as_deref().map(message),
                since: time(c.last_transition_time.as_ref()),
            })
            .collect();
    }
    template(facts, j.spec.as_ref().map(|s| &s.template))
}

/// A CronJob.
pub fn cron_job(c: &batch::CronJob) -> WorkloadFacts {
    let facts = base("batch/v1", "CronJob", &c.metadata);
    let job = c.spec.job_template.spec.as_ref();
    template(facts, job.map(|s| &s.template))
}

/// A ReplicationController.
pub fn replication_controller(r: &core::ReplicationController) -> WorkloadFacts {
    let mut facts = base("v1", "ReplicationController", &r.metadata);
    facts.ready = r.status.as_ref().map(|s| number(s.ready_replicas).unwrap_or(0));
    let Some(spec) = &r.spec else { return facts };
    facts.replicas = Some(number(spec.replicas).unwrap_or(1));
    facts.selector = labels(spec.selector.as_ref());
    template(facts, spec.template.as_ref())
}

/// A ControllerRevision: the pod template of an earlier StatefulSet or DaemonSet.
pub fn revision(r: &apps::ControllerRevision) -> WorkloadFacts {
    let mut facts = base("apps/v1", "ControllerRevision", &r.metadata);
    facts.revision = r.revision;
    // A StatefulSet's pods carry the whole name, a DaemonSet's the hash, which older versions do not put on the revision.
    facts.template_hash = facts.template_hash.or_else(|| r.metadata.name.as_deref().map(word));
    let stored = r.data.0.pointer("/spec/template").cloned();
    let decoded = stored.and_then(|t| serde_json::from_value::<PodTemplateSpec>(t).ok());
    template(facts, decoded.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_revision_holds_a_pod_template() {
        let stored: apps::ControllerRevision = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "shop", "name": "db-6f7c9", "labels": {"app": "db", "controller-revision-hash": "6f7c9"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s", "controller": true}]},
            "revision": 4,
            "data": {"spec": {"template": {"$patch": "replace", "spec": {"containers": [{"name": "db", "image": "postgres:16"}]}}}}
        }))
        .unwrap();
        let facts = revision(&stored);
        assert_eq!((facts.revision, facts.template_hash.as_deref()), (Some(4), Some("6f7c9")));
        assert_eq!(facts.containers[0].image, "postgres:16");
        assert_eq!(facts.controller.map(|c| c.name).as_deref(), Some("db"));
    }

    #[test]
    fn a_replica_set_tells_its_revision_and_how_its_deployment_selects() {
        let set: apps::ReplicaSet = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "web-1", "annotations": {"deployment.kubernetes.io/revision": "7"}, "labels": {"app": "web", "version": "2", "pod-template-hash": "1"}},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web", "pod-template-hash": "1"}},
                "template": {"metadata": {"labels": {"app": "web", "version": "2"}}}},
            "status": {"replicas": 2, "readyReplicas": 1}
        }))
        .unwrap();
        let facts = replica_set(&set);
        assert_eq!((facts.revision, facts.ready, facts.selector.len()), (Some(7), Some(1), 2));
    }
}
