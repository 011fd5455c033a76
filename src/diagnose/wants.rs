//! What the engine would like to know besides: a pure question to whoever collects evidence.
//!
//! [`wants`] is asked again after each answer, with the answers in the facts; each wish that was answered (even by "there is
//! none") is noted in `Cluster::listed` under its [`Want::key`], and not uttered again. Offline the wishes stay unheard.

use std::collections::BTreeMap;

use super::causes::start::config;
use super::causes::{node, volume};
use super::facts::LogSlot;
use super::{Case, Diagnosis, rollout, upstream};

/// Most wishes at a time; the rest come with the next round.
const MOST: usize = 4;

/// One thing to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// One object.
    Object {
        /// Kind: `Service`, `Node`, `Pod`, `PersistentVolumeClaim`, `PersistentVolume`, `StorageClass`.
        kind: &'static str,
        /// Namespace; empty for cluster-scoped kinds.
        namespace: String,
        /// Name.
        name: String,
    },
    /// The objects of a kind in a namespace that carry these labels (all of them, where there are none), at most a few hundred.
    Labelled {
        /// Kind: `Pod`, `Service`, `ConfigMap`, `PersistentVolumeClaim`, `Deployment`, `StatefulSet`, `DaemonSet`, `ReplicaSet`, `ControllerRevision`, `Job`.
        kind: &'static str,
        /// Namespace.
        namespace: String,
        /// Labels.
        labels: BTreeMap<String, String>,
    },
    /// All objects of a cluster-scoped kind, at most a few hundred.
    All {
        /// Kind: `StorageClass`, `PersistentVolume`, `VolumeAttachment`.
        kind: &'static str,
    },
    /// Objects of this name in any namespace (field `metadata.name`).
    Named {
        /// Kind: `Service`.
        kind: &'static str,
        /// Name.
        name: String,
    },
    /// What has this address: a Service (field `spec.clusterIP`) or a pod (field `status.podIP`), in any namespace.
    At {
        /// Kind: `Service` or `Pod`.
        kind: &'static str,
        /// IP address.
        ip: String,
    },
    /// The pods on a node, in any namespace (field `spec.nodeName`).
    OnNode {
        /// The node's name.
        node: String,
    },
    /// The EndpointSlices of a Service.
    Slices {
        /// Namespace.
        namespace: String,
        /// The Service's name.
        service: String,
    },
    /// Events that regard one object.
    Events {
        /// Namespace.
        namespace: String,
        /// Its uid.
        uid: String,
    },
    /// The newest part of a container's log.
    Log {
        /// Namespace.
        namespace: String,
        /// Pod.
        pod: String,
        /// Container.
        container: String,
        /// Which.
        slot: LogSlot,
    },
}

impl Want {
    /// What `Cluster::listed` is to hold once it was answered.
    pub fn key(&self) -> String {
        match self {
            Self::Object { kind, namespace, name } => format!("{kind}/{namespace}/{name}"),
            Self::Labelled { kind, namespace, labels } if labels.is_empty() => format!("{kind}/{namespace}"),
            Self::Labelled { kind, namespace, labels } => format!("{kind}/{namespace}?{}", selector(labels)),
            Self::All { kind } => (*kind).to_owned(),
            Self::Named { kind, name } => format!("{kind}/*/{name}"),
            Self::At { kind, ip } => format!("{kind}@{ip}"),
            Self::OnNode { node } => format!("Pod@node/{node}"),
            Self::Slices { namespace, service } => format!("EndpointSlice/{namespace}/{service}"),
            Self::Events { namespace, uid } => format!("Event/{namespace}/{uid}"),
            Self::Log { namespace, pod, container, slot } => format!("Log/{namespace}/{pod}/{container}/{slot:?}"),
        }
    }
}

/// Labels as a selector: `app=db,tier=data`.
pub fn selector(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
}

/// What would make `diagnosis` better, the most useful first, at most four; empty: nothing that is not known already.
pub fn wants(case: &Case, diagnosis: &Diagnosis) -> Vec<Want> {
    let mut all = upstream::wants(case, diagnosis);
    all.extend(volume::wants(case, diagnosis));
    all.extend(config::wants(case, diagnosis));
    all.extend(node::wants(case, diagnosis));
    all.extend(rollout::wants(case, diagnosis));
    let mut fresh: Vec<Want> = Vec::new();
    for want in all {
        if !fresh.contains(&want) && !case.cluster.listed.contains(&want.key()) {
            fresh.push(want);
        }
    }
    fresh.truncate(MOST);
    fresh
}
