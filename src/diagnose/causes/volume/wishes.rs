//! What to read about volumes: the claim, its events, its class, the volumes that there are, who holds one.

use std::collections::BTreeMap;

use super::{attach, used};
use crate::diagnose::wants::Want;
use crate::diagnose::{Case, Diagnosis, Reason, stated};

const CLAIM: &str = "PersistentVolumeClaim";

/// Most claims of one pod that are looked at.
const MAX_CLAIMS: usize = 3;

/// What would tell more; nothing where the diagnosis is not about volumes.
pub(in crate::diagnose) fn wants(case: &Case, diagnosis: &Diagnosis) -> Vec<Want> {
    match diagnosis.reason {
        Reason::PvcNotFound => {
            vec![Want::Labelled { kind: CLAIM, namespace: case.pod.namespace.clone(), labels: BTreeMap::new() }]
        }
        Reason::PvcPending | Reason::StorageClassNotFound | Reason::NoMatchingVolume => {
            let mut wants = claims(case);
            wants.extend(unbound(case, diagnosis));
            wants
        }
        Reason::VolumeAttachConflict => holders(case),
        Reason::VolumeMountFailed => claims(case),
        // The scheduler may wait for a claim without a word.
        Reason::Unknown if stated::pod_is_stuck(case) => {
            let mut wants = claims(case);
            wants.truncate(2);
            wants
        }
        _ => Vec::new(),
    }
}

/// The pod's claims that were not read.
fn claims(case: &Case) -> Vec<Want> {
    let unread = used(case).into_iter().filter(|u| u.facts.is_none()).take(MAX_CLAIMS);
    unread.map(|u| Want::Object { kind: CLAIM, namespace: case.pod.namespace.clone(), name: u.name.into() }).collect()
}

/// Of the first claim that is not bound: its events, the classes, and the volumes where none seems to fit.
fn unbound(case: &Case, diagnosis: &Diagnosis) -> Vec<Want> {
    let blamed = diagnosis.root_cause.as_ref().filter(|r| r.kind == CLAIM).map(|r| r.name.as_str());
    let all = used(case);
    let claim = all.iter().filter_map(|u| u.facts).find(|c| blamed.is_none_or(|b| b == c.name));
    let Some(claim) = claim else { return Vec::new() };
    let mut wants = Vec::new();
    if claim.phase == "Bound" {
        let name = claim.volume.clone().filter(|v| case.cluster.volumes.iter().all(|known| known.name != *v));
        wants.extend(name.map(|name| Want::Object { kind: "PersistentVolume", namespace: String::new(), name }));
        return wants;
    }
    if !claim.uid.is_empty() {
        wants.push(Want::Events { namespace: claim.namespace.clone(), uid: claim.uid.clone() });
    }
    wants.push(Want::All { kind: "StorageClass" });
    if matches!(diagnosis.reason, Reason::NoMatchingVolume | Reason::StorageClassNotFound) {
        wants.push(Want::All { kind: "PersistentVolume" });
    }
    wants
}

/// Who holds the volume: the pods that the message names, else attachments and the pods of the namespace.
fn holders(case: &Case) -> Vec<Want> {
    let mut wants = claims(case);
    let namespace = &case.pod.namespace;
    let said = attach::conflict(case);
    let named = said.as_ref().map(|s| attach::pods_in(s.text)).unwrap_or_default();
    let unread = named.iter().filter(|n| case.cluster.pod(namespace, n).is_none()).take(2);
    wants.extend(unread.map(|n| Want::Object { kind: "Pod", namespace: namespace.clone(), name: (*n).into() }));
    if named.is_empty() {
        wants.push(Want::Labelled { kind: "Pod", namespace: namespace.clone(), labels: BTreeMap::new() });
        wants.push(Want::All { kind: "VolumeAttachment" });
    }
    wants
}
