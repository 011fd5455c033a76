//! A collector for tests: it knows a whole world, and reads of it only what the engine asks for.

use std::collections::BTreeMap;

use crate::diagnose::facts::Cluster;
use crate::diagnose::testing::World;
use crate::diagnose::wants::{self, Want};
use crate::diagnose::{self, Case, Diagnosis};

/// Rounds of questions.
const ROUNDS: usize = 5;

fn has(labels: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> bool {
    wanted.iter().all(|(k, v)| labels.get(k) == Some(v))
}

fn add<T: Clone + PartialEq>(from: &[T], into: &mut Vec<T>, wanted: impl Fn(&T) -> bool) {
    for object in from.iter().filter(|o| wanted(o)) {
        if !into.contains(object) {
            into.push(object.clone());
        }
    }
}

/// Answers as an API server does: Services come without their endpoints.
fn answer(truth: &Cluster, want: &Want, known: &mut Cluster) {
    let mut services = truth.services.clone();
    for s in &mut services {
        s.endpoints = None;
    }
    match want {
        Want::Object { kind: "Service", namespace, name } => {
            add(&services, &mut known.services, |s| s.namespace == *namespace && s.name == *name);
        }
        Want::Named { kind: "Service", name } => add(&services, &mut known.services, |s| s.name == *name),
        Want::At { kind: "Service", ip } => add(&services, &mut known.services, |s| s.cluster_ips.contains(ip)),
        Want::Labelled { kind: "Service", namespace, .. } => {
            add(&services, &mut known.services, |s| s.namespace == *namespace);
        }
        Want::At { kind: "Pod", ip } => add(&truth.pods, &mut known.pods, |p| p.ips.contains(ip)),
        Want::Labelled { kind: "Pod", namespace, labels } => {
            add(&truth.pods, &mut known.pods, |p| p.namespace == *namespace && has(&p.labels, labels));
        }
        Want::Object { kind: "Node", name, .. } => add(&truth.nodes, &mut known.nodes, |n| n.name == *name),
        Want::Labelled { kind, namespace, .. } => {
            add(&truth.workloads, &mut known.workloads, |w| w.workload.kind == *kind && w.namespace == *namespace);
        }
        Want::Slices { namespace, service } => {
            let found = truth.services.iter().find(|s| s.namespace == *namespace && s.name == *service);
            for s in known.services.iter_mut().filter(|s| s.namespace == *namespace && s.name == *service) {
                s.endpoints = found.and_then(|f| f.endpoints.clone());
            }
        }
        Want::Events { uid, .. } => add(&truth.events, &mut known.events, |e| e.uid == *uid),
        Want::Log { namespace, pod, container, slot } => add(&truth.logs, &mut known.logs, |l| {
            l.namespace == *namespace && l.pod == *pod && l.container == *container && l.slot == *slot
        }),
        other => panic!("nobody answers {other:?}"),
    }
    known.listed.push(want.key());
}

/// The diagnosis when nothing asks for more, and the keys of what was read.
pub(super) fn diagnose(world: &World) -> (Diagnosis, Vec<String>) {
    let truth = &world.cluster;
    let pod = &truth.pods[0];
    let own = |name: &str| name == pod.name;
    let mut known = Cluster {
        pods: vec![pod.clone()],
        logs: truth.logs.iter().filter(|l| own(&l.pod)).cloned().collect(),
        events: truth.events.iter().filter(|e| e.uid == pod.uid).cloned().collect(),
        ..Cluster::default()
    };
    let mut read = Vec::new();
    for _ in 0..ROUNDS {
        let case = Case::new(&known, pod, &pod.containers[0], world.now);
        let wants = wants::wants(&case, &diagnose::diagnose(&case));
        if wants.is_empty() {
            break;
        }
        for want in wants {
            read.push(want.key());
            answer(truth, &want, &mut known);
        }
    }
    (diagnose::diagnose(&Case::new(&known, pod, &pod.containers[0], world.now)), read)
}
