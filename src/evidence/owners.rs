//! Owner chains: Pod -> ReplicaSet -> Deployment, Pod -> Job -> CronJob, and the rest.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::diagnose::facts::{Pod, Workload};

use super::workload::controller;

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
