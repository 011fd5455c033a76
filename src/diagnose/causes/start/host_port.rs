//! PortConflict before the start: no node has the pod's host ports free, so the scheduler places it nowhere (plugin NodePorts:
//! `1 node(s) didn't have free ports for the requested pod ports`). Waiting does not end it: whoever holds the port keeps it.

use crate::diagnose::facts::{Container, Pod};
use crate::diagnose::stated;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(said) = stated::by_scheduler(case).into_iter().find(|s| stated::lacks_free_ports(s.text)) else {
        return Vec::new();
    };
    let wanted = ports(case.pod);
    let list = if wanted.is_empty() { "the host ports".to_owned() } else { format!("host port {}", join(&wanted)) };
    let text = format!("{} cannot be placed: {list} is taken on every node that would do.", case.pod.name);
    let mut finding =
        Finding::new(Reason::PortConflict, Confidence::Certain, Basis::Stated, text).evidence(said.evidence());
    if !wanted.is_empty() {
        finding = finding.evidence(Evidence::new(Source::PodSpec, format!("hostPort {}", join(&wanted))));
    }
    for other in holders(case, &wanted) {
        let of = format!("pod {}/{}", other.namespace, other.name);
        let node = other.node.as_deref().unwrap_or("its node");
        finding = finding.evidence(
            Evidence::new(Source::PodSpec, format!("holds hostPort {} on {node}", join(&ports(other)))).of(of),
        );
    }
    vec![finding
        .advise("Free the port (look which pod of the same node asks for it: kubectl get pods -A -o jsonpath with .spec.containers[*].ports[*].hostPort), or ask for another hostPort.")
        .advise("Where a Service, an ingress or a load balancer can serve it, leave hostPort out: it ties a pod to nodes on which the port is free, one pod a node.")]
}

/// Other pods that are placed and have one of the ports.
fn holders<'a>(case: &Case<'a>, wanted: &'a [u16]) -> impl Iterator<Item = &'a Pod> {
    let own = case.pod.uid.as_str();
    let placed = case.cluster.pods.iter().filter(move |p| p.uid != own && p.node.is_some() && p.phase != "Succeeded");
    placed.filter(move |p| ports(p).iter().any(|port| wanted.contains(port))).take(3)
}

fn ports(pod: &Pod) -> Vec<u16> {
    let of = |c: &Container| c.ports.iter().filter_map(|p| p.host).collect::<Vec<u16>>();
    let mut all: Vec<u16> = pod.containers.iter().flat_map(of).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn join(ports: &[u16]) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use crate::diagnose::facts::{Condition, Port};
    use crate::diagnose::testing::World;
    use crate::diagnose::{Confidence, Reason};
    use crate::watch::detect::{self, Policy};

    fn world(message: &str) -> World {
        World::new().waiting("", "").with(|w| {
            w.pod().node = None;
            w.pod().created = Some(crate::diagnose::testing::at(-300));
            w.container().ports = vec![Port { number: 80, host: Some(80), ..Port::default() }];
            w.pod().conditions = vec![Condition {
                kind: "PodScheduled".into(),
                status: "False".into(),
                reason: Some("Unschedulable".into()),
                message: Some(message.into()),
                ..Condition::default()
            }];
        })
    }

    #[test]
    fn a_host_port_that_is_taken_everywhere() {
        let free = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.";
        let world = world(free).with(|w| {
            let mut other = w.cluster.pods[0].clone();
            (other.uid, other.name, other.node) = ("p-2".into(), "traefik-1".into(), Some("node-1".into()));
            w.cluster.pods.push(other);
        });
        let found = world.diagnose();
        assert_eq!((found.reason, found.confidence), (Reason::PortConflict, Confidence::Certain));
        assert!(found.evidence.iter().any(|e| e.object.contains("traefik-1")), "{:?}", found.evidence);
        let pod = &world.cluster.pods[0];
        assert_eq!(detect::notice(pod, &world.cluster, world.now, &Policy::default()).len(), 1);
    }

    #[test]
    fn room_that_may_come_is_no_conflict() {
        let mixed = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't have free ports for the requested pod ports.";
        let world = world(mixed);
        let pod = &world.cluster.pods[0];
        assert!(detect::notice(pod, &world.cluster, world.now, &Policy::default()).is_empty());
    }
}
