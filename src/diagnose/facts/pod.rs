//! A pod: its spec as far as it can explain a crash, and what the kubelet says of each container.

use std::collections::BTreeMap;

use super::{Container, Mount, Resources, RestartPolicy, Timestamp};

/// The object that a user edits: the top of the controller chain (Deployment, CronJob, ...), or the bare pod itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Workload {
    /// API version, e.g. `apps/v1`.
    pub api_version: String,
    /// Kind, e.g. `Deployment`.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Uid where known; needed for an owner reference.
    pub uid: Option<String>,
}

/// A direct controller reference of a pod, before it is followed to the top-level workload.
pub type Owner = Workload;

/// One pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// For a static (mirror) pod the config hash: its kubelet events carry this as uid (kubelet-facts, "Static pods").
    pub static_hash: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations of ours (`crashdiagnosis.dev/...`) only.
    pub annotations: BTreeMap<String, String>,
    /// The controller named in `ownerReferences` (e.g. the ReplicaSet); `None` for a bare pod.
    pub controller: Option<Owner>,
    /// The top-level workload; for a bare pod the pod itself.
    pub workload: Workload,
    /// Label `pod-template-hash` or `controller-revision-hash`: which revision this pod belongs to.
    pub revision: Option<String>,
    /// `spec.nodeName`; `None` while not scheduled.
    pub node: Option<String>,
    /// `status.nominatedNodeName`.
    pub nominated_node: Option<String>,
    /// Creation time.
    pub created: Option<Timestamp>,
    /// `status.startTime`: when the kubelet first saw it.
    pub start_time: Option<Timestamp>,
    /// `metadata.deletionTimestamp`: somebody or something deletes the pod.
    pub deleting: Option<Timestamp>,
    /// `status.phase`: Pending, Running, Succeeded, Failed, Unknown.
    pub phase: String,
    /// `status.reason`, e.g. `Evicted`, `DeadlineExceeded`, `Shutdown`.
    pub reason: Option<String>,
    /// `status.message`.
    pub message: Option<String>,
    /// `status.qosClass`.
    pub qos: Option<String>,
    /// Pod IPs.
    pub ips: Vec<String>,
    /// Restart policy.
    pub restart_policy: RestartPolicy,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `spec.dnsPolicy`.
    pub dns_policy: Option<String>,
    /// `spec.serviceAccountName`.
    pub service_account: Option<String>,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<i64>,
    /// `spec.terminationGracePeriodSeconds` (30 where not given).
    pub grace_seconds: i64,
    /// `spec.priorityClassName`.
    pub priority_class: Option<String>,
    /// `spec.runtimeClassName`.
    pub runtime_class: Option<String>,
    /// Names in `spec.imagePullSecrets`.
    pub image_pull_secrets: Vec<String>,
    /// `spec.nodeSelector`.
    pub node_selector: BTreeMap<String, String>,
    /// Pod-level security context.
    pub security: Security,
    /// Pod-level resources (`spec.resources`), if any.
    pub resources: Resources,
    /// Volumes.
    pub volumes: Vec<PodVolume>,
    /// Containers: init containers and sidecars first, in spec order, then regular ones. Ephemeral ones are left out.
    pub containers: Vec<Container>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
}

/// A condition of a pod, node, claim or workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Type, e.g. `PodScheduled`, `Ready`, `DisruptionTarget`.
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Reason.
    pub reason: Option<String>,
    /// Message.
    pub message: Option<String>,
    /// Last transition.
    pub since: Option<Timestamp>,
}

/// Security settings, of pod or container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `runAsUser`.
    pub run_as_user: Option<i64>,
    /// `runAsGroup`.
    pub run_as_group: Option<i64>,
    /// `runAsNonRoot`.
    pub run_as_non_root: Option<bool>,
    /// `fsGroup` (pod only).
    pub fs_group: Option<i64>,
    /// `readOnlyRootFilesystem` (container only).
    pub read_only_root: Option<bool>,
    /// `privileged` (container only).
    pub privileged: Option<bool>,
    /// `allowPrivilegeEscalation` (container only).
    pub allow_privilege_escalation: Option<bool>,
    /// Added capabilities, without `CAP_`.
    pub add_capabilities: Vec<String>,
    /// Dropped capabilities, without `CAP_`.
    pub drop_capabilities: Vec<String>,
}

/// A volume of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodVolume {
    /// Name inside the pod.
    pub name: String,
    /// What it is made from.
    pub source: VolumeSource,
}

/// The source of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VolumeSource {
    /// A ConfigMap.
    ConfigMap(KeyedSource),
    /// A Secret.
    Secret(KeyedSource),
    /// A PersistentVolumeClaim (for an ephemeral volume: the claim that is made for it).
    Claim {
        /// Claim name.
        name: String,
        /// Mounted read-only.
        read_only: bool,
    },
    /// A path of the node.
    HostPath {
        /// The path.
        path: String,
        /// The type that is checked, e.g. `Directory`; empty for none.
        kind: String,
    },
    /// emptyDir.
    EmptyDir {
        /// `medium: Memory`.
        memory: bool,
        /// Size limit in bytes.
        size_limit: Option<u64>,
    },
    /// Several sources in one folder.
    Projected(Vec<VolumeSource>),
    /// Anything else, by the API's field name, e.g. `csi`, `nfs`, `downwardAPI`, `serviceAccountToken`, `image`.
    Other(String),
    /// Not given.
    #[default]
    Unknown,
}

impl VolumeSource {
    /// The name of the PersistentVolumeClaim, where it is one.
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Claim { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The bound of an emptyDir that has one, bytes.
    pub fn size_limit(&self) -> Option<u64> {
        match self {
            Self::EmptyDir { size_limit, .. } => *size_limit,
            _ => None,
        }
    }

    /// The ConfigMap or Secret behind it: its kind, and how it is used.
    pub fn keyed(&self) -> Option<(&'static str, &KeyedSource)> {
        match self {
            Self::ConfigMap(s) => Some(("ConfigMap", s)),
            Self::Secret(s) => Some(("Secret", s)),
            _ => None,
        }
    }
}

/// A volume from a ConfigMap or Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyedSource {
    /// Object name.
    pub name: String,
    /// `items`: (key, path); empty means all keys.
    pub items: Vec<(String, String)>,
    /// `defaultMode` in octal meaning (e.g. 0o644).
    pub mode: Option<i32>,
    /// `optional`.
    pub optional: bool,
}

impl Pod {
    /// What its owner says in the annotation `crashdiagnosis.dev/NAME`.
    pub fn owner_says(&self, name: &str) -> Option<&str> {
        let ours = |key: &str| key.strip_prefix("crashdiagnosis.dev/") == Some(name);
        self.annotations.iter().find(|(key, _)| ours(key)).map(|(_, value)| value.trim())
    }

    /// Whether its owner wants its logs left alone: `no-logs: "true"`.
    pub fn wants_no_logs(&self) -> bool {
        self.owner_says("no-logs").is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// Whether its owner declared this exit code expected: `expected-exit-codes: "0,143"`; what is no number is skipped.
    pub fn expects(&self, exit_code: i32) -> bool {
        let list = self.owner_says("expected-exit-codes").unwrap_or_default();
        list.split(',').any(|code| code.trim().parse() == Ok(exit_code))
    }

    /// A container by name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|c| c.name == name)
    }

    /// A volume by name.
    pub fn volume(&self, name: &str) -> Option<&PodVolume> {
        self.volumes.iter().find(|v| v.name == name)
    }

    /// What a mount of one of its containers shows.
    pub fn mounted(&self, mount: &Mount) -> Option<&VolumeSource> {
        self.volume(&mount.volume).map(|v| &v.source)
    }

    /// A condition by type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }

    /// The user id that the spec asks for: the container's, else the pod's. `None`: the image decides.
    pub fn effective_user(&self, container: &Container) -> Option<i64> {
        container.security.run_as_user.or(self.security.run_as_user)
    }

    /// Whether the spec refuses root: the container's setting, else the pod's.
    pub fn refuses_root(&self, container: &Container) -> bool {
        container.security.run_as_non_root.or(self.security.run_as_non_root).unwrap_or(false)
    }

    /// Whether an event that regards `uid` is about this pod (its own uid, or a static pod's hash).
    pub fn is_uid(&self, uid: &str) -> bool {
        !uid.is_empty() && (self.uid == uid || self.static_hash.as_deref() == Some(uid))
    }
}
