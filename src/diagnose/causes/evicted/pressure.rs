//! NodePressureEviction: the kubelet evicted or refused the pod because the node ran short.
//!
//! Kubelet's words: `The node was low on resource: memory. Threshold quantity: 100Mi, available: 82Mi. Container app was using
//! 1200Mi, request is 256Mi, has larger consumption of memory. ` (>= 1.26; before without threshold), `The node was low on
//! resource: [DiskPressure]. ` (<= 1.10), `Pod was rejected: The node had condition: [DiskPressure]. ` (>= 1.22; before without
//! `Pod was rejected: `); at admission also reason OutOfmemory, OutOfcpu, OutOfpods, … `Pod was rejected: Node didn't have
//! enough resource: memory, requested: 1, used: 2, capacity: 3`.

use std::sync::LazyLock;

use regex::Regex;

use super::eviction;
use crate::diagnose::causes::node;
use crate::diagnose::facts::Event;
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

static RESOURCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"low on (?:resource|compute resources): ?\[?([\w/.-]+?)\]?[.\s]").ok());
static CONDITION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"had condition: \[([^\]]+)\]").ok());
static USING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"[Cc]ontainer (\S+) was using (\S+?), (?:which exceeds its )?request (?:is |of )(\S+?)[,.](?:\s|$)")
        .ok()
});

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    if let Some(e) = eviction(case).filter(|e| e.text.contains("The node ")) {
        return vec![evicted(case, e.text, e.evidence())];
    }
    let Some(reason) = case.pod.reason.as_deref().filter(|r| r.starts_with("OutOf")) else { return Vec::new() };
    vec![refused(case, reason)]
}

fn capture<'t>(pattern: &'static LazyLock<Option<Regex>>, text: &'t str, group: usize) -> Option<&'t str> {
    Some(pattern.as_ref()?.captures(text)?.get(group)?.as_str())
}

/// Of the containers that the message names the one that uses most: name, use, request.
fn largest(text: &str) -> Option<(&str, &str, &str)> {
    let all = USING.as_ref()?.captures_iter(text);
    let named = all.filter_map(|c| Some((c.get(1)?.as_str(), c.get(2)?.as_str(), c.get(3)?.as_str())));
    named.max_by_key(|(_, using, _)| size(using))
}

/// A quantity as the kubelet prints it, `91249008Ki` or `1200Mi`, in bytes.
fn size(quantity: &str) -> u64 {
    let digits = quantity.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = quantity.split_at(digits);
    let shift = match unit {
        "Ki" => 10,
        "Mi" => 20,
        "Gi" => 30,
        "Ti" => 40,
        _ => 0,
    };
    number.parse::<u64>().unwrap_or(0).saturating_mul(1 << shift)
}

fn evicted(case: &Case, text: &str, said: Evidence) -> Finding {
    let node = case.pod.node.as_deref().unwrap_or("(unknown)");
    let short = match (capture(&RESOURCE, text, 1), capture(&CONDITION, text, 1)) {
        (Some(r), _) => format!("low on {r}"),
        (None, Some(c)) => format!("under {c}"),
        (None, None) => "short of a resource".to_owned(),
    };
    let used = largest(text);
    let use_words = used.map_or_else(String::new, |(name, using, request)| {
        format!("; container {name} was using {using}, its request is {request}")
    });
    let verb = if text.contains("rejected") || text.contains("had condition") { "refused" } else { "evicted" };
    let summary = format!("The kubelet {verb} the pod because node {node} was {short}{use_words}.");
    let mut finding =
        Finding::new(Reason::NodePressureEviction, Confidence::Certain, Basis::Stated, summary).evidence(said);
    finding.evidence.extend(of_node(case));
    finding.root_cause = node::root(case, format!("it was {short}"));
    advise(case, finding, &short, used.is_some())
}

/// The node's own words: its pressure conditions, and its newest event about them.
fn of_node(case: &Case) -> Vec<Evidence> {
    let Some(name) = case.pod.node.as_deref() else { return Vec::new() };
    let conditions = case.cluster.node(name).map_or(&[][..], |n| &n.conditions);
    let pressed = conditions.iter().filter(|c| c.kind.ends_with("Pressure") && c.status == "True").map(|c| {
        let text = format!("condition {} True: {}", c.kind, c.message.as_deref().unwrap_or_default());
        Evidence::new(Source::Node, text).of(format!("node {name}")).at(c.since)
    });
    let about = |e: &&Event| e.reason == "EvictionThresholdMet" || e.reason.ends_with("Pressure");
    let event = case.cluster.events_of("Node", None, name).rev().find(about).map(|e| {
        Evidence::new(Source::Event, format!("{}: {}", e.reason, cut(&e.message, 200)))
            .of(format!("node {name}"))
            .at(e.last)
    });
    pressed.chain(event).collect()
}

fn advise(case: &Case, finding: Finding, short: &str, used: bool) -> Finding {
    let ns = &case.pod.namespace;
    let finding = if used {
        finding.advise("Set requests to what it really uses: pods that use more than they requested are evicted first, and the scheduler fills nodes by requests.")
    } else {
        finding.advise("Set honest requests (and a priorityClassName for what must stay): pods that use more than they requested are evicted first.")
    };
    let disk = ["storage", "nodefs", "imagefs", "inodes", "Disk"].iter().any(|w| short.contains(w));
    let finding = if disk {
        finding.advise("Find what fills the node's disk: images, container logs, emptyDir and writable layers of its pods; set ephemeral-storage requests and limits, or give it a larger disk.")
    } else {
        finding
    };
    let node = case.pod.node.as_deref().unwrap_or("<node>");
    finding
        .advise_command("See what the node has, and what runs on it.", format!("kubectl describe node {node}"))
        .advise_command(
            "Evicted pods stay as failed objects; remove them:",
            format!("kubectl -n {ns} delete pods --field-selector status.phase=Failed"),
        )
}

/// The kubelet did not take the pod: the scheduler (or whoever set nodeName) believed that there was room.
fn refused(case: &Case, reason: &str) -> Finding {
    let node = case.pod.node.as_deref().unwrap_or("(unknown)");
    let message = case.pod.message.as_deref().unwrap_or_default();
    let what = reason.trim_start_matches("OutOf");
    let text = format!("The kubelet of node {node} refused the pod: not enough {what}.");
    let mut finding = Finding::new(Reason::NodePressureEviction, Confidence::Likely, Basis::Stated, text)
        .evidence(Evidence::new(Source::ContainerStatus, format!("{reason}: {}", cut(message, 400))))
        .advise("A controller makes a new pod elsewhere. If it recurs: nodeName set by hand, pods that the scheduler does not see (static pods), or a node that has just come up again.")
        .advise_command("See what the node has, and what runs on it.", format!("kubectl describe node {node}"));
    finding.root_cause = node::root(case, format!("it had not enough {what}"));
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    fn failed(reason: &str, message: &str) -> World {
        World::new().crashed(143, "Error", 30).log("ValueError: interrupted\n").with(|w| {
            w.pod().phase = "Failed".into();
            w.pod().reason = Some(reason.into());
            w.pod().message = Some(message.into());
        })
    }

    #[test]
    fn evictions_in_the_words_of_all_releases() {
        for (message, words) in [
            (
                "The node was low on resource: memory. Threshold quantity: 100Mi, available: 82Mi. Container app was using 1200Mi, request is 256Mi, has larger consumption of memory. ",
                "low on memory; container app was using 1200Mi, its request is 256Mi",
            ),
            (
                "The node was low on resource: ephemeral-storage. Container app was using 90Gi, which exceeds its request of 0. ",
                "low on ephemeral-storage; container app was using 90Gi, its request is 0",
            ),
            ("The node was low on resource: [DiskPressure]. ", "low on DiskPressure"),
            (
                "The node was low on resource: ephemeral-storage. Container a was using 3914072Ki, which exceeds its request of 0. Container b was using 90Gi, which exceeds its request of 1Gi. ",
                "container b was using 90Gi, its request is 1Gi",
            ),
            ("The node was low on resource: inodes. ", "low on inodes"),
            (
                "Pod was rejected: The node had condition: [MemoryPressure]. ",
                "refused the pod because node node-1 was under MemoryPressure",
            ),
            ("The node was low on resource: pids. Threshold quantity: 10%, available: 9%. ", "low on pids"),
        ] {
            let found = failed("Evicted", message).diagnose();
            assert_eq!((found.reason, found.confidence), (Reason::NodePressureEviction, Confidence::Certain));
            assert!(found.summary.contains(words), "{}", found.summary);
            assert_eq!(found.root_cause.map(|r| (r.kind, r.name)), Some(("Node".into(), "node-1".into())));
        }
    }

    #[test]
    fn a_refusal_at_admission_is_the_nodes_as_well() {
        let found = failed(
            "OutOfmemory",
            "Pod was rejected: Node didn't have enough resource: memory, requested: 1, used: 2, capacity: 2",
        );
        assert_eq!(found.diagnose().reason, Reason::NodePressureEviction);
    }

    #[test]
    fn an_eviction_through_the_api_is_none() {
        let world = World::new().crashed(143, "Error", 30).event("Evicted", "Evicted pod by the descheduler", 29);
        assert!(world.examine(examine).is_empty());
    }
}
