//! A pod: its spec as far as it can explain a crash, and what the kubelet says of each container.

use std::collections::BTreeMap;

use super::Timestamp;

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

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Restart whatever the exit code.
    #[default]
    Always,
    /// Restart after a non-zero exit.
    OnFailure,
    /// Never restart.
    Never,
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

/// What role a container has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContainerKind {
    /// `spec.containers`.
    #[default]
    Regular,
    /// `spec.initContainers` that must end.
    Init,
    /// `spec.initContainers` with `restartPolicy: Always` (native sidecar).
    Sidecar,
}

/// A container: spec and status.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Role.
    pub kind: ContainerKind,
    /// Image as the spec has it.
    pub image: String,
    /// `imagePullPolicy`.
    pub pull_policy: Option<String>,
    /// `command` (replaces the image's entrypoint); redacted.
    pub command: Vec<String>,
    /// `args`; redacted.
    pub args: Vec<String>,
    /// `workingDir`.
    pub working_dir: Option<String>,
    /// Environment.
    pub env: Vec<EnvVar>,
    /// `envFrom`.
    pub env_from: Vec<EnvFrom>,
    /// Ports.
    pub ports: Vec<Port>,
    /// Requests and limits.
    pub resources: Resources,
    /// Liveness probe.
    pub liveness: Option<Probe>,
    /// Readiness probe.
    pub readiness: Option<Probe>,
    /// Startup probe.
    pub startup: Option<Probe>,
    /// `lifecycle.postStart`, in words (`exec: sh -c ...`).
    pub post_start: Option<String>,
    /// `lifecycle.preStop`, in words.
    pub pre_stop: Option<String>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Container-level security context; use [`Pod::effective_user`] and friends for the merged view.
    pub security: Security,
    /// What the kubelet says of it.
    pub status: Status,
}

/// One variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Literal value; `***` where it looks secret.
    pub value: Option<String>,
    /// Where the value comes from otherwise.
    pub from: Option<KeyRef>,
}

/// A reference to one key, or to a field of the pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRef {
    /// `ConfigMap`, `Secret`, `Field`, `ResourceField` or `File`.
    pub kind: String,
    /// Object name (or field path).
    pub name: String,
    /// Key.
    pub key: String,
    /// `optional`.
    pub optional: bool,
}

/// `envFrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvFrom {
    /// `ConfigMap` or `Secret`.
    pub kind: String,
    /// Object name.
    pub name: String,
    /// Prefix.
    pub prefix: Option<String>,
    /// `optional`.
    pub optional: bool,
}

/// A container port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Name.
    pub name: Option<String>,
    /// Number.
    pub number: u16,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// `hostPort`, where one is asked for.
    pub host: Option<u16>,
}

/// Requests and limits. `None` means not set. Always read from spec: status is wrong on cgroup v1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Memory limit, bytes.
    pub memory_limit: Option<u64>,
    /// Memory request, bytes.
    pub memory_request: Option<u64>,
    /// CPU limit, thousandths of a core.
    pub cpu_limit: Option<u64>,
    /// CPU request, thousandths of a core.
    pub cpu_request: Option<u64>,
    /// Ephemeral storage limit, bytes.
    pub storage_limit: Option<u64>,
    /// Ephemeral storage request, bytes.
    pub storage_request: Option<u64>,
}

/// A probe, with Kubernetes' defaults filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// What it does.
    pub action: ProbeAction,
    /// `initialDelaySeconds` (default 0).
    pub initial_delay: i64,
    /// `periodSeconds` (default 10).
    pub period: i64,
    /// `timeoutSeconds` (default 1).
    pub timeout: i64,
    /// `failureThreshold` (default 3).
    pub failure_threshold: i64,
    /// `successThreshold` (default 1).
    pub success_threshold: i64,
    /// `terminationGracePeriodSeconds` of the probe.
    pub grace: Option<i64>,
}

impl Probe {
    /// The least number of seconds from the container's start until this probe can get it killed:
    /// initial delay, then `failureThreshold` failures, a period apart.
    pub fn earliest_kill(&self) -> i64 {
        self.initial_delay + self.period * (self.failure_threshold - 1).max(0)
    }

    /// The longest time that the probe tolerates before the kubelet gives up: initial delay + threshold periods + a timeout.
    pub fn latest_kill(&self) -> i64 {
        self.initial_delay + self.period * self.failure_threshold.max(1) + self.timeout
    }
}

/// What a probe does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProbeAction {
    /// HTTP GET.
    Http {
        /// Path.
        path: String,
        /// Port: a number, or the name of a container port.
        port: String,
        /// `HTTP` or `HTTPS`.
        scheme: String,
        /// Host, if not the pod's IP.
        host: Option<String>,
    },
    /// TCP connect.
    Tcp {
        /// Port: a number, or a name.
        port: String,
    },
    /// gRPC health check.
    Grpc {
        /// Port.
        port: u16,
        /// Service.
        service: Option<String>,
    },
    /// A command in the container.
    Exec(Vec<String>),
    /// Not known.
    #[default]
    Unknown,
}

/// A mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Volume name.
    pub volume: String,
    /// Path in the container.
    pub path: String,
    /// `subPath` or `subPathExpr`.
    pub sub_path: Option<String>,
    /// Read-only.
    pub read_only: bool,
}

/// What the kubelet says of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Status {
    /// Whether a status exists at all.
    pub known: bool,
    /// Restart count.
    pub restarts: u32,
    /// Ready at this moment (flickers in a crash loop).
    pub ready: bool,
    /// `started`: past its startup probe.
    pub started: Option<bool>,
    /// Runtime id of the current container, e.g. `containerd://...`.
    pub container_id: Option<String>,
    /// Image id that was really used; empty while never pulled.
    pub image_id: String,
    /// Current state.
    pub state: State,
    /// The run before, if it ended.
    pub last: Option<Terminated>,
}

/// Current state of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    /// Waiting, with the kubelet's reason and message.
    Waiting {
        /// E.g. `CrashLoopBackOff`, `ImagePullBackOff`, `CreateContainerConfigError`; empty where not given.
        reason: String,
        /// Message.
        message: String,
    },
    /// Running since.
    Running {
        /// Start.
        since: Option<Timestamp>,
    },
    /// Ended and not (yet) restarted.
    Terminated(Terminated),
    /// No state written.
    #[default]
    Unknown,
}

/// An end of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terminated {
    /// Exit code.
    pub exit_code: i32,
    /// Signal, where the runtime gives it (current ones do not).
    pub signal: Option<i32>,
    /// Reason: `Error`, `OOMKilled`, `Completed`, `StartError`, `ContainerCannotRun`, `ContainerStatusUnknown`, ...
    pub reason: String,
    /// Message: the runtime's, or the termination log.
    pub message: String,
    /// Start; `None` for a container that never started (the API shows 1970).
    pub started: Option<Timestamp>,
    /// End.
    pub finished: Option<Timestamp>,
    /// Runtime id.
    pub container_id: Option<String>,
}

impl Terminated {
    /// How long it ran, in seconds.
    pub fn ran_for(&self) -> Option<i64> {
        super::seconds_between(self.started?, self.finished?)
    }
}

impl Pod {
    /// Whether its owner wants its logs left alone: annotation `crashdiagnosis.dev/no-logs: "true"`.
    pub fn wants_no_logs(&self) -> bool {
        self.annotations.get("crashdiagnosis.dev/no-logs").is_some_and(|v| v.trim().eq_ignore_ascii_case("true"))
    }

    /// A container by name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|c| c.name == name)
    }

    /// A volume by name.
    pub fn volume(&self, name: &str) -> Option<&PodVolume> {
        self.volumes.iter().find(|v| v.name == name)
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

impl Container {
    /// A variable by name.
    pub fn env(&self, name: &str) -> Option<&EnvVar> {
        self.env.iter().find(|e| e.name == name)
    }

    /// Whether the JVM is told to exit (with code 3) when its heap is full: `-XX:+ExitOnOutOfMemoryError`.
    pub fn exit_on_oom(&self) -> bool {
        let flag = "ExitOnOutOfMemoryError";
        self.command_line().any(|a| a.contains(flag))
            || self.env.iter().any(|e| e.value.as_deref().is_some_and(|v| v.contains(flag)))
    }

    /// Command and args as one list, as far as the spec gives them.
    pub fn command_line(&self) -> impl Iterator<Item = &str> {
        self.command.iter().chain(&self.args).map(String::as_str)
    }
}
