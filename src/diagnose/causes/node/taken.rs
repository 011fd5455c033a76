//! A node that was taken away from under its pods: shut down, drained, consolidated, lost.

use crate::diagnose::facts::{Event, seconds_between};
use crate::diagnose::{Case, Evidence, RootCause, Source};

/// Reasons of the pod, or of its condition DisruptionTarget, that are about the node by themselves.
const NODE_REASONS: &[&str] = &[
    "Terminated",
    "NodeShutdown",
    "Shutdown",
    "NodeLost",
    "DeletionByTaintManager",
    "DeletionByPodGC",
    "TerminationByKubelet",
];

/// Events on a node, of node controllers and autoscalers, that say that it goes or is gone: the kubelet and node controller, Karpenter,
/// cluster-autoscaler, cloud termination handlers.
const NODE_EVENTS: &[&str] = &[
    "Shutdown",
    "NodeShutdown",
    "NodeNotReady",
    "DeletingNode",
    "RemovingNode",
    "DeletingAllPods",
    "Rebooted",
    "ScaleDown",
    "ScaleDownEmpty",
    "DeprovisioningTerminating",
    "DisruptionTerminating",
    "DisruptionLaunching",
    "ConsolidationTerminateNode",
    "InstanceTerminating",
    "InstanceSpotInterrupted",
    "SpotInterrupted",
    "SpotInterruption",
    "RebalanceRecommendation",
    "PreemptScheduled",
    "TerminateScheduled",
    "Draining",
    "Drain",
    "CordonStarting",
    "NodePreempted",
    "FailedDraining",
    "TerminatingOnInterruption",
    "TerminatingNode",
];

/// Taints that autoscalers put on a node that is to go.
const TAINTS: &[&str] = &[
    "ToBeDeletedByClusterAutoscaler",
    "DeletionCandidateOfClusterAutoscaler",
    "karpenter.sh/disruption",
    "karpenter.sh/disrupted",
    "node.kubernetes.io/out-of-service",
    "cloud.google.com/impending-node-termination",
    "aws-node-termination-handler",
    "node.cloudprovider.kubernetes.io/shutdown",
];

/// Why the stop of this pod is its node's, with evidence.
pub fn away(case: &Case) -> Option<(RootCause, Vec<Evidence>)> {
    let name = case.pod.node.as_deref()?;
    let node = case.cluster.node(name);
    let condition = case.pod.condition("DisruptionTarget").filter(|c| c.status == "True");
    let reasons = [case.pod.reason.as_deref(), condition.and_then(|c| c.reason.as_deref())];
    let by_reason = reasons.into_iter().flatten().find(|r| NODE_REASONS.contains(r));
    let event = event(case, name);
    let taint = node.and_then(|n| n.taints.iter().find(|t| TAINTS.iter().any(|k| t.starts_with(k))));
    let evicted = reasons.contains(&Some("EvictionByEvictionAPI")) || case.pod_events().any(|e| e.reason == "Evicted");
    let drained = evicted && node.is_some_and(|n| n.cordoned || n.deleting.is_some());
    if by_reason.is_none() && event.is_none() && taint.is_none() && !drained {
        return None;
    }
    let mut evidence = Vec::new();
    let object = format!("node {name}");
    if let Some(e) = event {
        evidence
            .push(Evidence::new(Source::Event, format!("{}: {}", e.reason, e.message.trim())).of(&object).at(e.last));
    }
    if let Some(taint) = taint {
        evidence.push(Evidence::new(Source::Node, format!("taint {taint}")).of(&object));
    }
    let not_ready = node.and_then(|n| n.conditions.iter().find(|c| c.kind == "Ready" && c.status != "True"));
    if let Some(c) = not_ready {
        let said = c.message.as_deref().or(c.reason.as_deref()).unwrap_or_default();
        evidence
            .push(Evidence::new(Source::Node, format!("condition Ready {}: {said}", c.status)).of(&object).at(c.since));
    }
    if drained {
        evidence.push(Evidence::new(Source::Node, "unschedulable: it is being drained").of(&object));
    }
    let summary = event.map(|e| crate::diagnose::words::cut(&e.message, 160)).or_else(|| {
        Some(match by_reason {
            Some(r @ ("Terminated" | "NodeShutdown" | "Shutdown")) => format!("it shut down (pod reason {r})"),
            Some(r) => format!("it was taken away or lost (reason {r})"),
            None => taint.map_or_else(|| "it is being drained".to_owned(), |t| format!("it is to go (taint {t})")),
        })
    });
    Some((super::root(case, summary.unwrap_or_default())?, evidence))
}

/// The newest such event on the node that is close to the end of the run: up to ten minutes before, or two after.
fn event<'a>(case: &Case<'a>, node: &'a str) -> Option<&'a Event> {
    let finished = case.crash().and_then(|c| c.finished);
    case.cluster.events_of("Node", None, node).filter(|e| NODE_EVENTS.contains(&e.reason.as_str())).rfind(|e| {
        finished.zip(e.last).is_none_or(|(end, at)| {
            let before = seconds_between(at, end);
            before.is_some_and(|s| s <= 600) || seconds_between(end, at).is_some_and(|s| (0..=120).contains(&s))
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::diagnose::facts::{Condition, Event, Node};
    use crate::diagnose::testing::{World, at};

    fn evicted() -> World {
        World::new().crashed(143, "Error", 11).with(|w| {
            w.pod().conditions.push(Condition {
                kind: "DisruptionTarget".into(),
                status: "True".into(),
                reason: Some("EvictionByEvictionAPI".into()),
                message: Some("Eviction API: evicting".into()),
                since: Some(at(10)),
            });
        })
    }

    fn root(world: &World) -> Option<String> {
        world.diagnose().root_cause.map(|r| format!("{} {}", r.kind, r.name))
    }

    #[test]
    fn an_eviction_is_the_nodes_only_where_the_node_goes() {
        assert_eq!(root(&evicted()), None, "a descheduler, or a person");
        let drained = evicted().with(|w| {
            w.cluster.nodes.push(Node { name: "node-1".into(), cordoned: true, ..Node::default() });
        });
        assert_eq!(root(&drained).as_deref(), Some("Node node-1"));
        let consolidated = |seconds| {
            evicted().with(|w| {
                w.cluster.events.push(Event {
                    kind: "Node".into(),
                    object: "node-1".into(),
                    reason: "DisruptionTerminating".into(),
                    message: "Disrupting Node: Underutilized/Delete".into(),
                    last: Some(at(seconds)),
                    ..Event::default()
                });
            })
        };
        assert_eq!(root(&consolidated(9)).as_deref(), Some("Node node-1"));
        assert_eq!(root(&consolidated(-4000)), None, "an event of another day");
    }

    #[test]
    fn a_shutdown_is_the_nodes() {
        let world = World::new().crashed(143, "Error", 4000).with(|w| w.pod().reason = Some("NodeShutdown".into()));
        assert_eq!(root(&world).as_deref(), Some("Node node-1"));
    }
}
