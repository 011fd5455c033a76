//! The node: the same workload is healthy elsewhere, the node's own conditions say that it is broken, or it was taken away.

pub mod admission;
pub mod conditions;
pub mod sandbox;
pub mod siblings;
pub mod taken;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::diagnose::wants::Want;
use crate::diagnose::{Case, Cause, Diagnosis, Reason, RootCause};

/// The label by which the pods of one revision are told from others, by the controller's kind.
const REVISION_LABELS: &[&str] = &["pod-template-hash", "controller-revision-hash"];

/// The pods of the same revision, where a comparison with them may tell; the node, where the diagnosis is about one, and what
/// else is on it, where the sandbox fails.
pub(in crate::diagnose) fn wants(case: &Case, diagnosis: &Diagnosis) -> Vec<Want> {
    let mut wants = Vec::new();
    let about_node = diagnosis.cause() == Cause::NodeIssue
        || matches!(
            diagnosis.reason,
            Reason::WrongArchitecture
                | Reason::TerminatedBySignal
                | Reason::NodePressureEviction
                | Reason::ImagePullFailed
        );
    let namespace = case.pod.namespace.clone();
    if siblings::may_tell(case) {
        let label =
            REVISION_LABELS.iter().find_map(|key| Some(((*key).to_owned(), case.pod.labels.get(*key)?.clone())));
        if let Some(label) = label {
            let labels = BTreeMap::from([label]);
            wants.push(Want::Labelled { kind: "Pod", namespace, labels });
        }
    }
    // The network plugin's own pod is on the same node.
    if let Some(node) = case.pod.node.clone().filter(|_| diagnosis.reason == Reason::SandboxFailed) {
        wants.push(Want::OnNode { node });
    }
    if let Some(name) = case.pod.node.clone().filter(|n| about_node && case.cluster.node(n).is_none()) {
        wants.push(Want::Object { kind: "Node", namespace: String::new(), name });
    }
    wants
}

/// The pod's node as the object to blame.
pub fn root(case: &Case, summary: impl Into<String>) -> Option<RootCause> {
    Some(RootCause {
        api_version: "v1".into(),
        kind: "Node".into(),
        namespace: String::new(),
        name: case.pod.node.clone()?,
        workload: None,
        summary: summary.into(),
    })
}

/// `kubectl cordon NODE`, and what follows from it.
fn cordon(case: &Case) -> Option<(String, String)> {
    let node = case.pod.node.as_deref()?;
    let (ns, pod) = (&case.pod.namespace, &case.pod.name);
    let text = format!("To go on meanwhile, keep pods off {node} and let this one be made anew elsewhere:");
    Some((text, format!("kubectl cordon {node} && kubectl -n {ns} delete pod {pod}")))
}
