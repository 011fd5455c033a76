//! Claims of a pod that may be stuck. What is behind them (volumes, classes, attachments) the engine asks for itself.

use super::{Kind, Reader};
use crate::diagnose::facts::{Pod, VolumeSource};
use crate::diagnose::wants::Want;
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
    for name in claim_names(pod).take(MAX_CLAIMS) {
        if into.cluster_mut().claim(&pod.namespace, name).is_some() {
            continue;
        }
        match reader.get(Kind::Claim, Some(&pod.namespace), name).await {
            Ok(claim) => drop(into.add_object(claim, "claim")),
            // Asked for and not here: it does not exist.
            Err(miss) if miss.is_absence() => {
                let want =
                    Want::Object { kind: "PersistentVolumeClaim", namespace: pod.namespace.clone(), name: name.into() };
                into.cluster_mut().listed.push(want.key());
            }
            Err(miss) => into.add_gap(super::gap("PersistentVolumeClaim", format!("{}/{name}", pod.namespace), miss)),
        }
    }
}
