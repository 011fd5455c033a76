//! `crashdiagnosis.dev/v1alpha1`. Field docs become `kubectl explain`.

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a container of a workload crashes: one object per top-level workload and container.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "crashdiagnosis.dev",
    version = "v1alpha1",
    kind = "CrashDiagnosis",
    plural = "crashdiagnoses",
    shortname = "crash",
    namespaced,
    status = "CrashDiagnosisStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Why a container of a workload crashes, and what to do. One object per top-level workload and container; written by crash-diagnosis.",
    printcolumn(name = "WORKLOAD", type_ = "string", json_path = ".status.workload"),
    printcolumn(name = "CONTAINER", type_ = "string", json_path = ".spec.container"),
    printcolumn(name = "CAUSE", type_ = "string", json_path = ".status.cause"),
    printcolumn(name = "REASON", type_ = "string", json_path = ".status.reason"),
    printcolumn(
        name = "PODS",
        type_ = "string",
        json_path = ".status.podsRatio",
        description = "pods affected / pods of the workload"
    ),
    printcolumn(name = "RESTARTS", type_ = "integer", json_path = ".status.restarts"),
    printcolumn(name = "STATE", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "LAST CRASH", type_ = "date", json_path = ".status.lastSeen"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "EXIT", type_ = "integer", json_path = ".status.lastCrash.exitCode", priority = 1),
    printcolumn(name = "CONFIDENCE", type_ = "string", json_path = ".status.confidence", priority = 1),
    printcolumn(name = "NODE", type_ = "string", json_path = ".status.lastCrash.node", priority = 1),
    printcolumn(name = "SUMMARY", type_ = "string", json_path = ".status.summary", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self == oldSelf").message("spec is the identity of the diagnosis and cannot change"))]
pub struct CrashDiagnosisSpec {
    /// The top of the controller chain: what a person edits.
    pub workload: WorkloadRef,
    /// Name of the container.
    pub container: String,
    /// Role of the container.
    pub container_type: ContainerType,
}

/// A top-level workload in the namespace of the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadRef {
    /// API version, e.g. apps/v1.
    pub api_version: String,
    /// Kind, e.g. Deployment; Pod for a pod without a controller.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// Role of a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ContainerType {
    /// A container of the pod.
    #[default]
    Regular,
    /// An init container: must end before the others start.
    Init,
    /// An init container with restartPolicy Always (native sidecar).
    Sidecar,
}

/// Whether it crashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum State {
    /// It crashes, or did so too recently to call it healthy.
    #[default]
    Crashing,
    /// It has been healthy for long enough.
    Recovered,
}

/// The diagnosis, and the story so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = without_defaults)]
pub struct CrashDiagnosisStatus {
    /// Crashing, or Recovered after it ran healthily for a while (10 minutes unless configured otherwise).
    pub state: State,
    /// The workload in short, e.g. deployment/web.
    pub workload: String,
    /// Class of the cause: AppError, BadImage, MissingConfig, ResourceLimits, VolumeIssue, LivenessProbe, NodeIssue or Unknown.
    pub cause: String,
    /// What exactly; explained by "crash-diagnosis causes REASON". Unknown is an honest answer.
    pub reason: String,
    /// How sure: Certain (the kubelet, kernel or runtime says so), Likely or Possible.
    pub confidence: String,
    /// Why it crashes, in one sentence.
    pub summary: String,
    /// What to do, most useful first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remediation: Vec<Remediation>,
    /// What the diagnosis rests on, strongest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceItem>,
    /// At most three other readings, and what speaks against them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<AlternativeReading>,
    /// The object to look at next, where it is not this container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<RootCauseRef>,
    /// What differs from the last healthy revision, if the crash began with a rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// The newest crash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_crash: Option<Crash>,
    /// Restarts of this container, summed over the pods that exist.
    pub restarts: i64,
    /// Pods in which it crashes now.
    pub pods_affected: i64,
    /// Pods of the workload.
    pub pods_total: i64,
    /// Pods affected / pods of the workload, e.g. 3/5.
    pub pods_ratio: String,
    /// The affected pods, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<AffectedPod>,
    /// When the kubelet starts it next, from its back-off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_restart_at: Option<Time>,
    /// The last 10 crashes, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Crashes seen since the object was made.
    pub crashes: i64,
    /// The lines of the log that matter, redacted; at most 20 lines or 2 KiB. Can be switched off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_excerpt: Vec<String>,
    /// Crashing (True or False; its reason is the diagnosis) and Diagnosed (False when the reason is Unknown).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// When the first crash was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// When it crashed last, or was last seen unable to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Time>,
    /// When it was declared recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered_at: Option<Time>,
    /// Evidence that was looked for and could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unread>,
}

/// One thing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remediation {
    /// In words.
    pub text: String,
    /// A command or patch with concrete values, where it can be computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// One traceable piece of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvidenceItem {
    /// ContainerStatus, Event, Log, PodSpec, Node, Workload, Volume, Config or Service.
    pub source: String,
    /// Which object, where it is not the container itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// When, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// What it says, quoted where possible.
    pub detail: String,
}

/// A reading that lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlternativeReading {
    /// Its cause.
    pub cause: String,
    /// Its reason.
    pub reason: String,
    /// Its sentence.
    pub summary: String,
    /// What speaks against it.
    pub against: String,
}

/// The object to look at next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootCauseRef {
    /// API version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; absent for cluster-scoped objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Of a pod: its top-level workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadRef>,
    /// Its own one-line reason.
    pub summary: String,
}

/// One end of the container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = without_defaults)]
pub struct Crash {
    /// Pod name.
    pub pod: String,
    /// Pod uid.
    pub uid: String,
    /// Node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Runtime id of the container that ended.
    #[serde(rename = "containerID", skip_serializing_if = "Option::is_none")]
    pub container_id: Option<String>,
    /// Exit code; absent where it never ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Signal that ended it, e.g. SIGKILL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The kubelet's word: Error, OOMKilled, Completed, StartError, CreateContainerConfigError ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// How long it ran, e.g. 3m20s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ran_for: Option<String>,
}

/// A pod in which the container crashes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = without_defaults)]
pub struct AffectedPod {
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Restarts of the container in this pod.
    pub restarts: i64,
    /// What the container does now, in the kubelet's word: CrashLoopBackOff, Running, Error ...
    pub state: String,
    /// Identity of its newest crash (runtime id of the container, or the time it ended).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_crash: Option<String>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_crash_at: Option<Time>,
    /// Why it crashes, where that differs from the object's reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An earlier crash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = without_defaults)]
pub struct HistoryEntry {
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
    /// Pod name.
    pub pod: String,
    /// Exit code; absent where it never ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The kubelet's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_reason: Option<String>,
    /// How long it ran, e.g. 3m20s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ran_for: Option<String>,
    /// The diagnosed cause.
    pub cause: String,
    /// The diagnosed reason.
    pub reason: String,
    /// Identity of the crash (runtime id of the container that ended, or the time it ended).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// Something that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unread {
    /// What: previous log, events, node ...
    pub what: String,
    /// Of which object.
    pub object: String,
    /// Why not.
    pub why: String,
}

/// Absent fields stay absent: the API server must not fill in the defaults that decoding uses.
fn without_defaults(schema: &mut schemars::Schema) {
    let properties = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut);
    for field in properties.into_iter().flat_map(|p| p.values_mut()).filter_map(serde_json::Value::as_object_mut) {
        field.remove("default");
    }
}
