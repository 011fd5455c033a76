//! What the engine asks for once it has a first answer (`diagnose::wants`): Services, what stands behind them, siblings, revisions.
//!
//! Bounded in rounds and requests; an answer of "there is none" is noted, so that absence counts as evidence, a failure is not.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::Value;

use super::{Kind, Miss, Reader, Select, events, gap, logs};
use crate::diagnose::facts::{Cluster, Timestamp};
use crate::diagnose::wants::{self, Want};
use crate::diagnose::{self, Case};
use crate::evidence::ClusterBuilder;

/// Rounds of questions: each answer may raise another question.
const MAX_ROUNDS: usize = 5;
/// Most requests for one crash, beyond its own events, log and owner.
const MAX_REQUESTS: usize = 8;
/// Most objects of one list.
const MAX_OBJECTS: u32 = 100;

/// Whose crash it is: pod uid and container.
pub struct Subject<'a> {
    /// Uid of the pod.
    pub uid: &'a str,
    /// Container.
    pub container: &'a str,
    /// Logs may be read.
    pub with_logs: bool,
    /// But not in these namespaces.
    pub quiet: &'a [String],
}

/// What one request brought.
enum Answer {
    Objects(Value),
    Log(logs::Found),
    None,
}

/// Asks and reads until nothing more is wanted, or the bounds are reached. Returns the facts, and whether any were added.
pub async fn answer(reader: &Reader, subject: &Subject<'_>, mut cluster: Cluster) -> (Cluster, bool) {
    let mut asked = BTreeSet::new();
    for _ in 0..MAX_ROUNDS {
        let mut wishes = wishes(&cluster, subject);
        wishes.retain(|w| !asked.contains(&w.key()) && is_allowed(w, reader, subject));
        wishes.truncate(MAX_REQUESTS.saturating_sub(asked.len()));
        if wishes.is_empty() {
            break;
        }
        asked.extend(wishes.iter().map(Want::key));
        let answers = join_all(wishes.iter().map(|w| read(reader, &cluster, w))).await;
        let mut builder = ClusterBuilder::new();
        *builder.cluster_mut() = cluster;
        for (wish, answer) in wishes.iter().zip(answers) {
            take(&mut builder, wish, answer);
        }
        cluster = builder.finish();
    }
    (cluster, !asked.is_empty())
}

fn is_allowed(wish: &Want, reader: &Reader, subject: &Subject) -> bool {
    match wish {
        Want::Log { namespace, .. } => subject.with_logs && !subject.quiet.contains(namespace),
        Want::Object { kind: "ConfigMap", .. } | Want::Labelled { kind: "ConfigMap", .. } => reader.config_maps,
        _ => true,
    }
}

fn wishes(cluster: &Cluster, subject: &Subject) -> Vec<Want> {
    let pod = cluster.pods.iter().find(|p| p.uid == subject.uid);
    let Some((pod, container)) = pod.and_then(|p| Some((p, p.container(subject.container)?))) else {
        return Vec::new();
    };
    let case = Case::new(cluster, pod, container, Timestamp::now());
    wants::wants(&case, &diagnose::diagnose(&case))
}

fn take(builder: &mut ClusterBuilder, wish: &Want, answer: Result<Answer, Miss>) {
    match answer {
        Ok(answer) => {
            // A list that was cut off says nothing of what is not in it.
            let whole = match &answer {
                Answer::Objects(list) => list.pointer("/metadata/continue").is_none_or(|c| c == ""),
                Answer::Log(_) | Answer::None => true,
            };
            match answer {
                Answer::Objects(objects) => drop(builder.add_object(objects, "asked for")),
                Answer::Log(found) => found.put(builder),
                Answer::None => {}
            }
            if whole {
                builder.cluster_mut().listed.push(wish.key());
            }
        }
        Err(miss) => builder.add_gap(gap("what stands behind", wish.key(), miss)),
    }
}

async fn read(reader: &Reader, cluster: &Cluster, wish: &Want) -> Result<Answer, Miss> {
    let list = |kind: &'static str, namespace: Option<&str>, labels: String, fields: String| {
        let namespace = namespace.map(str::to_owned);
        async move {
            let Some(kind) = Kind::named(kind) else { return Ok(Answer::None) };
            let select = Select { labels, fields, limit: MAX_OBJECTS };
            reader.list(kind, namespace.as_deref(), &select).await.map(Answer::Objects)
        }
    };
    let none = String::new;
    match wish {
        Want::Object { kind, namespace, name } => {
            let Some(kind) = Kind::named(kind) else { return Ok(Answer::None) };
            let namespace = Some(namespace.as_str()).filter(|ns| !ns.is_empty());
            match reader.get(kind, namespace, name).await {
                Ok(object) => Ok(Answer::Objects(object)),
                Err(miss) if miss.is_absence() => Ok(Answer::None),
                Err(miss) => Err(miss),
            }
        }
        Want::Labelled { kind, namespace, labels } => {
            list(kind, Some(namespace), wants::selector(labels), none()).await
        }
        Want::All { kind } => list(kind, None, none(), none()).await,
        Want::Named { kind, name } => list(kind, None, none(), format!("metadata.name={name}")).await,
        Want::At { kind, ip } => {
            let field = if *kind == "Pod" { "status.podIP" } else { "spec.clusterIP" };
            list(kind, None, none(), format!("{field}={ip}")).await
        }
        Want::OnNode { node } => list("Pod", None, none(), format!("spec.nodeName={node}")).await,
        Want::Slices { namespace, service } => {
            list("EndpointSlice", Some(namespace), format!("kubernetes.io/service-name={service}"), none()).await
        }
        Want::Events { namespace, uid } => events::of_uid(reader, namespace, uid).await.map(Answer::Objects),
        Want::Log { namespace, pod, container, slot } => {
            // Its owner's word holds for whoever asks.
            let Some(pod) = cluster.pod(namespace, pod).filter(|p| !p.wants_no_logs()) else { return Ok(Answer::None) };
            let Some(container) = pod.container(container) else { return Ok(Answer::None) };
            Ok(Answer::Log(logs::of_other(reader, pod, container, *slot).await))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn listed(answer: Result<Answer, Miss>) -> (Vec<String>, usize) {
        let mut builder = ClusterBuilder::new();
        take(&mut builder, &Want::Named { kind: "Service", name: "db".into() }, answer);
        let cluster = builder.finish();
        (cluster.listed, cluster.gaps.len())
    }

    #[test]
    fn only_a_whole_answer_tells_of_absence() {
        let list = |more: serde_json::Value| {
            Ok(Answer::Objects(
                json!({"kind": "ServiceList", "apiVersion": "v1", "metadata": {"continue": more}, "items": []}),
            ))
        };
        assert_eq!(listed(list(json!(""))), (vec!["Service/*/db".to_owned()], 0));
        assert_eq!(listed(list(json!("abc"))), (vec![], 0));
        assert_eq!(listed(Ok(Answer::None)), (vec!["Service/*/db".to_owned()], 0));
        assert_eq!(listed(Err(Miss { category: "Forbidden", why: "no".into() })), (vec![], 1));
    }

    #[test]
    fn every_kind_that_is_asked_for_can_be_read() {
        for kind in [
            "Pod",
            "Service",
            "Node",
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "ReplicaSet",
            "ControllerRevision",
            "PersistentVolumeClaim",
            "PersistentVolume",
            "StorageClass",
            "VolumeAttachment",
        ] {
            assert!(Kind::named(kind).is_some(), "{kind}");
        }
    }
}
