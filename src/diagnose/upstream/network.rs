//! The node without a pod network: from a pod there no peer can be reached, however well the peer is.

use super::super::facts::{Condition, Node, Pod};
use super::super::wants::Want;
use super::{Evidence, Fault, Remedy, RootCause, Search, Source, describe, pod};

/// Blames the asking pod's own node, where its conditions say that it has no network.
pub(super) fn fault(search: &Search) -> Option<Fault> {
    let asker = search.asker();
    let name = asker.node.as_deref().filter(|_| !asker.host_network)?;
    let Some(node) = search.cluster.node(name) else {
        search.ask(Want::Object { kind: "Node", namespace: String::new(), name: name.to_owned() });
        return agent(search, asker);
    };
    let Some(condition) = unavailable(node) else { return agent(search, asker) };
    if search.failed.zip(condition.since).is_some_and(|(failed, since)| since > failed) {
        return None;
    }
    let why = condition.message.as_deref().or(condition.reason.as_deref()).unwrap_or("no message");
    let what = format!("has no pod network (NetworkUnavailable: {why})");
    Some(Fault {
        sentence: format!("Node {name}, on which it runs, {what}{}", elsewhere(search, asker)),
        evidence: vec![
            Evidence::new(Source::Node, format!("condition NetworkUnavailable True: {why}"))
                .of(format!("node {name}"))
                .at(condition.since),
        ],
        advice: vec![Remedy::command(
            format!("See to the network of node {name}: its CNI pods, and the routes that the cloud controller makes."),
            describe("", "node", name),
        )],
        root: RootCause {
            api_version: "v1".into(),
            kind: "Node".into(),
            namespace: String::new(),
            name: name.to_owned(),
            workload: None,
            summary: what,
        },
    })
}

/// Names of what makes a node's network, or a part of one: the proxy of Services, and network plugins.
const AGENTS: &[&str] = &[
    "kube-proxy",
    "calico-node",
    "canal",
    "cilium",
    "flannel",
    "weave",
    "kube-router",
    "aws-node",
    "antrea-agent",
    "ovn",
    "kindnet",
    "azure-cni",
    "kube-ovn",
];

/// What makes the network of the asking pod's node, and fails itself.
fn agent(search: &Search, asker: &Pod) -> Option<Fault> {
    let serves = |p: &&Pod| {
        let name = &p.workload.name;
        p.node == asker.node
            && p.host_network
            && p.workload.kind == "DaemonSet"
            && AGENTS.iter().any(|a| name.contains(a))
    };
    let fails = |p: &Pod| p.containers.iter().any(|c| pod::fails(search, c));
    let found = search.cluster.pods.iter().filter(serves).find(|p| fails(p))?;
    let mut fault = pod::fault(search, found)?;
    let node = asker.node.as_deref().unwrap_or_default();
    let agent = &found.workload.name;
    fault.sentence = format!("{agent}, which makes the network of its node {node}, does not work: {}", fault.sentence);
    Some(fault)
}

fn unavailable(node: &Node) -> Option<&Condition> {
    node.conditions.iter().find(|c| c.kind == "NetworkUnavailable" && c.status == "True")
}

/// That the other nodes have theirs.
fn elsewhere(search: &Search, asker: &Pod) -> &'static str {
    let mut others = search.cluster.nodes.iter().filter(|n| Some(n.name.as_str()) != asker.node.as_deref()).peekable();
    if others.peek().is_some() && others.all(|n| unavailable(n).is_none()) {
        "; the other nodes have theirs"
    } else {
        ""
    }
}
