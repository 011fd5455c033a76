//! Claims of a pod, and the volumes, classes and attachments behind them.

use super::{Kind, Reader};
use crate::diagnose::facts::{Pod, VolumeSource};
use crate::evidence::ClusterBuilder;

/// Most claims read for one pod.
const MAX_CLAIMS: usize = 5;

/// Names of the pod's claims.
pub fn claim_names(pod: &Pod) -> impl Iterator<Item = &str> {
    pod.volumes.iter().filter_map(|v| match &v.source {
        VolumeSource::Claim { name, .. } => Some(name.as_str()),
        _ => None,
    })
}

/// The pod's claims; one that does not exist is simply not there.
pub async fn claims(reader: &Reader, pod: &Pod, into: &mut ClusterBuilder) {
    let mut all_answered = true;
    for name in claim_names(pod).take(MAX_CLAIMS) {
        if into.cluster_mut().claim(&pod.namespace, name).is_some() {
            continue;
        }
        match reader.get(Kind::Claim, Some(&pod.namespace), name).await {
            Ok(claim) => drop(into.add_object(claim, "claim")),
            Err(miss) if miss.is_absence() => {}
            Err(miss) => {
                all_answered = false;
                into.add_gap(super::gap("PersistentVolumeClaim", format!("{}/{name}", pod.namespace), miss));
            }
        }
    }
    // Each claim that the pod names was asked for, so one that is not here does not exist.
    if all_answered {
        into.complete("PersistentVolumeClaim", Some(&pod.namespace));
    }
}
