//! Gathers objects and logs of any origin into one [`Cluster`].

use k8s_openapi::Resource;
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core};
use k8s_openapi::api::{discovery::v1 as discovery, events::v1 as events, storage::v1 as storage};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::diagnose::facts::{Cluster, Gap, Log, Timestamp, WorkloadFacts};

use super::owners::Owners;
use super::service::Behind;
use super::{config, event, logs, newest, node, pod, service, text, volume, workload};

/// Collects evidence; [`ClusterBuilder::finish`] makes facts of it. One bad object costs that object only.
#[derive(Default)]
pub struct ClusterBuilder {
    pods: Vec<core::Pod>,
    owners: Owners,
    behind: Vec<Behind>,
    cluster: Cluster,
    newest: Option<Timestamp>,
}

impl ClusterBuilder {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Any object, or a List of them, as JSON. Unknown kinds are skipped; an object of a known kind that does not
    /// decode becomes a [`Gap`]. Returns how many objects were used.
    pub fn add_object(&mut self, value: Value, origin: &str) -> usize {
        let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Value::Object(mut fields) = value else { return 0 };
        if let Some(Value::Array(items)) = fields.remove("items") {
            return self.add_list(&kind, fields.get("apiVersion").and_then(Value::as_str), items, origin);
        }
        let value = Value::Object(fields);
        self.newest = self.newest.max(newest::in_object(&value));
        match self.add_known(&kind, value) {
            Ok(used) => usize::from(used),
            Err((name, why)) => {
                self.cluster.gaps.push(Gap { what: kind, object: text::word(&format!("{origin}: {name}")), why });
                0
            }
        }
    }

    /// Items of a `PodList` may lack kind and apiVersion; the list's kind tells them.
    fn add_list(&mut self, list: &str, api_version: Option<&str>, items: Vec<Value>, origin: &str) -> usize {
        let item_kind = list.strip_suffix("List").unwrap_or_default();
        let mut used = 0;
        for mut item in items {
            if let Value::Object(fields) = &mut item {
                if !item_kind.is_empty() {
                    fields.entry("kind").or_insert_with(|| item_kind.into());
                    fields.entry("apiVersion").or_insert_with(|| api_version.unwrap_or("v1").into());
                }
                // A list within a list is nobody's output, and unbounded.
                fields.remove("items");
            }
            used += self.add_object(item, origin);
        }
        used
    }

    fn add_known(&mut self, kind: &str, value: Value) -> Result<bool, (String, String)> {
        let group_v1 = value.get("apiVersion").and_then(Value::as_str) == Some(events::Event::API_VERSION);
        let c = &mut self.cluster;
        match kind {
            "Pod" => self.add_pod(decode(value)?),
            "Event" if group_v1 || value.get("regarding").is_some() => c.events.push(event::facts_v1(&decode(value)?)),
            "Event" => c.events.push(event::facts(&decode(value)?)),
            "Node" => c.nodes.push(node::facts(&decode::<core::Node>(value)?)),
            "PersistentVolumeClaim" => c.claims.push(volume::claim(&decode(value)?)),
            "PersistentVolume" => c.volumes.push(volume::volume(&decode(value)?)),
            "StorageClass" => c.storage_classes.push(volume::class(&decode::<storage::StorageClass>(value)?)),
            "VolumeAttachment" => c.attachments.push(volume::attachment(&decode(value)?)),
            "ConfigMap" | "Secret" => c.configs.push(config::facts(kind, &decode(value)?)),
            "Service" => c.services.push(service::facts(&decode(value)?)),
            "EndpointSlice" => self.behind.extend(service::slice(&decode::<discovery::EndpointSlice>(value)?)),
            "Endpoints" => self.behind.push(service::endpoints(&decode(value)?)),
            "Deployment" => {
                self.add_workload(kind, value, |d: &apps::Deployment| (&d.metadata, workload::deployment(d)))?;
            }
            "ReplicaSet" => {
                self.add_workload(kind, value, |r: &apps::ReplicaSet| (&r.metadata, workload::replica_set(r)))?;
            }
            "StatefulSet" => {
                self.add_workload(kind, value, |s: &apps::StatefulSet| (&s.metadata, workload::stateful_set(s)))?;
            }
            "DaemonSet" => {
                self.add_workload(kind, value, |d: &apps::DaemonSet| (&d.metadata, workload::daemon_set(d)))?;
            }
            "Job" => self.add_workload(kind, value, |j: &batch::Job| (&j.metadata, workload::job(j)))?,
            "CronJob" => self.add_workload(kind, value, |j: &batch::CronJob| (&j.metadata, workload::cron_job(j)))?,
            "ReplicationController" => {
                self.add_workload(kind, value, |r: &core::ReplicationController| {
                    (&r.metadata, workload::replication_controller(r))
                })?;
            }
            "ControllerRevision" => {
                self.add_workload(kind, value, |r: &apps::ControllerRevision| (&r.metadata, workload::revision(r)))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn add_workload<T: DeserializeOwned>(
        &mut self,
        kind: &str,
        value: Value,
        facts: impl Fn(&T) -> (&ObjectMeta, WorkloadFacts),
    ) -> Result<(), (String, String)> {
        let object: T = decode(value)?;
        let (meta, facts) = facts(&object);
        self.owners.add(kind, meta);
        self.cluster.workloads.push(facts);
        Ok(())
    }

    /// A pod.
    pub fn add_pod(&mut self, pod: core::Pod) {
        self.pods.push(pod);
    }

    /// An event of core/v1.
    pub fn add_event(&mut self, e: &core::Event) {
        self.cluster.events.push(event::facts(e));
    }

    /// An object that is only known by its metadata: its controller counts for owner chains.
    pub fn add_owner(&mut self, kind: &str, meta: &ObjectMeta) {
        self.owners.add(kind, meta);
    }

    /// A log. `cut`: its beginning was dropped already. The kubelet's excuse for having none becomes a gap.
    pub fn add_log(&mut self, key: logs::LogKey, bytes: &[u8], cut: bool) {
        match logs::facts(key, bytes, cut) {
            Ok(log) => self.push_log(log),
            Err(gap) => self.cluster.gaps.push(gap),
        }
    }

    /// Where two inputs hold the same log, the one with text wins.
    fn push_log(&mut self, log: Log) {
        let same = |l: &Log| {
            l.slot == log.slot && l.namespace == log.namespace && l.pod == log.pod && l.container == log.container
        };
        match self.cluster.logs.iter_mut().find(|l| same(l)) {
            Some(known) if known.text.is_empty() => *known = log,
            Some(_) => {}
            None => self.cluster.logs.push(log),
        }
    }

    /// Something that could not be read.
    pub fn add_gap(&mut self, gap: Gap) {
        self.cluster.gaps.push(gap);
    }

    /// All objects of this kind are in (of one namespace, or of the cluster): see [`Cluster::complete`].
    pub fn complete(&mut self, kind: &str, namespace: Option<&str>) {
        self.cluster.listed.push(namespace.map_or_else(|| kind.to_owned(), |ns| format!("{kind}/{ns}")));
    }

    /// The facts gathered otherwise, to add to (history, nodes fetched by another way, ...).
    pub fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// The newest time in the objects added as JSON: what "now" was when they were written.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The facts.
    pub fn finish(self) -> Cluster {
        let Self { pods, owners, behind, mut cluster, .. } = self;
        for p in &pods {
            let facts = pod::facts(p, &owners);
            // The same pod twice (a List and its own file): the first one stands.
            if !cluster
                .pods
                .iter()
                .any(|k| k.namespace == facts.namespace && k.name == facts.name && k.uid == facts.uid)
            {
                cluster.pods.push(facts);
            }
        }
        for (namespace, name, mut endpoints) in behind {
            if let Some(s) = cluster.services.iter_mut().find(|s| s.namespace == namespace && s.name == name) {
                s.endpoints.get_or_insert_default().append(&mut endpoints);
            }
        }
        unify_events(&mut cluster);
        cluster
    }
}

/// Oldest first; the same event from two files once.
fn unify_events(cluster: &mut Cluster) {
    cluster.events.sort_by_key(|a| (a.last, a.first));
    let mut seen = std::collections::HashSet::new();
    cluster
        .events
        .retain(|e| e.name.is_empty() || seen.insert((e.namespace.clone(), e.name.clone(), e.last, e.message.clone())));
}

/// Decodes an object; where it fails, once more with plain scalars made strings where only strings can stand
/// (a hand-made file with `value: 5432`). The error names the object.
fn decode<T: DeserializeOwned>(value: Value) -> Result<T, (String, String)> {
    let first = match T::deserialize(&value) {
        Ok(object) => return Ok(object),
        Err(e) => e,
    };
    let name = value.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("(no name)").to_owned();
    let mut value = value;
    strings_where_only_strings_stand(&mut value, "");
    T::deserialize(&value).map_err(|_| (name, text::message(&first.to_string())))
}

fn strings_where_only_strings_stand(value: &mut Value, key: &str) {
    const MAPS: &[&str] = &["labels", "annotations", "matchLabels", "nodeSelector", "selector", "limits", "requests"];
    const LISTS: &[&str] = &["args", "command"];
    let stringify = |v: &mut Value| {
        if matches!(v, Value::Bool(_) | Value::Number(_)) {
            *v = Value::String(v.to_string());
        }
    };
    match value {
        Value::Object(fields) => {
            for (k, v) in fields {
                if MAPS.contains(&key) || matches!(k.as_str(), "value" | "resourceVersion" | "message" | "reason") {
                    stringify(v);
                }
                strings_where_only_strings_stand(v, k);
            }
        }
        Value::Array(items) => {
            for v in items {
                if LISTS.contains(&key) {
                    stringify(v);
                }
                strings_where_only_strings_stand(v, key);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_bad_object_costs_that_object_only() {
        let mut b = ClusterBuilder::new();
        let list = json!({"kind": "List", "apiVersion": "v1", "items": [
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "good"}, "spec": {"containers": [{"name": "a", "env": [{"name": "P", "value": 5432}]}]}},
            {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "bad"}, "spec": {"containers": "none"}},
            {"kind": "Widget", "apiVersion": "x/v1", "metadata": {"name": "w"}},
            42, null, {"kind": 7}
        ]});
        assert_eq!(b.add_object(list, "pods.yaml"), 1);
        let cluster = b.finish();
        assert_eq!(cluster.pods.len(), 1);
        assert_eq!(cluster.pods[0].containers[0].env("P").unwrap().value.as_deref(), Some("5432"));
        assert_eq!(cluster.gaps.len(), 1);
        assert_eq!((cluster.gaps[0].what.as_str(), cluster.gaps[0].object.as_str()), ("Pod", "pods.yaml: bad"));
    }

    #[test]
    fn typed_lists_give_their_items_a_kind() {
        let mut b = ClusterBuilder::new();
        let list = json!({"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "x", "creationTimestamp": "2024-05-01T10:00:00Z"}}]});
        assert_eq!(b.add_object(list, ""), 1);
        assert_eq!(b.newest().unwrap().to_string(), "2024-05-01T10:00:00Z");
        assert_eq!(b.finish().pods[0].name, "x");
    }

    #[test]
    fn endpoints_join_their_service_and_events_are_sorted_once() {
        let mut b = ClusterBuilder::new();
        let event = |name: &str, at: &str| json!({"kind": "Event", "apiVersion": "v1", "metadata": {"name": name, "namespace": "s"}, "involvedObject": {"kind": "Pod", "name": "p"}, "lastTimestamp": at});
        for v in [
            event("b", "2024-05-01T10:00:02Z"),
            event("a", "2024-05-01T10:00:01Z"),
            event("b", "2024-05-01T10:00:02Z"),
            json!({"kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": "IPv4", "metadata": {"namespace": "s", "name": "db-x", "labels": {"kubernetes.io/service-name": "db"}}, "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": false}}]}),
            json!({"kind": "Service", "apiVersion": "v1", "metadata": {"namespace": "s", "name": "db"}, "spec": {"ports": [{"port": 5432}]}}),
        ] {
            assert_eq!(b.add_object(v, ""), 1);
        }
        let cluster = b.finish();
        assert_eq!(cluster.events.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert!(!cluster.services[0].endpoints.as_ref().unwrap()[0].ready);
    }
}
