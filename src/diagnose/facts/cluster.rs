//! Everything around the pod, as far as it was collected: events, logs, volumes, config, nodes, services, workloads.

use std::collections::BTreeMap;

use crate::diagnose::signature::Signatures;

use super::{Condition, Pod, PodVolume, Timestamp, Workload};
use super::{Container, Security};

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

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Name.
    pub name: String,
    /// `status.nodeInfo.architecture`, e.g. `amd64`.
    pub architecture: String,
    /// `status.nodeInfo.operatingSystem`.
    pub os: String,
    /// Kubelet version, e.g. `v1.31.2`.
    pub kubelet_version: String,
    /// Runtime and version, e.g. `containerd://2.1.4`.
    pub runtime: String,
    /// Kernel version.
    pub kernel: String,
    /// Boot id.
    pub boot_id: String,
    /// `spec.unschedulable`.
    pub cordoned: bool,
    /// Deletion time.
    pub deleting: Option<Timestamp>,
    /// Taints as `key=value:Effect`.
    pub taints: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Allocatable memory, bytes.
    pub allocatable_memory: Option<u64>,
    /// Allocatable CPU, thousandths of a core.
    pub allocatable_cpu: Option<u64>,
}

impl Node {
    /// Whether its own conditions say that something is wrong with it: not `Ready`, or any other (`DiskPressure`,
    /// `NetworkUnavailable`, those of the node-problem-detector), which are all `True` when bad.
    pub fn is_unwell(&self) -> bool {
        self.conditions.iter().any(|c| if c.kind == "Ready" { c.status != "True" } else { c.status == "True" })
    }
}

/// A PersistentVolumeClaim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claim {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// `Pending`, `Bound`, `Lost`.
    pub phase: String,
    /// `spec.storageClassName`: `None` not set (default class), `Some("")` explicitly none.
    pub class: Option<String>,
    /// Access modes.
    pub access_modes: Vec<String>,
    /// Requested bytes.
    pub request: Option<u64>,
    /// `spec.volumeName`.
    pub volume: Option<String>,
    /// `Filesystem` or `Block`.
    pub mode: String,
    /// Deletion time.
    pub deleting: Option<Timestamp>,
    /// Conditions.
    pub conditions: Vec<Condition>,
}

/// A PersistentVolume.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// Phase: `Available`, `Bound`, `Released`, `Failed`.
    pub phase: String,
    /// Class.
    pub class: Option<String>,
    /// Capacity, bytes.
    pub capacity: Option<u64>,
    /// Access modes.
    pub access_modes: Vec<String>,
    /// `Filesystem` or `Block`.
    pub mode: String,
    /// The claim (namespace/name) it is bound or reserved to.
    pub claim: Option<String>,
    /// Node affinity, in words, e.g. `topology.kubernetes.io/zone in (eu-1a)`.
    pub node_affinity: Option<String>,
    /// The source's field name, e.g. `csi`, `hostPath`, `local`, `nfs`.
    pub source: String,
}

/// A StorageClass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageClass {
    /// Name.
    pub name: String,
    /// Provisioner.
    pub provisioner: String,
    /// Marked as the default class.
    pub default: bool,
    /// `WaitForFirstConsumer`.
    pub wait_for_consumer: bool,
}

/// A VolumeAttachment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Name.
    pub name: String,
    /// PersistentVolume.
    pub volume: String,
    /// Node.
    pub node: String,
    /// Attached.
    pub attached: bool,
    /// Attach or detach error.
    pub error: Option<String>,
}

/// A ConfigMap or Secret: which keys it has. Values are never kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigObject {
    /// `ConfigMap` or `Secret`.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Keys; `None` where they were not read.
    pub keys: Option<Vec<String>>,
    /// Creation time.
    pub created: Option<Timestamp>,
    /// When it last changed (newest managedFields time), where known.
    pub changed: Option<Timestamp>,
    /// Resource version.
    pub resource_version: String,
}

/// A Service with what stands behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`.
    pub kind: String,
    /// Cluster IPs (`None` for headless is an empty list).
    pub cluster_ips: Vec<String>,
    /// `spec.externalName`.
    pub external_name: Option<String>,
    /// Selector; empty for a service without one.
    pub selector: BTreeMap<String, String>,
    /// Ports.
    pub ports: Vec<ServicePort>,
    /// Endpoints; `None` where no EndpointSlice or Endpoints object was read.
    pub endpoints: Option<Vec<Endpoint>>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePort {
    /// Name.
    pub name: Option<String>,
    /// Port of the Service.
    pub port: u16,
    /// Target port: number or name.
    pub target: String,
    /// Protocol.
    pub protocol: String,
}

/// One endpoint of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// Addresses.
    pub addresses: Vec<String>,
    /// Ready.
    pub ready: bool,
    /// The pod behind it.
    pub pod: Option<String>,
    /// Target ports.
    pub ports: Vec<u16>,
}

/// A workload object and its counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadFacts {
    /// Namespace.
    pub namespace: String,
    /// Identity.
    pub workload: Workload,
    /// Its controller (a ReplicaSet's Deployment, a Job's CronJob).
    pub controller: Option<Workload>,
    /// Wanted replicas, where the kind has them.
    pub replicas: Option<u32>,
    /// Ready replicas.
    pub ready: Option<u32>,
    /// Pods of the newest pod template, where the kind tells.
    pub updated: Option<u32>,
    /// `metadata.generation`: 1 while the spec was never changed.
    pub generation: Option<i64>,
    /// Creation time.
    pub created: Option<Timestamp>,
    /// `deployment.kubernetes.io/revision` or the ControllerRevision number.
    pub revision: Option<i64>,
    /// Label `pod-template-hash` / `controller-revision-hash`, for a ReplicaSet or ControllerRevision.
    pub template_hash: Option<String>,
    /// Labels by which it selects its pods (`matchLabels`); those of its pod template may change with each revision.
    pub selector: BTreeMap<String, String>,
    /// Pod labels that it selects or stamps.
    pub pod_labels: BTreeMap<String, String>,
    /// Containers of its pod template (no status), where it has one.
    pub containers: Vec<Container>,
    /// Volumes of its pod template.
    pub volumes: Vec<PodVolume>,
    /// Security context of its pod template.
    pub security: Security,
    /// Other settings of its pod template, by what people call them: `service account`, `node selector`, ...
    pub settings: BTreeMap<String, String>,
    /// Conditions.
    pub conditions: Vec<Condition>,
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
