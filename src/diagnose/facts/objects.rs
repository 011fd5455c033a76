//! Objects around the pod: nodes, volumes, configuration, Services, workloads.

use std::collections::BTreeMap;

use super::{Condition, Container, PodVolume, Security, Timestamp, Workload};

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
