//! What stands around a pod whatever is wrong with it: its node, its claims with what is behind them, its ConfigMaps.
//!
//! For the command line, which looks once and has nobody else's watch to lean on. The operator reads these only where a first
//! finding asks for them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Kind, Miss, Reader, Select, gap, volumes};
use crate::diagnose::facts::{Container, Pod, VolumeSource};
use crate::diagnose::wants::Want;
use crate::evidence::ClusterBuilder;

/// Most ConfigMaps read for one pod.
const MAX_CONFIG_MAPS: usize = 20;
/// Most VolumeAttachments and StorageClasses of the cluster that are looked through.
const MAX_CLUSTER_WIDE: u32 = 500;

/// Reads all of it, at the same time where that is possible; a part that cannot be read becomes a gap.
pub async fn around(reader: &Reader, pod: &Pod, into: &mut ClusterBuilder) {
    let (node, configs) = tokio::join!(node(reader, pod), config_maps(reader, pod));
    if let Some((name, answer)) = node {
        let want = Want::Object { kind: "Node", namespace: String::new(), name: name.clone() };
        take(into, "node", format!("node {name}"), Some(&want), answer);
    }
    for (name, answer) in configs {
        let want = Want::Object { kind: "ConfigMap", namespace: pod.namespace.clone(), name: name.clone() };
        take(into, "ConfigMap", format!("{}/{name}", pod.namespace), Some(&want), answer);
    }
    if volumes::claim_names(pod).next().is_some() {
        volumes::claims(reader, pod, into).await;
        behind_claims(reader, pod, into).await;
    }
}

/// An object that does not exist is an answer, noted under the key of the wish for it.
fn take(into: &mut ClusterBuilder, what: &str, object: String, want: Option<&Want>, answer: Result<Value, Miss>) {
    let answered = match answer {
        Ok(value) => {
            into.add_object(value, "around the pod");
            true
        }
        Err(miss) if miss.is_absence() => true,
        Err(miss) => {
            into.add_gap(gap(what, object, miss));
            false
        }
    };
    if let Some(want) = want.filter(|_| answered) {
        into.cluster_mut().listed.push(want.key());
    }
}

async fn node(reader: &Reader, pod: &Pod) -> Option<(String, Result<Value, Miss>)> {
    let name = pod.node.clone()?;
    let answer = reader.get(Kind::Node, None, &name).await;
    Some((name, answer))
}

async fn config_maps(reader: &Reader, pod: &Pod) -> Vec<(String, Result<Value, Miss>)> {
    let names = config_map_names(pod);
    let read = names.into_iter().take(MAX_CONFIG_MAPS).map(|name| async move {
        let answer = reader.get(Kind::ConfigMap, Some(&pod.namespace), &name).await;
        (name, answer)
    });
    futures::future::join_all(read).await
}

/// Names of the ConfigMaps that a pod refers to. The cluster's CA is in every pod and tells nothing.
fn config_map_names(pod: &Pod) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for v in &pod.volumes {
        of_volume(&v.source, &mut names);
    }
    for c in &pod.containers {
        of_container(c, &mut names);
    }
    names.remove("kube-root-ca.crt");
    names.remove("openshift-service-ca.crt");
    names
}

fn of_volume(source: &VolumeSource, names: &mut BTreeSet<String>) {
    match source {
        VolumeSource::ConfigMap(k) => drop(names.insert(k.name.clone())),
        VolumeSource::Projected(parts) => parts.iter().for_each(|p| of_volume(p, names)),
        _ => {}
    }
}

fn of_container(c: &Container, names: &mut BTreeSet<String>) {
    let keys = c.env.iter().filter_map(|e| e.from.as_ref()).filter(|f| f.kind == "ConfigMap").map(|f| &f.name);
    let whole = c.env_from.iter().filter(|f| f.kind == "ConfigMap").map(|f| &f.name);
    names.extend(keys.chain(whole).cloned());
}

/// Volumes that the claims are bound to; and, where one is not bound, the classes of the cluster.
async fn behind_claims(reader: &Reader, pod: &Pod, into: &mut ClusterBuilder) {
    let own: Vec<_> = {
        let cluster = into.cluster_mut();
        volumes::claim_names(pod).filter_map(|name| cluster.claim(&pod.namespace, name).cloned()).collect()
    };
    for volume in own.iter().filter_map(|c| c.volume.as_deref()) {
        let answer = reader.get(Kind::Volume, None, volume).await;
        take(into, "PersistentVolume", volume.to_owned(), None, answer);
    }
    if own.iter().any(|c| c.phase != "Bound") {
        whole_list(reader, Kind::StorageClass, into).await;
        whole_list(reader, Kind::Volume, into).await;
    }
    let waits = pod.containers.iter().all(|c| !c.status.ready && c.status.last.is_none());
    if waits && own.iter().any(|c| c.volume.is_some()) {
        whole_list(reader, Kind::VolumeAttachment, into).await;
    }
}

/// All objects of a kind without a namespace; noted as complete where they fit one page.
async fn whole_list(reader: &Reader, kind: Kind, into: &mut ClusterBuilder) {
    let select = Select { limit: MAX_CLUSTER_WIDE, ..Select::default() };
    match reader.list(kind, None, &select).await {
        Ok(list) => {
            let whole = list.pointer("/metadata/continue").is_none_or(|c| c == "");
            into.add_object(list, "around the pod");
            if whole {
                into.complete(kind.source(), None);
            }
        }
        Err(miss) => into.add_gap(gap(kind.source(), "all".into(), miss)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence;
    use serde_json::json;

    #[test]
    fn config_maps_are_named_wherever_a_pod_refers_to_them() {
        let pod: k8s_openapi::api::core::v1::Pod = serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "web-1"},
            "spec": {
                "containers": [{"name": "app",
                    "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "by-key", "key": "a"}}},
                            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "secret", "key": "a"}}}],
                    "envFrom": [{"configMapRef": {"name": "whole"}}]}],
                "volumes": [{"name": "v", "configMap": {"name": "mounted"}},
                            {"name": "p", "projected": {"sources": [{"configMap": {"name": "projected"}}, {"configMap": {"name": "kube-root-ca.crt"}}]}}]}
        }))
        .unwrap();
        let pod = evidence::pod::facts(&pod, &evidence::Owners::default());
        let names: Vec<String> = config_map_names(&pod).into_iter().collect();
        assert_eq!(names, ["by-key", "mounted", "projected", "whole"]);
    }

    #[test]
    fn absence_is_noted_and_a_refusal_is_a_gap() {
        let want = Want::Object { kind: "Node", namespace: String::new(), name: "n1".into() };
        for (category, listed, gaps) in [("NotFound", 1, 0), ("Forbidden", 0, 1)] {
            let mut b = ClusterBuilder::new();
            take(&mut b, "Node", "n1".into(), Some(&want), Err(Miss { category, why: "w".into() }));
            let cluster = b.finish();
            assert_eq!((cluster.listed.len(), cluster.gaps.len()), (listed, gaps), "{category}");
        }
    }
}
