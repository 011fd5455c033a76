//! NodeFault, as the node's own conditions tell it: what the node-problem-detector found in the kernel's log.

use crate::diagnose::facts::Condition;
use crate::diagnose::log::{Concept, Weight};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop};

/// (condition of the node-problem-detector, what it means)
const PROBLEMS: &[(&str, &str)] = &[
    ("ReadonlyFilesystem", "the kernel made its file system read-only (a disk that fails)"),
    ("KernelDeadlock", "its kernel hangs (tasks blocked for minutes)"),
    ("CorruptDockerOverlay2", "the container runtime's image store is corrupt"),
    ("XfsShutdown", "the kernel shut its file system down"),
    ("Ext4Error", "the kernel found errors in its file system"),
];

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(node) = case.pod.node.as_deref().and_then(|n| case.cluster.node(n)) else { return Vec::new() };
    if case.crash().is_none() || stop::stop(case).is_some() {
        return Vec::new();
    }
    let standing = |c: &&Condition| c.status == "True" && PROBLEMS.iter().any(|(kind, _)| *kind == c.kind);
    let Some(condition) = node.conditions.iter().find(standing) else { return Vec::new() };
    let meaning = PROBLEMS.iter().find(|(kind, _)| *kind == condition.kind).map_or("", |p| p.1);
    let said = condition.message.as_deref().unwrap_or_default();
    let text = format!("condition {} True: {said}", condition.kind);
    let fits = fits(case, &condition.kind);
    let (basis, confidence) =
        if fits { (Basis::Explained, Confidence::Likely) } else { (Basis::Symptom, Confidence::Possible) };
    let mut finding = Finding::new(
        Reason::NodeFault,
        confidence,
        basis,
        format!("Node {} is broken: {meaning} ({}: {said}).", node.name, condition.kind),
    )
    .evidence(Evidence::new(Source::Node, text).of(format!("node {}", node.name)).at(condition.since));
    if let Some(line) = case.log().terminal() {
        finding = finding.evidence(Evidence::new(Source::Log, line.quote.clone()));
    }
    finding.root_cause = super::root(case, format!("{}: {said}", condition.kind));
    finding = finding.advise(format!("Repair or replace node {}; drain it first.", node.name));
    match super::cordon(case) {
        Some((text, command)) => vec![finding.advise_command(text, command)],
        None => vec![finding],
    }
}

/// Whether the log shows what such a node does to a program.
fn fits(case: &Case, kind: &str) -> bool {
    let disk = matches!(kind, "ReadonlyFilesystem" | "XfsShutdown" | "Ext4Error" | "CorruptDockerOverlay2");
    case.log().failures.iter().filter(|f| f.weight > Weight::Hint).any(|f| {
        let quote = f.quote.to_ascii_lowercase();
        disk && (f.concept == Concept::ReadOnlyFs
            || quote.contains("input/output error")
            || quote.contains("structure needs cleaning"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::Node;
    use crate::diagnose::testing::World;

    fn world(log: &str) -> World {
        World::new().crashed(1, "Error", 2).log(log).with(|w| {
            let condition = Condition {
                kind: "ReadonlyFilesystem".into(),
                status: "True".into(),
                message: Some("Remounting filesystem read-only".into()),
                ..Condition::default()
            };
            w.cluster.nodes.push(Node { name: "node-1".into(), conditions: vec![condition], ..Node::default() });
        })
    }

    #[test]
    fn a_read_only_disk_of_the_node_explains_what_the_log_says() {
        let found = world("OSError: [Errno 30] Read-only file system: '/data/x'\n").diagnose();
        assert_eq!(found.reason, Reason::NodeFault);
        assert!(found.summary.contains("Remounting filesystem read-only"), "{}", found.summary);
        assert_eq!(found.root_cause.map(|r| r.name).as_deref(), Some("node-1"));
    }

    #[test]
    fn and_nothing_else() {
        let found = world("FATAL: environment variable DB_URL is not set\n").diagnose();
        assert_eq!(found.reason, Reason::MissingEnvironmentVariable);
        assert!(found.alternatives.iter().any(|a| a.reason == Reason::NodeFault));
    }
}
