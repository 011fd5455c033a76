//! StorageClassNotFound: the claim names a class that the cluster does not have.
//!
//! The volume controller looks for the class before it provisions and says `storageclass.storage.k8s.io "x" not found`
//! (ProvisioningFailed). Static volumes may use a class name that no StorageClass object has: then the volumes do not fit.

use super::{about, root, told};
use crate::diagnose::facts::{Claim, Event};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, near};

/// The class does not exist, by the claim's events or by the list of classes.
pub(super) fn missing(case: &Case, claim: &Claim, events: &[&Event]) -> Option<Finding> {
    let wanted = claim.class.as_deref().filter(|c| !c.is_empty())?;
    let cluster = case.cluster;
    let exists = cluster.storage_classes.iter().any(|c| c.name == wanted);
    let is_static = cluster.volumes.iter().any(|v| v.class.as_deref() == Some(wanted));
    let said = events.iter().find(|e| {
        let lower = e.message.to_lowercase();
        lower.contains("storageclass") && lower.contains(&format!("\"{}\" not found", wanted.to_lowercase()))
    });
    if exists || is_static || (said.is_none() && !cluster.complete("StorageClass", None)) {
        return None;
    }
    let name = &claim.name;
    let text = format!(
        "{} cannot start: PersistentVolumeClaim {name} asks for StorageClass \"{wanted}\", which does not exist.",
        case.container.name
    );
    let why = format!("it asks for StorageClass \"{wanted}\", which does not exist");
    let mut finding = Finding::new(Reason::StorageClassNotFound, Confidence::Certain, Basis::Stated, text)
        .blame(root(case, name, why));
    match said {
        Some(e) => finding.evidence.push(told(case, name, e)),
        None => finding.evidence.push(about(case, name, format!("claim {name} has storageClassName {wanted}"))),
    }
    Some(advise(case, finding, wanted, name))
}

fn advise(case: &Case, mut finding: Finding, wanted: &str, claim: &str) -> Finding {
    let classes = &case.cluster.storage_classes;
    let names: Vec<&str> = classes.iter().map(|c| c.name.as_str()).collect();
    if !names.is_empty() {
        let listed: Vec<String> =
            classes.iter().map(|c| if c.default { format!("{} (default)", c.name) } else { c.name.clone() }).collect();
        finding.evidence.push(Evidence::new(Source::Volume, format!("there are the classes {}", listed.join(", "))));
    }
    let near = near::hint(wanted, &names);
    let default = classes.iter().find(|c| c.default);
    let default =
        default.map_or_else(String::new, |c| format!(" Without storageClassName it gets the default, {}.", c.name));
    finding
        .advise_command(
            format!("Name a class that exists, or create \"{wanted}\" (a CSI driver's chart usually brings its classes).{near}{default}"),
            "kubectl get storageclass",
        )
        .advise_command(
            "The class of a claim cannot be changed afterwards: nothing was bound, so delete the claim and apply it anew.",
            format!("kubectl -n {} delete pvc {claim}", case.pod.namespace),
        )
}
