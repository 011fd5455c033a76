//! NoMatchingVolume: nothing provisions a volume for the claim, and none of the existing ones fits.
//!
//! Words: Normal `FailedBinding` `no persistent volumes available for this claim and no storage class is set`; Warning
//! `FailedBinding` `volume "x" already bound to a different claim.`; Warning `VolumeMismatch` `Cannot bind to requested volume
//! "x": requested PV is too small`; scheduler: `node(s) didn't find available persistent volumes to bind`, `node(s) had volume
//! node affinity conflict`, `node(s) had no available volume zone`. The volumes are compared with the claim as the volume
//! controller does: class, phase, mode, access modes, size.

use super::{about, bound_volume, class_of, root, told, used};
use crate::diagnose::facts::{Claim, Event, Volume};
use crate::diagnose::stated::Said;
use crate::diagnose::words::{bytes, cut};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source};

/// The provisioner of classes that provision nothing.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// What the scheduler says where a bound volume is not where the pod may run.
const ELSEWHERE: &[&str] = &["volume node affinity conflict", "no available volume zone", "volume zone conflict"];

fn finding(case: &Case, claim: &str, why: &str) -> Finding {
    let text = format!("{} cannot start: no volume fits PersistentVolumeClaim {claim}: {why}.", case.container.name);
    Finding::new(Reason::NoMatchingVolume, Confidence::Likely, Basis::Stated, text).blame(root(case, claim, why))
}

/// The volume that it was bound to is gone.
pub(super) fn lost(case: &Case, claim: &Claim) -> Finding {
    let volume = claim.volume.as_deref().unwrap_or("(unknown)");
    let why = format!("it was bound to volume {volume}, which does not exist any more (phase Lost)");
    finding(case, &claim.name, &why)
        .evidence(about(case, &claim.name, format!("claim {} is Lost, volume {volume}", claim.name)))
        .advise("Restore the volume from a backup or, where only the PersistentVolume object is gone, make it again for the same storage; otherwise delete the claim and make it anew.")
}

/// No volume fits and nothing provisions one; `None` where something would.
pub(super) fn none(case: &Case, claim: &Claim, events: &[&Event], said: Option<&Said>) -> Option<Finding> {
    let provisions = class_of(case, claim).map(|c| c.provisioner != NO_PROVISIONER);
    // A claim may have got its class (the default one) later than that event.
    let refused = events.iter().find(|e| is_refusal(e) && (provisions != Some(true) || claim.volume.is_some()));
    let is_static = claim.class.as_deref() == Some("") || provisions == Some(false) || claim.volume.is_some();
    let by_scheduler =
        provisions.is_none() && said.is_some_and(|s| s.text.contains("available persistent volumes to bind"));
    // A class that only static volumes have: nothing will provision for it.
    let shared = claim.class.is_some()
        && provisions.is_none()
        && case.cluster.volumes.iter().any(|v| v.class.is_some() && v.class == claim.class);
    if refused.is_none() && !is_static && !by_scheduler && !shared {
        return None;
    }
    let misfit = misfit(case, claim);
    let why = match (&misfit, refused) {
        (Some((why, _)), _) => why.clone(),
        (None, Some(e)) if !e.message.contains("no storage class is set") => cut(&e.message, 200),
        (None, _) if claim.class.is_none() => no_class(case),
        (None, _) => "none is free for it, and its class provisions none".to_owned(),
    };
    let why = why.trim_end_matches('.');
    let mut finding = finding(case, &claim.name, why);
    finding.evidence.extend(refused.map(|e| told(case, &claim.name, e)));
    finding.evidence.push(about(case, &claim.name, asked(claim)));
    finding.evidence.extend(misfit.into_iter().flat_map(|m| m.1));
    Some(advise(case, claim, finding))
}

fn is_refusal(event: &Event) -> bool {
    match event.reason.as_str() {
        "FailedBinding" | "VolumeMismatch" => true,
        _ => event.message.contains("no volume plugin matched"),
    }
}

fn no_class(case: &Case) -> String {
    let classes = &case.cluster.storage_classes;
    if classes.iter().any(|c| c.default) {
        return "it was made without a class while there was no default one".to_owned();
    }
    let names: Vec<&str> = classes.iter().map(|c| c.name.as_str()).collect();
    if names.is_empty() {
        return "it names no class, and there is no default StorageClass to provision one".to_owned();
    }
    format!("it names no class, and none of the StorageClasses ({}) is the default", names.join(", "))
}

fn asked(claim: &Claim) -> String {
    let class = match claim.class.as_deref() {
        None => "no class set",
        Some("") => "class \"\" (none)",
        Some(c) => c,
    };
    let size = claim.request.map_or_else(|| "?".to_owned(), bytes);
    format!("claim {} asks for {size}, {}, {class}", claim.name, claim.access_modes.join("+"))
}

/// In which way the volumes that there are do not fit, with the nearest of them; `None`: no volume is known, or one would do.
fn misfit(case: &Case, claim: &Claim) -> Option<(String, Vec<Evidence>)> {
    let all: Vec<&Volume> = match claim.volume.as_deref() {
        Some(name) => case.cluster.volumes.iter().filter(|v| v.name == name).collect(),
        None => case.cluster.volumes.iter().collect(),
    };
    if all.is_empty() {
        let complete = case.cluster.complete("PersistentVolume", None);
        let what = claim.volume.as_deref().map_or("there is no PersistentVolume".to_owned(), |v| {
            format!("it asks for volume {v}, which does not exist")
        });
        return (complete && claim.class.is_some()).then(|| (what, Vec::new()));
    }
    let class = claim.class.as_deref().unwrap_or_default();
    let own = format!("{}/{}", claim.namespace, claim.name);
    let same_class = keep(&all, |v| v.class.as_deref().unwrap_or_default() == class);
    let is_free =
        |v: &Volume| v.claim.as_deref() == Some(own.as_str()) || (v.phase == "Available" && v.claim.is_none());
    if same_class.is_empty() {
        let near = all.iter().find(|v| is_free(v) && mismatch(claim, &[**v]).is_none());
        // What others have says nothing of a claim that a default class was to serve.
        let v = near.or(all.first().filter(|_| claim.class.is_some()))?;
        let have = v.class.as_deref().unwrap_or("\"\"");
        let wants = if class.is_empty() { "it has no class".to_owned() } else { format!("it wants class {class}") };
        return Some((format!("{wants}, the existing volume {} has {have}", v.name), shown(&all)));
    }
    // A class was meant to make one, and none of those that there are is the default: that comes before any volume's size.
    let classes = &case.cluster.storage_classes;
    if claim.class.is_none() && !classes.is_empty() && !classes.iter().any(|c| c.default) {
        return None;
    }
    let free = keep(&same_class, is_free);
    if free.is_empty() {
        // The one that would do, were it free; a claim without a class may never have been meant for any of them.
        let wanted = same_class.iter().find(|v| mismatch(claim, &[**v]).is_none());
        let v = wanted.or(same_class.first().filter(|_| claim.class.is_some()))?;
        let holder = v.claim.as_deref().unwrap_or("another claim");
        let why = match v.phase.as_str() {
            "Released" => format!("volume {} is Released and still held for {holder}, a claim that is gone", v.name),
            "Failed" => format!("volume {} has failed", v.name),
            _ => format!("volume {} is taken by {holder}", v.name),
        };
        return Some((why, shown(&same_class)));
    }
    mismatch(claim, &free)
}

fn mismatch(claim: &Claim, free: &[&Volume]) -> Option<(String, Vec<Evidence>)> {
    let mode = keep(free, |v| v.mode == claim.mode);
    if mode.is_empty() {
        return Some((
            format!("it wants volumeMode {}, volume {} is {}", claim.mode, free[0].name, free[0].mode),
            shown(free),
        ));
    }
    let access = keep(&mode, |v| claim.access_modes.iter().all(|m| v.access_modes.contains(m)));
    if access.is_empty() {
        let (wants, has) = (claim.access_modes.join("+"), mode[0].access_modes.join("+"));
        return Some((format!("it wants {wants}, volume {} offers {has}", mode[0].name), shown(&mode)));
    }
    let largest = access.iter().max_by_key(|v| v.capacity)?;
    let (request, capacity) = (claim.request?, largest.capacity?);
    let why = format!(
        "it asks for {}, the largest available volume {} has {}",
        bytes(request),
        largest.name,
        bytes(capacity)
    );
    (capacity < request).then(|| (why, shown(&[*largest])))
}

fn keep<'a>(volumes: &[&'a Volume], fits: impl Fn(&Volume) -> bool) -> Vec<&'a Volume> {
    volumes.iter().copied().filter(|v| fits(v)).collect()
}

fn shown(volumes: &[&Volume]) -> Vec<Evidence> {
    let line = |v: &&Volume| {
        let size = v.capacity.map_or_else(|| "?".to_owned(), bytes);
        let class = v.class.as_deref().filter(|c| !c.is_empty()).unwrap_or("no class");
        let claim = v.claim.as_deref().map_or_else(String::new, |c| format!(", claim {c}"));
        let text = format!("{}: {size}, {}, {class}, {}{claim}", v.name, v.access_modes.join("+"), v.phase);
        Evidence::new(Source::Volume, text).of(format!("persistentvolume {}", v.name))
    };
    volumes.iter().take(3).map(line).collect()
}

fn advise(case: &Case, claim: &Claim, finding: Finding) -> Finding {
    let released = case.cluster.volumes.iter().find(|v| v.phase == "Released" && v.class == claim.class);
    let finding = match released {
        Some(v) => finding.advise_command(
            format!("Volume {} is Released; once its data is saved or not needed, free it for a new claim:", v.name),
            format!(r#"kubectl patch pv {} -p '{{"spec":{{"claimRef":null}}}}'"#, v.name),
        ),
        None => finding,
    };
    let candidate = case.cluster.storage_classes.iter().find(|c| c.provisioner != NO_PROVISIONER);
    let finding = match candidate.filter(|_| claim.class.is_none()) {
        Some(c) => finding.advise_command(
            format!("Set storageClassName: {} in a new claim, or make that class the default:", c.name),
            format!("kubectl annotate storageclass {} storageclass.kubernetes.io/is-default-class=true", c.name),
        ),
        None => finding,
    };
    finding.advise_command(
        "Make a volume with at least that size, all of these access modes and exactly that class, or let a class provision one.",
        "kubectl get pv",
    )
}

/// The claim is bound, but its volume is where the pod cannot go.
pub(super) fn elsewhere(case: &Case, said: &[Said]) -> Option<Finding> {
    let s = said.iter().find(|s| ELSEWHERE.iter().any(|w| s.text.contains(w)))?;
    let tied = |u: &super::Used| u.facts.and_then(|c| Some((c.name.clone(), bound_volume(case, c)?)));
    let (claim, volume) = used(case)
        .iter()
        .filter_map(tied)
        .find(|(_, v)| v.node_affinity.is_some())
        .map_or((None, None), |(c, v)| (Some(c), Some(v)));
    let place = volume.and_then(|v| Some(format!("{} ({})", v.name, v.node_affinity.as_deref()?)));
    let text = format!(
        "{} cannot start: its volume {} can be used only where no node takes the pod.",
        case.container.name,
        place.as_deref().unwrap_or("(already bound)")
    );
    // Other obstacles in the same sentence may be the ones to remove.
    let only = !["Insufficient", "taint", "affinity/selector", "Too many pods"].iter().any(|w| s.text.contains(w));
    let confidence = if only { Confidence::Likely } else { Confidence::Possible };
    let mut finding = Finding::new(Reason::NoMatchingVolume, confidence, Basis::Stated, text)
        .evidence(s.evidence())
        .advise("Let the pod run where the volume is: a node with room in that zone (or that node itself), and no nodeSelector against it.")
        .advise("Or move the data: restore a snapshot into a claim whose class has volumeBindingMode: WaitForFirstConsumer, so that the volume is made where the pod goes.");
    if let Some(p) = place {
        finding.evidence.push(Evidence::new(Source::Volume, format!("volume {p}")));
    }
    let names = used(case);
    let name = claim.as_deref().or(if names.len() == 1 { Some(names[0].name) } else { None });
    if let Some(name) = name {
        finding = finding.blame(root(case, name, "its volume is where the pod cannot run"));
    }
    Some(finding)
}
