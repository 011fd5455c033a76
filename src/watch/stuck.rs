//! Pods that get no containers: a volume cannot be mounted, the sandbox cannot be made, or the scheduler waits for a claim.

use std::collections::BTreeSet;

use crate::diagnose::facts::{
    Cluster, Container, ContainerKind, Event, Pod, State, Timestamp, VolumeSource, seconds_between,
};

use crate::diagnose::stated;

use super::detect::{Noticed, Policy, Trigger};

/// Events that say why there are no containers yet.
const PROBLEMS: &[&str] = &[
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedCreatePodSandBox",
    "FailedCreatePodContainer",
    "FailedSync",
    "NetworkNotReady",
    "FailedPodSandBoxStatus",
];

/// Seconds without containers and without any event after which something must be wrong (events are kept for an hour).
const SILENT: i64 = 1800;

/// Events that say that things move on.
const PROGRESS: &[&str] = &["Pulling", "Pulled", "Created", "Started", "SuccessfulAttachVolume", "AddedInterface"];

/// The containers to blame of a pod that is stuck; empty where it is not, or not for long enough.
pub fn notice(pod: &Pod, cluster: &Cluster, now: Timestamp, policy: &Policy) -> Vec<Noticed> {
    if !is_waiting(pod) {
        return Vec::new();
    }
    let silent = || {
        let quiet = cluster.events_of_pod(pod).next().is_none();
        let old = pod.start_time.and_then(|s| seconds_between(s, now)).is_some_and(|s| s >= SILENT);
        (quiet && old && pod.phase == "Pending").then(|| (pod.start_time, BTreeSet::new()))
    };
    let found =
        if pod.node.is_some() { no_containers(pod, cluster).or_else(silent) } else { not_scheduled(pod, cluster) };
    let Some((since, volumes)) = found else { return Vec::new() };
    let for_ports = volumes.is_empty() && pod.node.is_none();
    if since.and_then(|s| seconds_between(s, now)).is_some_and(|s| s < policy.stuck_after) {
        return Vec::new();
    }
    let make = |c: &Container| Noticed {
        container: c.name.clone(),
        trigger: Trigger::Stuck,
        crash: format!("{}/{}/stuck", pod.uid, c.name),
        at: since,
    };
    if for_ports {
        return want_taken_ports(pod, cluster).into_iter().map(make).collect();
    }
    blamed(pod, &volumes).into_iter().map(make).collect()
}

/// The containers whose host ports another pod holds; where none is seen to, the main one.
fn want_taken_ports<'a>(pod: &'a Pod, cluster: &Cluster) -> Vec<&'a Container> {
    let placed = || cluster.pods.iter().filter(|p| p.uid != pod.uid && p.node.is_some() && p.phase != "Succeeded");
    let held = |port: u16| placed().any(|p| p.containers.iter().flat_map(|c| &c.ports).any(|o| o.host == Some(port)));
    let taken = |c: &&Container| c.ports.iter().filter_map(|p| p.host).any(held);
    let found: Vec<&Container> = pod.containers.iter().filter(taken).collect();
    if found.is_empty() { main_container(pod).into_iter().collect() } else { found }
}

/// Nothing of the pod runs or ended, and something waits without a reason of its own.
pub fn is_waiting(pod: &Pod) -> bool {
    let waits = |c: &Container| match &c.status.state {
        State::Waiting { reason, .. } => matches!(reason.as_str(), "" | "ContainerCreating" | "PodInitializing"),
        State::Unknown => true,
        _ => false,
    };
    let runs = |c: &Container| matches!(c.status.state, State::Running { .. });
    matches!(pod.phase.as_str(), "Pending" | "Running" | "")
        && pod.containers.iter().any(waits)
        && !pod.containers.iter().any(runs)
}

/// Messages of the kubelet's first seconds, when its caches are not filled yet.
pub fn is_passing(message: &str) -> bool {
    message.contains("failed to sync") && message.contains("cache") || message.contains("not registered")
}

/// The container that stands for its pod: the one its owner named, else the first regular one.
pub fn main_container(pod: &Pod) -> Option<&Container> {
    let named = pod.annotations.get("kubectl.kubernetes.io/default-container").and_then(|n| pod.container(n));
    named
        .or_else(|| pod.containers.iter().find(|c| c.kind == ContainerKind::Regular))
        .or_else(|| pod.containers.first())
}

type Found = (Option<Timestamp>, BTreeSet<String>);

/// A scheduled pod: since when, and because of which volumes (none: the sandbox).
fn no_containers(pod: &Pod, cluster: &Cluster) -> Option<Found> {
    let events: Vec<&Event> = cluster.events_of_pod(pod).collect();
    let moved_on = events.iter().filter(|e| PROGRESS.contains(&e.reason.as_str())).filter_map(|e| e.last).max();
    let standing = |e: &&&Event| {
        PROBLEMS.contains(&e.reason.as_str())
            && !is_passing(&e.message)
            && moved_on.is_none_or(|p| e.last.is_some_and(|t| t > p))
    };
    let problems: Vec<&&Event> = events.iter().filter(standing).collect();
    let newest = problems.last()?;
    let volumes = problems
        .iter()
        .filter(|e| e.reason == newest.reason)
        .flat_map(|e| volumes_of(&e.message, pod, cluster))
        .collect();
    Some((problems.iter().filter_map(|e| e.first).min(), volumes))
}

/// Names of the pod's volumes that a message of the kubelet or attach controller speaks of.
fn volumes_of(message: &str, pod: &Pod, cluster: &Cluster) -> Vec<String> {
    if let Some(list) = message.split("unmounted volumes=[").nth(1).and_then(|r| r.split(']').next()) {
        return list.split([' ', ',']).filter(|v| !v.is_empty()).map(str::to_owned).collect();
    }
    let Some(name) = message.split("volume \"").nth(1).and_then(|r| r.split('"').next()) else { return Vec::new() };
    if pod.volume(name).is_some() {
        return vec![name.to_owned()];
    }
    // The name of a PersistentVolume: which claim is bound to it? Without that claim at hand, any of the pod's.
    let bound = |claim: &str| cluster.claim(&pod.namespace, claim).is_none_or(|c| c.volume.as_deref() == Some(name));
    claims(pod).filter(|(_, claim)| bound(claim)).map(|(volume, _)| volume.to_owned()).collect()
}

/// A pod that the scheduler holds back: only where a claim or a taken host port is the reason, not for want of room.
fn not_scheduled(pod: &Pod, cluster: &Cluster) -> Option<Found> {
    let scheduled = pod.condition("PodScheduled").filter(|c| c.status == "False");
    let events = || cluster.events_of_pod(pod).filter(|e| e.reason == "FailedScheduling");
    let message =
        scheduled.and_then(|c| c.message.as_deref()).or_else(|| events().next_back().map(|e| e.message.as_str()));
    let unbound: BTreeSet<String> = claims(pod)
        .filter(|(_, claim)| cluster.claim(&pod.namespace, claim).is_some_and(|c| c.phase != "Bound"))
        .map(|(volume, _)| volume.to_owned())
        .collect();
    let since = scheduled.and_then(|c| c.since).or_else(|| events().filter_map(|e| e.first).min()).or(pod.created);
    match message {
        Some(m) if is_about_volumes(m) => {
            let named = claims(pod)
                .filter(|(_, c)| m.contains(&format!("\"{c}\"")))
                .map(|(v, _)| v.to_owned())
                .collect::<BTreeSet<_>>();
            let all = || claims(pod).map(|(v, _)| v.to_owned()).collect();
            let volumes = [named, unbound].into_iter().find(|s| !s.is_empty()).unwrap_or_else(all);
            Some((since, volumes))
        }
        Some(m) if stated::lacks_free_ports(m) => Some((since, BTreeSet::new())),
        Some(_) => None,
        // WaitForFirstConsumer: the scheduler has chosen a node and waits for the claim, without a word (kubelet-facts).
        None => (!unbound.is_empty()).then_some((since, unbound)),
    }
}

fn is_about_volumes(message: &str) -> bool {
    const WORDS: &[&str] = &[
        "persistentvolume",
        "persistent volume",
        "volume node affinity conflict",
        "volume zone",
        "max volume count",
        "readwriteoncepod",
        "storageclass",
        "volumebinding",
        "volume binding",
        "binding volumes",
        "available persistent",
        "available disk",
        "free storage",
        "pvc(s)",
        "volumes not supported",
        "not bound",
        "csi driver",
    ];
    let lower = message.to_lowercase();
    WORDS.iter().any(|w| lower.contains(w))
}

/// The pod's volumes that are claims: (volume, claim).
fn claims(pod: &Pod) -> impl Iterator<Item = (&str, &str)> {
    pod.volumes.iter().filter_map(|v| match &v.source {
        VolumeSource::Claim { name, .. } => Some((v.name.as_str(), name.as_str())),
        _ => None,
    })
}

/// The regular containers that mount one of the volumes; where there are none, init containers that do; else the main one.
fn blamed<'a>(pod: &'a Pod, volumes: &BTreeSet<String>) -> Vec<&'a Container> {
    let mounts = |c: &&Container| c.mounts.iter().any(|m| volumes.contains(&m.volume));
    let of = |regular: bool| -> Vec<&Container> {
        pod.containers.iter().filter(|c| (c.kind == ContainerKind::Regular) == regular).filter(mounts).collect()
    };
    // The API token is mounted everywhere and says nothing about any one container.
    let specific = volumes.iter().any(|v| !v.starts_with("kube-api-access-"));
    let found = if specific { [of(true), of(false)].into_iter().find(|l| !l.is_empty()) } else { None };
    found.unwrap_or_else(|| main_container(pod).into_iter().collect())
}
