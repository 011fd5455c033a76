//! The cluster as it is now, by the way of the operator but once: scan, confirm, find the owners, look at each group.
//!
//! Reads only. What may not be read is named in the answer; only the pods themselves must be readable.

mod confirm;
mod look;
mod scan;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use kube::Api;
use serde_json::Value;

use crate::collect::{self, Kind, Reader, Resolved};
use crate::diagnose::facts::{self, Gap, Pod, Timestamp};
use crate::diagnose::signature::Signatures;
use crate::watch::detect::{self, Noticed};
use crate::watch::group;

use super::answer::Answer;
use super::cluster::{self, Cluster};

/// Pods asked about, and owners resolved, at the same time.
const QUICK: usize = 8;
/// Groups looked at at the same time; each reads logs.
const LOOKS: usize = 4;

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One pod: namespace and name.
    Pod(String, String),
    /// One namespace.
    Namespace(String),
    /// All namespaces.
    All,
}

/// One crashing (workload, container), with the facts that its answer rests on.
pub struct Looked {
    /// The answer.
    pub answer: Answer,
    /// All that was read for it.
    pub facts: facts::Cluster,
}

/// A pod with the workload that it belongs to.
#[derive(Clone, Debug)]
struct Owned {
    pod: Arc<Pod>,
    owner: Arc<Resolved>,
    /// The owner could not be read.
    gap: Option<Gap>,
}

/// Looks, and hands each result on as it comes, so that nothing need be kept. `Err` is one line: pods cannot be read.
pub async fn look(
    at: &Cluster,
    scope: &Scope,
    signatures: &Signatures,
    mut take: impl FnMut(Looked),
) -> Result<(), String> {
    let suspects = suspects(at, scope).await?;
    let suspects = not_muted(at, suspects).await;
    let owned = owners(at, suspects).await;
    let confirmed: Vec<(Owned, Vec<Noticed>)> = stream::iter(owned)
        .map(|o| async {
            let noticed = confirm::confirm(&at.reader, &o.pod, &o.owner).await;
            (o, noticed)
        })
        .buffered(QUICK)
        .collect()
        .await;
    let members = confirmed.iter().flat_map(|(o, noticed)| noticed.iter().map(|n| (&*o.pod, n.clone())));
    let groups = group::of(members);
    let by_uid: HashMap<&str, &Owned> = confirmed.iter().map(|(o, _)| (o.pod.uid.as_str(), o)).collect();
    let mut looks = stream::iter(&groups)
        .map(|group| async {
            let owned = by_uid.get(group.members.first()?.0.uid.as_str())?;
            let past = history(&at.client, group).await;
            look::look(&at.reader, group, owned, &past, signatures).await
        })
        .buffered(LOOKS);
    while let Some(looked) = looks.next().await {
        looked.into_iter().for_each(&mut take);
    }
    Ok(())
}

/// Pods that are or may be in trouble.
async fn suspects(at: &Cluster, scope: &Scope) -> Result<Vec<Arc<Pod>>, String> {
    let found = match scope {
        Scope::Pod(namespace, name) => return Ok(vec![Arc::new(pod(at, namespace, name).await?)]),
        Scope::Namespace(ns) => scan::scan(&at.client, Some(ns)).await,
        Scope::All => scan::scan(&at.client, None).await,
    };
    let found = found.map_err(|e| refused(at, scope, &e))?;
    if found.cut {
        eprintln!("crash-diagnosis: too many pods are in trouble to look at all of them; -n NAMESPACE narrows it");
    }
    let now = Timestamp::now();
    let starting = stream::iter(&found.starting)
        .map(|(namespace, name)| async { pod(at, namespace, name).await.ok() })
        .buffered(QUICK)
        .filter_map(std::future::ready)
        .filter(|p| std::future::ready(scan::is_suspect(p, now)))
        .map(Arc::new)
        .collect::<Vec<_>>()
        .await;
    Ok(found.suspects.into_iter().chain(starting).collect())
}

async fn pod(at: &Cluster, namespace: &str, name: &str) -> Result<Pod, String> {
    let object = at.reader.get(Kind::Pod, Some(namespace), name).await.map_err(|miss| {
        if miss.is_absence() {
            return format!("no pod {name} in namespace {namespace}");
        }
        format!("pod {namespace}/{name} cannot be read: {}", miss.why)
    })?;
    let pod = serde_json::from_value(object).map_err(|e| format!("pod {namespace}/{name} cannot be decoded: {e}"))?;
    Ok(crate::evidence::pod::facts(&pod, &crate::evidence::Owners::default()))
}

fn refused(at: &Cluster, scope: &Scope, error: &kube::Error) -> String {
    let place = match scope {
        Scope::Namespace(ns) => format!("namespace {ns}"),
        _ => "all namespaces".into(),
    };
    match error {
        kube::Error::Api(s) if s.code != 401 => {
            format!("pods of {place} cannot be listed: {}", cluster::refusal(error, &at.url))
        }
        _ => cluster::refusal(error, &at.url),
    }
}

async fn not_muted(at: &Cluster, pods: Vec<Arc<Pod>>) -> Vec<Arc<Pod>> {
    let now = Timestamp::now();
    let mut pods = with_wishes(&at.reader, pods).await;
    pods.retain(|p| !detect::is_muted(p, now));
    pods
}

/// Owners may put our annotations on the namespace; those on the pod win. Where it cannot be read there are none.
pub(super) async fn with_wishes(reader: &Reader, pods: Vec<Arc<Pod>>) -> Vec<Arc<Pod>> {
    let names: BTreeSet<String> = pods.iter().map(|p| p.namespace.clone()).collect();
    let annotations: BTreeMap<String, Vec<(String, String)>> = stream::iter(names)
        .map(|ns| async {
            let object = reader.get(Kind::Namespace, None, &ns).await.ok();
            let ours = object.as_ref().and_then(|o| o.pointer("/metadata/annotations")).and_then(Value::as_object);
            let ours = ours.into_iter().flatten().filter(|(k, _)| k.starts_with("crashdiagnosis.dev/"));
            let ours = ours.filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect();
            (ns, ours)
        })
        .buffered(QUICK)
        .collect()
        .await;
    let with = |pod: Arc<Pod>| {
        let Some(ours) = annotations.get(&pod.namespace).filter(|a| !a.is_empty()) else { return pod };
        let mut pod = Arc::unwrap_or_clone(pod);
        for (k, v) in ours {
            pod.annotations.entry(k.clone()).or_insert_with(|| v.clone());
        }
        Arc::new(pod)
    };
    pods.into_iter().map(with).collect()
}

/// The top-level workload of each pod, with one question per controller.
async fn owners(at: &Cluster, pods: Vec<Arc<Pod>>) -> Vec<Owned> {
    let key = |p: &Pod| {
        let uid = p.controller.as_ref().and_then(|c| c.uid.clone());
        uid.unwrap_or_else(|| p.uid.clone())
    };
    let first: HashMap<String, Arc<Pod>> = pods.iter().map(|p| (key(p), p.clone())).collect();
    let known: HashMap<String, (Arc<Resolved>, Option<Gap>)> = stream::iter(first)
        .map(|(key, pod)| async move {
            let (resolved, miss) = collect::resolve(&at.reader, &pod).await;
            let gap = miss.filter(|m| !m.is_absence()).map(|m| Gap {
                what: "owner".into(),
                object: format!("pod {}/{}", pod.namespace, pod.name),
                why: m.why,
            });
            (key, (Arc::new(resolved), gap))
        })
        .buffer_unordered(QUICK)
        .collect()
        .await;
    let owned = |pod: Arc<Pod>| {
        let (owner, gap) = known.get(&key(&pod))?.clone();
        let mut pod = Arc::unwrap_or_clone(pod);
        pod.workload.clone_from(&owner.workload);
        Some(Owned { pod: Arc::new(pod), owner, gap })
    };
    pods.into_iter().filter_map(owned).collect()
}

/// The earlier crashes that an operator in this cluster noted, if there is one; nothing where there is none.
async fn history(at: &kube::Client, group: &group::Group<'_>) -> Vec<facts::PastCrash> {
    let name = crate::report::name::plain(&group.workload.kind, &group.workload.name, &group.container);
    let api: Api<crate::api::CrashDiagnosis> = Api::namespaced(at.clone(), group.namespace);
    let object = api.get_opt(&name).await.ok().flatten();
    object.and_then(|o| crate::operator::incident::Incident::restore(&o)).map(|i| i.past()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
