//! A node -> [`Node`].

use k8s_openapi::api::core::v1 as core;

use crate::diagnose::facts::{Condition, Node};

use super::event::time;
use super::text::{message, word};
use super::{container, quantity};

/// A node.
pub fn facts(n: &core::Node) -> Node {
    let meta = &n.metadata;
    let status = n.status.as_ref();
    let info = status.and_then(|s| s.node_info.as_ref());
    let spec = n.spec.as_ref();
    let text = |s: Option<&String>| s.map(|s| word(s)).unwrap_or_default();
    let allocatable = |name: &str| status.and_then(|s| s.allocatable.as_ref()).and_then(|a| a.get(name));
    Node {
        name: text(meta.name.as_ref()),
        architecture: text(info.map(|i| &i.architecture)),
        os: text(info.map(|i| &i.operating_system)),
        kubelet_version: text(info.map(|i| &i.kubelet_version)),
        runtime: text(info.map(|i| &i.container_runtime_version)),
        kernel: text(info.map(|i| &i.kernel_version)),
        boot_id: text(info.map(|i| &i.boot_id)),
        cordoned: spec.and_then(|s| s.unschedulable).unwrap_or(false),
        deleting: time(meta.deletion_timestamp.as_ref()),
        taints: spec.and_then(|s| s.taints.as_ref()).into_iter().flatten().map(taint).collect(),
        labels: meta.labels.iter().flatten().map(|(k, v)| (word(k), word(v))).collect(),
        conditions: status.and_then(|s| s.conditions.as_ref()).into_iter().flatten().map(condition).collect(),
        allocatable_memory: container::bytes(allocatable("memory")),
        allocatable_cpu: allocatable("cpu").and_then(|q| quantity::millicores(&q.0)),
    }
}

fn taint(t: &core::Taint) -> String {
    let value = t.value.as_deref().filter(|v| !v.is_empty()).map(|v| format!("={v}")).unwrap_or_default();
    word(&format!("{}{value}:{}", t.key, t.effect))
}

fn condition(c: &core::NodeCondition) -> Condition {
    Condition {
        kind: word(&c.type_),
        status: word(&c.status),
        reason: c.reason.as_deref().filter(|r| !r.is_empty()).map(word),
        message: c.message.as_deref().filter(|m| !m.is_empty()).map(message),
        since: time(c.last_transition_time.as_ref()),
    }
}
