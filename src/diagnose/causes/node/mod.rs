//! The node: the same workload is healthy elsewhere, the node's own conditions say that it is broken, or it was taken away.

pub mod conditions;
pub mod siblings;
pub mod taken;
#[cfg(test)]
mod tests;

use crate::diagnose::{Case, RootCause};

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
