//! The kinds of objects that are read, and where the API server keeps them.

use kube::core::Request;

/// A kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Pod,
    Event,
    Node,
    Namespace,
    Service,
    EndpointSlice,
    ConfigMap,
    Claim,
    Volume,
    StorageClass,
    VolumeAttachment,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    ControllerRevision,
    Job,
    CronJob,
    ReplicationController,
}

/// (kind, its name in the API, path of its group and version, plural)
const PLACES: &[(Kind, &str, &str, &str)] = &[
    (Kind::Pod, "Pod", "/api/v1", "pods"),
    (Kind::Event, "Event", "/api/v1", "events"),
    (Kind::Node, "Node", "/api/v1", "nodes"),
    (Kind::Namespace, "Namespace", "/api/v1", "namespaces"),
    (Kind::Service, "Service", "/api/v1", "services"),
    (Kind::EndpointSlice, "EndpointSlice", "/apis/discovery.k8s.io/v1", "endpointslices"),
    (Kind::ConfigMap, "ConfigMap", "/api/v1", "configmaps"),
    (Kind::Claim, "PersistentVolumeClaim", "/api/v1", "persistentvolumeclaims"),
    (Kind::Volume, "PersistentVolume", "/api/v1", "persistentvolumes"),
    (Kind::StorageClass, "StorageClass", "/apis/storage.k8s.io/v1", "storageclasses"),
    (Kind::VolumeAttachment, "VolumeAttachment", "/apis/storage.k8s.io/v1", "volumeattachments"),
    (Kind::Deployment, "Deployment", "/apis/apps/v1", "deployments"),
    (Kind::ReplicaSet, "ReplicaSet", "/apis/apps/v1", "replicasets"),
    (Kind::StatefulSet, "StatefulSet", "/apis/apps/v1", "statefulsets"),
    (Kind::DaemonSet, "DaemonSet", "/apis/apps/v1", "daemonsets"),
    (Kind::ControllerRevision, "ControllerRevision", "/apis/apps/v1", "controllerrevisions"),
    (Kind::Job, "Job", "/apis/batch/v1", "jobs"),
    (Kind::CronJob, "CronJob", "/apis/batch/v1", "cronjobs"),
    (Kind::ReplicationController, "ReplicationController", "/api/v1", "replicationcontrollers"),
];

impl Kind {
    fn place(self) -> &'static (Kind, &'static str, &'static str, &'static str) {
        // The table names each kind (a test says so); the first row stands in for the impossible.
        PLACES.iter().find(|p| p.0 == self).unwrap_or(&PLACES[0])
    }

    /// A workload kind by API version and name; `None` for kinds that we do not read.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let path =
            if api_version.contains('/') { format!("/apis/{api_version}") } else { format!("/api/{api_version}") };
        PLACES.iter().find(|p| p.1 == kind && p.2 == path).map(|p| p.0)
    }

    /// A kind by its name.
    pub fn named(kind: &str) -> Option<Self> {
        PLACES.iter().find(|p| p.1 == kind).map(|p| p.0)
    }

    /// The kind's name, as label of metrics and in words.
    pub fn source(self) -> &'static str {
        self.place().1
    }

    /// Requests for this kind.
    pub(super) fn request(self, namespace: Option<&str>) -> Request {
        let (_, _, group, plural) = self.place();
        Request::new(match namespace {
            Some(ns) => format!("{group}/namespaces/{ns}/{plural}"),
            None => format!("{group}/{plural}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names() {
        assert_eq!(Kind::of("apps/v1", "ReplicaSet"), Some(Kind::ReplicaSet));
        assert_eq!(Kind::of("v1", "Pod"), Some(Kind::Pod));
        assert_eq!(Kind::of("argoproj.io/v1alpha1", "Rollout"), None);
        assert_eq!(Kind::of("example.com/v1", "Deployment"), None);
    }

    #[test]
    fn paths_are_those_of_the_api() {
        let get = |r: Request| r.get("x", &kube::api::GetParams::default()).unwrap().uri().to_string();
        assert_eq!(get(Kind::Claim.request(Some("shop"))), "/api/v1/namespaces/shop/persistentvolumeclaims/x");
        assert_eq!(get(Kind::StorageClass.request(None)), "/apis/storage.k8s.io/v1/storageclasses/x");
        assert!(PLACES.iter().all(|p| p.0.place().0 == p.0));
    }
}
