//! Owner chains and workload objects: Pod -> ReplicaSet -> Deployment, Pod -> Job -> CronJob, and the rest.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::diagnose::facts::{Condition, Pod, Workload, WorkloadFacts};

use super::event::time;
use super::text::{message, word};
use super::{container, pod, pod_volume};

/// What is known of who controls whom, to follow a pod to the object that its user edits.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    controllers: BTreeMap<(String, String, String), Option<Workload>>,
}

impl Owners {
    /// Notes an object with its controller, if it has one.
    pub fn add(&mut self, kind: &str, meta: &ObjectMeta) {
        let key = (meta.namespace.clone().unwrap_or_default(), kind.to_owned(), meta.name.clone().unwrap_or_default());
        self.controllers.insert(key, controller(meta));
    }

    /// The top of the chain above a pod: the object its user edits.
    pub fn top(&self, pod: &Pod) -> Workload {
        let own = || Workload {
            api_version: "v1".into(),
            kind: "Pod".into(),
            name: pod.name.clone(),
            uid: Some(pod.uid.clone()).filter(|u| !u.is_empty()),
        };
        // The mirror of a static pod belongs to its node, which nobody edits to change the pod.
        let Some(mut at) = pod.controller.clone().filter(|c| c.kind != "Node" && pod.static_hash.is_none()) else {
            return own();
        };
        for _ in 0..4 {
            let key = (pod.namespace.clone(), at.kind.clone(), at.name.clone());
            let above = match self.controllers.get(&key) {
                Some(known) => known.clone(),
                None => guess(&at, &pod.labels),
            };
            match above {
                Some(above) if is_intermediate(&at.kind) => at = above,
                _ => break,
            }
        }
        at
    }
}

/// Kinds that another object of the user stamps out.
fn is_intermediate(kind: &str) -> bool {
    matches!(kind, "ReplicaSet" | "Job" | "ReplicationController")
}

/// Who made an object that is not at hand, from the names that the controllers give.
fn guess(at: &Workload, labels: &BTreeMap<String, String>) -> Option<Workload> {
    let made = |api: &str, kind: &str, name: &str| {
        (!name.is_empty()).then(|| Workload {
            api_version: api.into(),
            kind: kind.into(),
            name: name.into(),
            uid: None,
        })
    };
    match at.kind.as_str() {
        // The Deployment controller names a ReplicaSet NAME-HASH and stamps the hash on the pods.
        "ReplicaSet" => {
            let hash = labels.get("pod-template-hash")?;
            made("apps/v1", "Deployment", at.name.strip_suffix(hash)?.strip_suffix('-')?)
        }
        // The CronJob controller appends the scheduled time in minutes since 1970: eight digits until the year 2160.
        "Job" => {
            let (name, minutes) = at.name.rsplit_once('-')?;
            let scheduled =
                minutes.len() == 8 && minutes.bytes().all(|b| b.is_ascii_digit()) && minutes.starts_with(['2', '3']);
            scheduled.then(|| made("batch/v1", "CronJob", name)).flatten()
        }
        "ReplicationController" => {
            let config = labels.get("deploymentconfig")?;
            made("apps.openshift.io/v1", "DeploymentConfig", config)
        }
        _ => None,
    }
}

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

/// What all kinds share.
fn base(api_version: &str, kind: &str, meta: &ObjectMeta) -> WorkloadFacts {
    let revision = meta.annotations.as_ref().and_then(|a| a.get("deployment.kubernetes.io/revision")?.parse().ok());
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
        revision,
        template_hash: label("pod-template-hash").or_else(|| label("controller-revision-hash")),
        ..WorkloadFacts::default()
    }
}

fn template(mut facts: WorkloadFacts, template: Option<&PodTemplateSpec>) -> WorkloadFacts {
    let Some(template) = template else { return facts };
    let labels = template.metadata.as_ref().and_then(|m| m.labels.as_ref());
    facts.pod_labels = labels.into_iter().flatten().map(|(k, v)| (word(k), word(v))).collect();
    if let Some(spec) = &template.spec {
        facts.containers = container::of_spec(spec);
        facts.volumes = spec.volumes.iter().flatten().map(|v| pod_volume::facts(v, "")).collect();
        facts.security = pod::security(spec.security_context.as_ref());
    }
    facts
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
    template(facts, Some(&spec.template))
}

/// A ReplicaSet.
pub fn replica_set(r: &apps::ReplicaSet) -> WorkloadFacts {
    let mut facts = base("apps/v1", "ReplicaSet", &r.metadata);
    facts.ready = r.status.as_ref().map(|s| number(s.ready_replicas).unwrap_or(0));
    let spec = &r.spec;
    facts.replicas = Some(number(spec.replicas).unwrap_or(1));
    template(facts, spec.template.as_ref())
}

/// A StatefulSet.
pub fn stateful_set(s: &apps::StatefulSet) -> WorkloadFacts {
    let mut facts = base("apps/v1", "StatefulSet", &s.metadata);
    facts.ready = s.status.as_ref().map(|s| number(s.ready_replicas).unwrap_or(0));
    let spec = &s.spec;
    facts.replicas = Some(number(spec.replicas).unwrap_or(1));
    template(facts, Some(&spec.template))
}

/// A DaemonSet.
pub fn daemon_set(d: &apps::DaemonSet) -> WorkloadFacts {
    let mut facts = base("apps/v1", "DaemonSet", &d.metadata);
    facts.replicas = d.status.as_ref().and_then(|s| number(Some(s.desired_number_scheduled)));
    facts.ready = d.status.as_ref().and_then(|s| number(Some(s.number_ready)));
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
    template(facts, spec.template.as_ref())
}

/// A ControllerRevision: the pod template of an earlier StatefulSet or DaemonSet.
pub fn revision(r: &apps::ControllerRevision) -> WorkloadFacts {
    let mut facts = base("apps/v1", "ControllerRevision", &r.metadata);
    facts.revision = r.revision;
    // The hash is not a label of a StatefulSet's revisions; their name ends with it.
    facts.template_hash = facts.template_hash.or_else(|| r.metadata.name.as_deref().map(word));
    let stored = r.data.0.pointer("/spec/template").cloned();
    let decoded = stored.and_then(|t| serde_json::from_value::<PodTemplateSpec>(t).ok());
    template(facts, decoded.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(kind: &str, name: &str, hash: Option<&str>) -> Pod {
        let controller = Workload { api_version: "x/v1".into(), kind: kind.into(), name: name.into(), uid: None };
        let labels = hash.map(|h| ("pod-template-hash".to_owned(), h.to_owned())).into_iter().collect();
        Pod { namespace: "shop".into(), name: "p".into(), controller: Some(controller), labels, ..Pod::default() }
    }

    fn top(pod: &Pod, owners: &Owners) -> String {
        let w = owners.top(pod);
        format!("{}/{}", w.kind, w.name)
    }

    #[test]
    fn names_are_derived_where_the_objects_are_not_at_hand() {
        let none = Owners::default();
        assert_eq!(top(&pod("ReplicaSet", "web-7d9c8b5f6d", Some("7d9c8b5f6d")), &none), "Deployment/web");
        assert_eq!(top(&pod("ReplicaSet", "web-blue", None), &none), "ReplicaSet/web-blue");
        assert_eq!(top(&pod("Job", "report-29012345", None), &none), "CronJob/report");
        assert_eq!(top(&pod("Job", "migrate-2", None), &none), "Job/migrate-2");
        assert_eq!(top(&pod("Workflow", "w-1", None), &none), "Workflow/w-1");
        assert_eq!(top(&pod("Node", "n-1", None), &none), "Pod/p");
    }

    #[test]
    fn known_objects_beat_names() {
        let mut owners = Owners::default();
        let meta = |name: &str, owner: Option<(&str, &str)>| -> ObjectMeta {
            let owner = owner.map(|(k, n)| serde_json::json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": k, "name": n, "uid": "u", "controller": true}]));
            serde_json::from_value(serde_json::json!({"namespace": "shop", "name": name, "ownerReferences": owner}))
                .unwrap()
        };
        owners.add("ReplicaSet", &meta("web-1", Some(("Rollout", "web"))));
        owners.add("Job", &meta("report-29012345", None));
        owners.add("StatefulSet", &meta("db", Some(("Postgres", "main"))));
        assert_eq!(top(&pod("ReplicaSet", "web-1", Some("1")), &owners), "Rollout/web");
        assert_eq!(top(&pod("Job", "report-29012345", None), &owners), "Job/report-29012345");
        assert_eq!(top(&pod("StatefulSet", "db", None), &owners), "StatefulSet/db");
    }
}
