//! Everything around the pod, as far as it was collected: events, logs, volumes, config, nodes, services, workloads.

use crate::diagnose::signature::Signatures;

use super::{Attachment, Claim, ConfigObject, Node, Pod, Service, StorageClass, Timestamp, Volume, WorkloadFacts};

/// All that is known. In a cluster it holds one pod and what was fetched for it; offline, everything in the files.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Pods.
    pub pods: Vec<Pod>,
    /// Events, oldest first, of any object.
    pub events: Vec<Event>,
    /// Logs.
    pub logs: Vec<Log>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// PersistentVolumeClaims.
    pub claims: Vec<Claim>,
    /// PersistentVolumes.
    pub volumes: Vec<Volume>,
    /// StorageClasses.
    pub storage_classes: Vec<StorageClass>,
    /// VolumeAttachments.
    pub attachments: Vec<Attachment>,
    /// ConfigMaps and Secrets: names and keys, never values.
    pub configs: Vec<ConfigObject>,
    /// Services.
    pub services: Vec<Service>,
    /// Top-level and intermediate workloads (Deployment, ReplicaSet, ...).
    pub workloads: Vec<WorkloadFacts>,
    /// Kinds of objects that were looked for completely: absence in the lists above then means absence in the
    /// namespace or cluster. Keys as in [`Cluster::complete`]: `"ConfigMap/shop"`, `"StorageClass"`, ...
    pub listed: Vec<String>,
    /// Earlier crashes of containers, from the `CrashDiagnosis` history.
    pub history: Vec<PastCrash>,
    /// What was looked for and could not be read.
    pub gaps: Vec<Gap>,
    /// The user's own signatures.
    pub signatures: Signatures,
}

/// An event on any object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Namespace.
    pub namespace: String,
    /// Object name of the event itself.
    pub name: String,
    /// Kind of the object it regards.
    pub kind: String,
    /// Name of the object it regards.
    pub object: String,
    /// Uid of the object it regards; for a static pod its config hash.
    pub uid: String,
    /// The container, from the field path `spec.containers{app}`.
    pub container: Option<String>,
    /// `true` for type Warning.
    pub warning: bool,
    /// Reason.
    pub reason: String,
    /// Message.
    pub message: String,
    /// How often it was seen (at least 1).
    pub count: u32,
    /// First time.
    pub first: Option<Timestamp>,
    /// Last time (from lastTimestamp, series or eventTime, whichever there is).
    pub last: Option<Timestamp>,
    /// Reporting component, e.g. `kubelet`.
    pub source: String,
    /// Reporting host, where given.
    pub host: Option<String>,
}

/// Which of the two logs the kubelet keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSlot {
    /// `kubectl logs --previous`.
    Previous,
    /// `kubectl logs`.
    Current,
}

/// A container's log: redacted, control characters gone, bounded; the newest part where it was too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Namespace of the pod.
    pub namespace: String,
    /// Pod name.
    pub pod: String,
    /// Container name.
    pub container: String,
    /// Which log.
    pub slot: LogSlot,
    /// Text; lines end with `\n`. May be empty: the container printed nothing, which is evidence too.
    pub text: String,
    /// Whether the beginning was cut off.
    pub truncated: bool,
}

/// An earlier crash of the container under examination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PastCrash {
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Pod name.
    pub pod: String,
    /// Exit code.
    pub exit_code: Option<i32>,
    /// Kubelet's reason (`Error`, `OOMKilled`, ...).
    pub reason: String,
    /// How long it ran, seconds.
    pub ran_for: Option<i64>,
    /// The diagnosis at that time.
    pub diagnosis: String,
    /// Container name.
    pub container: String,
}

/// Something that was looked for and could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// What: `previous log`, `events`, `node`, ...
    pub what: String,
    /// Of which object, e.g. `pod shop/web-1 container app`.
    pub object: String,
    /// Why not, in words.
    pub why: String,
}

impl Cluster {
    /// Whether all objects of a kind are known (in a namespace, or cluster-wide): then one that is not here does not exist.
    pub fn complete(&self, kind: &str, namespace: Option<&str>) -> bool {
        let scoped = namespace.map(|ns| format!("{kind}/{ns}"));
        self.listed.iter().any(|l| l == kind || Some(l) == scoped.as_ref())
    }

    /// A pod by namespace and name.
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        self.pods.iter().find(|p| p.namespace == namespace && p.name == name)
    }

    /// Events that regard one pod (by uid; by name only where the event has no uid), oldest first.
    pub fn events_of_pod<'a>(&'a self, pod: &'a Pod) -> impl DoubleEndedIterator<Item = &'a Event> {
        self.events.iter().filter(move |e| {
            e.kind == "Pod"
                && e.namespace == pod.namespace
                && (pod.is_uid(&e.uid) || (e.uid.is_empty() && e.object == pod.name))
        })
    }

    /// Events that regard an object of another kind, oldest first.
    pub fn events_of<'a>(
        &'a self,
        kind: &'a str,
        namespace: Option<&'a str>,
        name: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Event> {
        self.events
            .iter()
            .filter(move |e| e.kind == kind && e.object == name && namespace.is_none_or(|ns| ns == e.namespace))
    }

    /// A node by name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// A claim.
    pub fn claim(&self, namespace: &str, name: &str) -> Option<&Claim> {
        self.claims.iter().find(|c| c.namespace == namespace && c.name == name)
    }

    /// A ConfigMap or Secret.
    pub fn config(&self, kind: &str, namespace: &str, name: &str) -> Option<&ConfigObject> {
        self.configs.iter().find(|c| c.kind == kind && c.namespace == namespace && c.name == name)
    }

    /// One log of a container.
    pub fn log(&self, pod: &Pod, container: &str, slot: LogSlot) -> Option<&Log> {
        self.logs
            .iter()
            .find(|l| l.slot == slot && l.namespace == pod.namespace && l.pod == pod.name && l.container == container)
    }
}
