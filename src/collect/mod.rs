//! Fetches evidence: bounded in time and bytes, each part failing alone.
//!
//! What it reads is what the operator's ClusterRole must allow, and all that it may (`get` = one object, `list` = a filtered list):
//!
//! | group | resources | verbs | for |
//! |---|---|---|---|
//! | core | pods | get, list, watch | the watch; sibling pods and pods behind a Service |
//! | core | pods/log | get | the log of a crash (not needed with `--no-logs`) |
//! | core | replicationcontrollers | get, list | owner chain |
//! | core | events | list | events of a pod or claim |
//! | core | nodes, services, persistentvolumeclaims, persistentvolumes | get, list | what a first finding asks for |
//! | core | namespaces | list, watch | owner annotations on namespaces (metadata only; not with `--namespaces`) |
//! | core | configmaps | get, list | only with `--read-configmaps`; values are dropped at the door |
//! | apps | deployments, replicasets, statefulsets, daemonsets, controllerrevisions | get, list | owner chain, rollouts |
//! | batch | jobs, cronjobs | get, list | owner chain; the Job that sets up a schema |
//! | discovery.k8s.io | endpointslices | list | what stands behind a Service |
//! | storage.k8s.io | storageclasses, volumeattachments | get, list | volumes |
//! | crashdiagnosis.dev | crashdiagnoses, crashdiagnoses/status | get, list, watch, create, patch, delete | the result |
//! | events.k8s.io | events | create, patch | the Event |
//! | coordination.k8s.io | leases (own namespace) | get, create, patch, update | leader election |
//!
//! Never Secrets: what the kubelet says in its messages is enough.

mod around;
mod events;
mod kinds;
mod logs;
mod owner;
#[cfg(test)]
mod reader_tests;
mod volumes;
mod wanted;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::AsyncReadExt;
use kube::Client;
use kube::api::{GetParams, ListParams};
use serde_json::Value;

use crate::diagnose::facts::{Cluster, Container, Gap, LogSlot, Pod, Workload};
use crate::evidence::{self, ClusterBuilder};

pub use around::around;
pub use kinds::Kind;
pub use owner::{Resolved, resolve};
pub use wanted::Subject;

/// Longest answer read, bytes.
const MAX_BODY: u64 = 16 << 20;

/// Called with (source, error category) for each thing that could not be read.
pub type OnMiss = Arc<dyn Fn(&'static str, &'static str) + Send + Sync>;

/// Called with each object or list that was read, as the API server gave it.
pub type OnRead = Arc<dyn Fn(Kind, &Value) + Send + Sync>;

/// Reads from the API server, each request bounded in time.
#[derive(Clone)]
pub struct Reader {
    client: Client,
    timeout: Duration,
    on_miss: Option<OnMiss>,
    /// ConfigMaps may be read.
    config_maps: bool,
    on_read: Option<OnRead>,
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// `NotFound`, `Forbidden`, `Timeout`, ...
    pub category: &'static str,
    /// In words.
    pub why: String,
}

impl Miss {
    /// The object does not exist, which is an answer.
    pub fn is_absence(&self) -> bool {
        self.category == "NotFound"
    }

    fn of(error: &kube::Error) -> Self {
        let (category, why) = match error {
            kube::Error::Api(s) => match s.code {
                401 | 403 => ("Forbidden", s.message.clone()),
                404 => ("NotFound", s.message.clone()),
                429 => ("TooManyRequests", s.message.clone()),
                500.. => ("Server", s.message.clone()),
                _ => ("Api", s.message.clone()),
            },
            kube::Error::SerdeError(_) => ("Decode", "the answer could not be decoded".into()),
            other => ("Unreachable", other.to_string()),
        };
        Self { category, why }
    }

    fn timeout(after: Duration) -> Self {
        Self { category: "Timeout", why: format!("no answer within {} s", after.as_secs()) }
    }
}

/// Which objects of a kind.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// Label selector; empty for all.
    pub labels: String,
    /// Field selector; empty for all.
    pub fields: String,
    /// At most so many; the answer says whether there are more.
    pub limit: u32,
}

impl Reader {
    /// A reader. `timeout` bounds each request, body included.
    pub fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout, on_miss: None, on_read: None, config_maps: false }
    }

    /// Reports what could not be read.
    #[must_use]
    pub fn on_miss(mut self, hook: OnMiss) -> Self {
        self.on_miss = Some(hook);
        self
    }

    /// ConfigMaps may be read (`--read-configmaps`).
    #[must_use]
    pub fn config_maps(mut self, allowed: bool) -> Self {
        self.config_maps = allowed;
        self
    }

    /// Shows what was read to somebody who keeps it (`capture`).
    #[must_use]
    pub fn on_read(mut self, hook: OnRead) -> Self {
        self.on_read = Some(hook);
        self
    }

    /// One object.
    pub async fn get(&self, kind: Kind, namespace: Option<&str>, name: &str) -> Result<Value, Miss> {
        let request = kind.request(namespace).get(name, &GetParams::default());
        self.send(kind, request).await
    }

    /// Some objects, as a List.
    pub async fn list(&self, kind: Kind, namespace: Option<&str>, select: &Select) -> Result<Value, Miss> {
        let mut params = ListParams::default().limit(select.limit);
        if !select.labels.is_empty() {
            params = params.labels(&select.labels);
        }
        if !select.fields.is_empty() {
            params = params.fields(&select.fields);
        }
        let request = kind.request(namespace).list(&params);
        self.send(kind, request).await
    }

    async fn send<E>(&self, kind: Kind, request: Result<http::Request<Vec<u8>>, E>) -> Result<Value, Miss> {
        let Ok(request) = request else {
            return Err(Miss { category: "Api", why: "the request could not be made".into() });
        };
        let answer = match tokio::time::timeout(self.timeout, self.body(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Miss::timeout(self.timeout)),
        };
        if let (Ok(value), Some(hook)) = (&answer, &self.on_read) {
            hook(kind, value);
        }
        answer.inspect_err(|miss| self.missed(kind.source(), miss))
    }

    /// Ten revisions of the largest pod template that the API takes are 15 MiB; nothing that is wanted here is larger.
    async fn body(&self, request: http::Request<Vec<u8>>) -> Result<Value, Miss> {
        let stream = self.client.request_stream(request).await.map_err(|e| Miss::of(&e))?;
        let mut bytes = Vec::new();
        let mut bounded = pin!(stream.take(MAX_BODY));
        bounded.read_to_end(&mut bytes).await.map_err(|e| Miss::of(&kube::Error::ReadEvents(e)))?;
        if bytes.len() as u64 == MAX_BODY {
            return Err(Miss {
                category: "TooLarge",
                why: format!("the answer is longer than {} MiB", MAX_BODY >> 20),
            });
        }
        serde_json::from_slice(&bytes).map_err(|e| Miss::of(&kube::Error::SerdeError(e)))
    }

    fn missed(&self, source: &'static str, miss: &Miss) {
        tracing::debug!(source, category = miss.category, "not read: {}", miss.why);
        if let Some(hook) = self.on_miss.as_ref().filter(|_| !miss.is_absence()) {
            hook(source, miss.category);
        }
    }
}

/// First evidence on one container: the events of its pod, and the log of its crash.
pub async fn first(reader: &Reader, pod: &Pod, container: &Container, with_log: bool, into: &mut ClusterBuilder) {
    let log = async { if with_log { logs::of_crash(reader, pod, container).await } else { logs::Found::default() } };
    let (events, log) = tokio::join!(events::of_pod(reader, pod), log);
    match events {
        Ok(list) => {
            into.add_object(list, "events");
        }
        Err(miss) => into.add_gap(gap("events", format!("pod {}/{}", pod.namespace, pod.name), miss)),
    }
    log.put(into);
}

/// The log of a container that is not crashing: of the run that goes on.
pub async fn running_log(reader: &Reader, pod: &Pod, container: &Container, into: &mut ClusterBuilder) {
    if container.status.container_id.is_some() {
        logs::of_other(reader, pod, container, LogSlot::Current).await.put(into);
    }
}

fn gap(what: &str, object: String, miss: Miss) -> Gap {
    Gap { what: what.into(), object, why: miss.why }
}

/// What a first diagnosis asks for, added to the facts; `None` where it asks for nothing.
pub async fn more(reader: &Reader, owner: &Resolved, cluster: Cluster, subject: &Subject<'_>) -> Option<Cluster> {
    let mut builder = ClusterBuilder::new();
    *builder.cluster_mut() = cluster;
    for object in &owner.objects {
        builder.add_object(object.clone(), "owner");
    }
    let (cluster, answered) = wanted::answer(reader, subject, builder.finish()).await;
    (answered || !owner.objects.is_empty()).then_some(cluster)
}

/// A pod that may be stuck, with its events and, while it has no node, its claims. `None`: it is gone, or cannot be read.
pub async fn pod_and_events(
    reader: &Reader,
    namespace: &str,
    name: &str,
    known: Option<&Pod>,
) -> Option<(Pod, Cluster)> {
    let mut pod = if let Some(pod) = known {
        pod.clone()
    } else {
        let object = reader.get(Kind::Pod, Some(namespace), name).await.ok()?;
        let pod: k8s_openapi::api::core::v1::Pod = serde_json::from_value(object).ok()?;
        evidence::pod::facts(&pod, &evidence::Owners::default())
    };
    let mut builder = ClusterBuilder::new();
    match events::of_pod(reader, &pod).await {
        Ok(list) => drop(builder.add_object(list, "events")),
        Err(miss) => builder.add_gap(gap("events", format!("pod {namespace}/{name}"), miss)),
    }
    if pod.node.is_none() {
        volumes::claims(reader, &pod, &mut builder).await;
    }
    if let Some(job) = late_job(reader, &pod).await {
        builder.add_object(job, "job");
        // The controller deletes what still ran: that is how such a pod fails, and no wish of a person.
        pod.deleting = None;
        "Failed".clone_into(&mut pod.phase);
    }
    let mut cluster = builder.finish();
    cluster.pods.push(pod.clone());
    Some((pod, cluster))
}

/// The Job of a pod that is deleted, where its deadline ran out (condition FailureTarget or Failed, reason DeadlineExceeded).
async fn late_job(reader: &Reader, pod: &Pod) -> Option<Value> {
    let owner = pod.controller.as_ref().filter(|o| o.kind == "Job" && pod.deleting.is_some())?;
    let job = reader.get(Kind::of(&owner.api_version, "Job")?, Some(&pod.namespace), &owner.name).await.ok()?;
    let conditions = job.pointer("/status/conditions").and_then(Value::as_array)?;
    let late = |c: &Value| c["status"] == "True" && c["reason"] == "DeadlineExceeded";
    conditions.iter().any(late).then_some(job)
}

/// Whether a workload exists; `None` where its kind is not ours to read, or nobody answers.
pub async fn exists(reader: &Reader, namespace: &str, workload: &Workload) -> Option<bool> {
    let kind = Kind::of(&workload.api_version, &workload.kind)?;
    match reader.get(kind, Some(namespace), &workload.name).await {
        Ok(object) => {
            let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
            Some(workload.uid.is_none() || workload.uid.as_deref() == uid)
        }
        Err(miss) if miss.is_absence() => Some(false),
        Err(_) => None,
    }
}
