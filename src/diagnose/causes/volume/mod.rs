//! Volumes that keep a pod from starting: claims that do not exist or are not bound, volumes that are in use elsewhere or
//! cannot be mounted.
//!
//! Events are history: a claim that is Bound keeps its warnings. So the claim's phase and the pod's PodScheduled condition
//! decide, and events only explain.

pub mod attach;
pub mod claim;
mod class;
mod driver;
mod fit;
pub mod mount;
mod pending;
#[cfg(test)]
mod tests;
mod wishes;

use super::super::facts::{Claim, Event, StorageClass, Volume, VolumeSource};
use super::super::{Case, Evidence, RootCause, Source, stated};

pub(in crate::diagnose) use wishes::wants;

/// A claim that the pod uses.
#[derive(Clone, Copy)]
struct Used<'a> {
    /// The volume's name in the pod.
    volume: &'a str,
    /// The claim's name.
    name: &'a str,
    /// The claim, where it was read.
    facts: Option<&'a Claim>,
}

/// The pod's claims, in the order of the spec.
fn used<'a>(case: &Case<'a>) -> Vec<Used<'a>> {
    let (pod, cluster) = (case.pod, case.cluster);
    let claims = pod.volumes.iter().filter_map(|v| match &v.source {
        VolumeSource::Claim { name, .. } => Some((v.name.as_str(), name.as_str())),
        _ => None,
    });
    claims.map(|(volume, name)| Used { volume, name, facts: cluster.claim(&pod.namespace, name) }).collect()
}

/// The claim as the object to blame.
fn root(case: &Case, claim: &str, summary: impl Into<String>) -> RootCause {
    RootCause {
        api_version: "v1".into(),
        kind: "PersistentVolumeClaim".into(),
        namespace: case.pod.namespace.clone(),
        name: claim.into(),
        workload: None,
        summary: summary.into(),
    }
}

/// Evidence about a claim of the pod.
fn about(case: &Case, claim: &str, detail: impl Into<String>) -> Evidence {
    Evidence::new(Source::Volume, detail).of(format!("persistentvolumeclaim {}/{claim}", case.pod.namespace))
}

/// What an event of the claim says.
fn told(case: &Case, claim: &str, event: &Event) -> Evidence {
    let times = if event.count > 1 { format!(" ({} times)", event.count) } else { String::new() };
    Evidence::new(Source::Event, format!("{}{times}: {}", event.reason, event.message.trim()))
        .of(format!("persistentvolumeclaim {}/{claim}", case.pod.namespace))
        .at(event.last)
}

/// Events of a claim (of this one, not of a namesake before it), newest first.
fn events<'a>(case: &Case<'a>, claim: &Used<'a>) -> Vec<&'a Event> {
    let uid = claim.facts.map_or("", |c| c.uid.as_str());
    let own = |e: &&Event| uid.is_empty() || e.uid.is_empty() || e.uid == uid;
    let all = case.cluster.events_of("PersistentVolumeClaim", Some(&case.pod.namespace), claim.name);
    all.filter(own).rev().collect()
}

/// The volume behind a bound claim.
fn bound_volume<'a>(case: &Case<'a>, claim: &Claim) -> Option<&'a Volume> {
    let name = claim.volume.as_deref()?;
    case.cluster.volumes.iter().find(|v| v.name == name)
}

/// The class that the claim names.
fn class_of<'a>(case: &Case<'a>, claim: &Claim) -> Option<&'a StorageClass> {
    let name = claim.class.as_deref()?;
    case.cluster.storage_classes.iter().find(|c| c.name == name)
}

/// Why the scheduler holds the pod back *now*, with the event that says the same where there is one.
fn scheduler<'a>(case: &Case<'a>) -> Vec<stated::Said<'a>> {
    if !stated::pod_is_stuck(case) {
        return Vec::new();
    }
    let mut said = stated::by_scheduler(case);
    let Some(first) = said.first().cloned() else { return said };
    let mut seen = false;
    said.retain(|s| !std::mem::replace(&mut seen, true) || s.text == first.text);
    said.truncate(2);
    said
}
