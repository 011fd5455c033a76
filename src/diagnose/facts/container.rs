//! A container: its spec as far as it can explain a crash, and what the kubelet says of it.

use super::{RestartPolicy, RestartRule, Security, Timestamp};

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
    /// Its own `restartPolicy`; [`Pod::policy_of`] is the one that holds.
    pub restart_policy: Option<RestartPolicy>,
    /// `restartPolicyRules`.
    pub restart_rules: Vec<RestartRule>,
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
