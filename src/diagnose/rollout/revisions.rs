//! The revisions of a workload: which one the crashing pod is of, which came before, and how those fare.
//!
//! A Deployment's (Argo Rollout's) revisions are its ReplicaSets, a StatefulSet's or DaemonSet's its ControllerRevisions.

use crate::diagnose::Case;
use crate::diagnose::facts::{ContainerKind, Pod, Timestamp, WorkloadFacts};

/// The crashing pod's revision and those of the same workload.
pub struct Revisions<'a> {
    /// The pod's own.
    pub current: &'a WorkloadFacts,
    /// Those before, newest first.
    pub earlier: Vec<&'a WorkloadFacts>,
    /// The newest one, where it is not the pod's own.
    pub superseded_by: Option<&'a WorkloadFacts>,
}

/// How a revision fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It has ready pods, in words: `2 ready pods`.
    Serving(String),
    /// It has pods, none ready.
    Failing,
    /// It has no pods any more, as far as can be told.
    Gone,
}

/// The kind of the objects that hold the revisions of a pod's controller.
pub fn kind(pod: &Pod) -> Option<&'static str> {
    match pod.controller.as_ref()?.kind.as_str() {
        "ReplicaSet" => Some("ReplicaSet"),
        "ReplicationController" => Some("ReplicationController"),
        "StatefulSet" | "DaemonSet" => Some("ControllerRevision"),
        _ => None,
    }
}

/// The facts of the pod's own revision, where they are at hand. Of two readings of one object the later one counts.
pub fn current<'a>(case: &Case<'a>) -> Option<&'a WorkloadFacts> {
    let kind = kind(case.pod)?;
    case.cluster.workloads.iter().rev().find(|w| w.workload.kind == kind && holds(w, case.pod))
}

/// All that is known of the revisions; `None` where the pod's own is not.
pub fn of<'a>(case: &Case<'a>) -> Option<Revisions<'a>> {
    let current = current(case)?;
    let owner = current.controller.as_ref()?;
    let mut all: Vec<&WorkloadFacts> = Vec::new();
    for w in case.cluster.workloads.iter().rev() {
        let of_owner = w.controller.as_ref().is_some_and(|o| (&o.kind, &o.name) == (&owner.kind, &owner.name));
        let fresh = all.iter().all(|k| k.workload.name != w.workload.name);
        if w.namespace == current.namespace && w.workload.kind == current.workload.kind && of_owner && fresh {
            all.push(w);
        }
    }
    all.sort_by_key(|w| std::cmp::Reverse(age(w)));
    let superseded_by = all.first().copied().filter(|w| age(w) > age(current));
    all.retain(|w| age(w) < age(current));
    Some(Revisions { current, earlier: all, superseded_by })
}

/// Order of revisions: by number; by creation where they have none.
fn age(w: &WorkloadFacts) -> (Option<i64>, Option<Timestamp>) {
    (w.revision, w.created)
}

/// Whether a pod is of this revision.
fn holds(w: &WorkloadFacts, pod: &Pod) -> bool {
    let Some(controller) = pod.controller.as_ref().filter(|_| pod.namespace == w.namespace) else { return false };
    if w.workload.kind != "ControllerRevision" {
        return controller.kind == w.workload.kind && controller.name == w.workload.name;
    }
    let same_owner = w.controller.as_ref().is_some_and(|o| (&o.kind, &o.name) == (&controller.kind, &controller.name));
    // A DaemonSet's pods carry the hash, a StatefulSet's the revision's name.
    same_owner && pod.revision.as_ref().is_some_and(|r| *r == w.workload.name || w.template_hash.as_ref() == Some(r))
}

/// Known pods of a revision that are not being deleted.
pub fn pods<'a>(case: &Case<'a>, w: &'a WorkloadFacts) -> impl Iterator<Item = &'a Pod> {
    case.cluster.pods.iter().filter(move |p| p.deleting.is_none() && holds(w, p))
}

/// All regular containers are ready.
pub fn is_ready(pod: &Pod) -> bool {
    let mut regular = pod.containers.iter().filter(|c| c.kind == ContainerKind::Regular).peekable();
    regular.peek().is_some() && regular.all(|c| c.status.ready)
}

/// How an earlier revision fares.
pub fn health(case: &Case, revisions: &Revisions, w: &WorkloadFacts) -> Health {
    let plural = |n: u32| if n == 1 { "1 ready pod".to_owned() } else { format!("{n} ready pods") };
    match (w.ready, w.replicas) {
        (Some(n), _) if n > 0 => return Health::Serving(plural(n)),
        (Some(_), Some(wanted)) if wanted > 0 => return Health::Failing,
        _ => {}
    }
    let (mut known, mut ready) = (0, 0);
    for pod in pods(case, w) {
        known += 1;
        ready += u32::from(is_ready(pod));
    }
    match (known, ready) {
        (_, n) if n > 0 => Health::Serving(plural(n)),
        (n, _) if n > 0 => Health::Failing,
        _ => match by_counts(case, revisions, w) {
            Some(n) => Health::Serving(format!("at least {}", plural(n))),
            None => Health::Gone,
        },
    }
}

/// From the counts of a StatefulSet or DaemonSet in mid rollout: of the pods that are ready, at most all updated ones but this
/// one are of the new revision.
fn by_counts(case: &Case, revisions: &Revisions, w: &WorkloadFacts) -> Option<u32> {
    let owner = w.controller.as_ref().filter(|_| w.workload.kind == "ControllerRevision")?;
    let before = revisions.earlier.first()?.workload.name == w.workload.name && revisions.superseded_by.is_none();
    let owns = |o: &&WorkloadFacts| {
        (&o.workload.kind, &o.workload.name) == (&owner.kind, &owner.name) && o.namespace == w.namespace
    };
    let set = case.cluster.workloads.iter().rev().find(owns).filter(|_| before)?;
    let (ready, updated, replicas) = (set.ready?, set.updated?, set.replicas?);
    Some(ready.saturating_sub(updated.saturating_sub(1)).min(replicas.saturating_sub(updated))).filter(|n| *n > 0)
}

/// When the pods of the current revision began to be made. The object of a revision that was rolled back to is older than that.
pub fn began(case: &Case, revisions: &Revisions) -> Option<Timestamp> {
    let current = revisions.current;
    let reused = revisions.earlier.iter().any(|w| w.created > current.created);
    if reused {
        return pods(case, current).chain([case.pod]).filter_map(|p| p.created).min();
    }
    current.created
}

/// `revision 7`, or its object where it has no number.
pub fn called(w: &WorkloadFacts) -> String {
    w.revision.map_or_else(|| format!("{} {}", w.workload.kind, w.workload.name), |n| format!("revision {n}"))
}
