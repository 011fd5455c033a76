//! The top of the controller chain, with one request: the object between the pod and what its user edits names both.

use serde_json::Value;

use super::{Kind, Miss, Reader};
use crate::diagnose::facts::{Pod, Workload};

/// What the chain above a pod says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    /// The top-level workload.
    pub workload: Workload,
    /// Pods that the workload should have, where the kind tells.
    pub pods_total: Option<i64>,
    /// Objects read on the way, for the evidence.
    pub objects: Vec<Value>,
}

/// Follows Pod -> ReplicaSet -> Deployment and Pod -> Job -> CronJob; other controllers are the top themselves. Where the
/// object cannot be read, the name that its controller would have given it decides (`pod.workload`).
pub async fn resolve(reader: &Reader, pod: &Pod) -> (Resolved, Option<Miss>) {
    let known = |workload| Resolved { workload, ..Resolved::default() };
    let Some(controller) = pod.controller.as_ref().filter(|_| pod.workload.kind != "Pod") else {
        return (Resolved { pods_total: Some(1), ..known(pod.workload.clone()) }, None);
    };
    let Some(kind) = Kind::of(&controller.api_version, &controller.kind) else {
        return (known(controller.clone()), None);
    };
    match reader.get(kind, Some(&pod.namespace), &controller.name).await {
        Ok(object) => (read(kind, controller, object), None),
        Err(miss) => (known(pod.workload.clone()), Some(miss)),
    }
}

fn read(kind: Kind, controller: &Workload, object: Value) -> Resolved {
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64);
    let pods_total = match kind {
        Kind::DaemonSet => number("/status/desiredNumberScheduled"),
        Kind::Job => number("/spec/parallelism").or(Some(1)),
        Kind::ReplicaSet => number("/spec/replicas").max(number("/status/replicas")),
        _ => number("/spec/replicas").or(Some(1)),
    };
    let above = matches!(kind, Kind::ReplicaSet | Kind::Job | Kind::ReplicationController);
    let workload = above.then(|| owner(&object)).flatten().unwrap_or_else(|| controller.clone());
    Resolved { workload, pods_total, objects: vec![object] }
}

fn owner(object: &Value) -> Option<Workload> {
    let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
    let o = owners.iter().find(|o| o["controller"].as_bool() == Some(true))?;
    let text = |key: &str| o[key].as_str().map(str::to_owned);
    Some(Workload { api_version: text("apiVersion")?, kind: text("kind")?, name: text("name")?, uid: text("uid") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn controller(kind: &str) -> Workload {
        Workload { api_version: "apps/v1".into(), kind: kind.into(), name: "web-1".into(), uid: Some("rs".into()) }
    }

    #[test]
    fn a_replica_set_leads_to_its_deployment_and_counts_its_pods() {
        let rs = json!({"metadata": {"ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web",
            "uid": "d-1", "controller": true}]}, "spec": {"replicas": 3}});
        let r = read(Kind::ReplicaSet, &controller("ReplicaSet"), rs);
        assert_eq!((r.workload.kind.as_str(), r.workload.name.as_str(), r.pods_total), ("Deployment", "web", Some(3)));
        assert_eq!(r.workload.uid.as_deref(), Some("d-1"));
    }

    #[test]
    fn an_operators_stateful_set_is_what_the_user_sees() {
        let sts = json!({"metadata": {"ownerReferences": [{"apiVersion": "x/v1", "kind": "Postgres", "name": "main",
            "uid": "p", "controller": true}]}, "spec": {"replicas": 2}});
        let r = read(Kind::StatefulSet, &controller("StatefulSet"), sts);
        assert_eq!((r.workload.kind.as_str(), r.pods_total), ("StatefulSet", Some(2)));
    }
}
