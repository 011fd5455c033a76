//! VolumeAttachConflict: the volume is in use by another node or pod.
//!
//! Words of the attach-detach controller (FailedAttachVolume): `Multi-Attach error for volume "x" Volume is already used by
//! pod(s) a, b`, `… Volume is already exclusively attached to one node and can't be attached to another`; of drivers and clouds
//! behind `AttachVolume.Attach failed`: `already attached to`, `is in use`, `RESOURCE_IN_USE_BY_ANOTHER_RESOURCE`; of the scheduler:
//! `node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod`,
//! `node(s) had no available disk`.

use std::sync::LazyLock;

use regex::Regex;

use super::{about, bound_volume, scheduler, used};
use crate::diagnose::facts::{Pod, State, VolumeSource};
use crate::diagnose::stated::{self, Said};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, RootCause, Source};

/// What says that somebody else has it, in lower case.
const IN_USE: &[&str] = &[
    "multi-attach error",
    "already exclusively attached",
    "volume is already used by",
    "readwriteoncepod access mode already in-use",
    "already attached to a",
    "already attached to node",
    "already attached to instance",
    "already attached to server",
    "already attached to vm",
    "already being used by",
    "attached to other node",
    "attached to a different",
    "currently attached to",
    "is attached to more than one",
    "resource_in_use_by_another_resource",
    "volumeinuse",
    "still being used",
    "no available disk",
    "is in use by another",
    "uses volume and pod readwriteoncepod",
];

static BY_PODS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"already used by pod\(s\) (.+?)(?: and \d+ pod|$)").ok());
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"volume "([^"]+)""#).ok());

/// Who holds it.
enum Holder<'a> {
    /// A pod that was read.
    Pod(&'a Pod),
    /// Pods by name only.
    Names(Vec<&'a str>),
    /// A node, by an attachment.
    Node(&'a str),
    /// Not known.
    Nobody,
}

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    conflict(case).map(|said| vec![finding(case, &said)]).unwrap_or_default()
}

/// What is said of a conflict that lasts.
pub(super) fn conflict<'a>(case: &Case<'a>) -> Option<Said<'a>> {
    let mut said = scheduler(case);
    said.extend(stated::on_stuck_pod(case, &["FailedAttachVolume", "FailedMount", "FailedMapVolume"]));
    said.into_iter().find(|s| is_conflict(s.text) && !was_attached_since(case, s))
}

pub(super) fn is_conflict(text: &str) -> bool {
    let lower = text.to_lowercase();
    IN_USE.iter().any(|w| lower.contains(w))
}

/// The names of pods in the message.
pub(super) fn pods_in(text: &str) -> Vec<&str> {
    let list = BY_PODS.as_ref().and_then(|r| r.captures(text)).and_then(|c| c.get(1)).map_or("", |m| m.as_str());
    list.split([',', ' ']).map(|p| p.trim_end_matches('.')).filter(|p| !p.is_empty()).collect()
}

fn volume_in(text: &str) -> Option<&str> {
    Some(NAME.as_ref()?.captures(text)?.get(1)?.as_str())
}

fn was_attached_since(case: &Case, said: &Said) -> bool {
    let Some(volume) = volume_in(said.text) else { return false };
    case.pod_events().any(|e| e.reason == "SuccessfulAttachVolume" && e.last > said.time && e.message.contains(volume))
}

/// The claim behind the volume of the message: the one bound to it, else the pod's only one.
fn claim<'a>(case: &Case<'a>, text: &str) -> Option<&'a str> {
    let all = used(case);
    let volume = volume_in(text);
    let bound = all.iter().find(|u| volume.is_some() && u.facts.and_then(|c| c.volume.as_deref()) == volume);
    bound.or(if all.len() == 1 { all.first() } else { None }).map(|u| u.name)
}

fn holder<'a>(case: &Case<'a>, said: &Said<'a>, claim: Option<&str>) -> Holder<'a> {
    let (cluster, me) = (case.cluster, case.pod);
    let named = pods_in(said.text);
    if let Some(pod) = named.iter().find_map(|n| cluster.pod(&me.namespace, n)) {
        return Holder::Pod(pod);
    }
    if !named.is_empty() {
        return Holder::Names(named);
    }
    let uses = |p: &&Pod| {
        let by_claim = |s: &VolumeSource| matches!(s, VolumeSource::Claim { name, .. } if Some(name.as_str()) == claim);
        p.uid != me.uid
            && p.namespace == me.namespace
            && p.node.is_some()
            && !matches!(p.phase.as_str(), "Succeeded" | "Failed")
            && p.volumes.iter().any(|v| by_claim(&v.source))
    };
    let others: Vec<&Pod> = cluster.pods.iter().filter(uses).collect();
    let runs = |p: &&&Pod| p.containers.iter().any(|c| matches!(c.status.state, State::Running { .. }));
    if let Some(pod) = others.iter().find(runs).or(others.first()) {
        return Holder::Pod(pod);
    }
    let volume = claim.and_then(|c| cluster.claim(&me.namespace, c)?.volume.as_deref()).or(volume_in(said.text));
    let attached = cluster.attachments.iter().find(|a| a.attached && Some(a.volume.as_str()) == volume);
    match attached.filter(|a| Some(&a.node) != me.node.as_ref()) {
        Some(a) => Holder::Node(&a.node),
        None => Holder::Nobody,
    }
}

fn finding(case: &Case, said: &Said) -> Finding {
    let claim = claim(case, said.text);
    let holder = holder(case, said, claim);
    let what = claim.map_or_else(|| "its volume".to_owned(), |c| format!("the volume of PersistentVolumeClaim {c}"));
    let by = match &holder {
        Holder::Pod(p) => match &p.node {
            Some(n) => format!("pod {} on node {n}", p.name),
            None => format!("pod {}", p.name),
        },
        Holder::Names(names) => format!("pod {}", names.join(", ")),
        Holder::Node(n) => format!("node {n}"),
        Holder::Nobody if said.text.contains("ReadWriteOncePod") => "another pod".to_owned(),
        Holder::Nobody => "another node".to_owned(),
    };
    let text = format!("{} cannot start: {what} is in use by {by}.", case.container.name);
    let mut finding = Finding::new(Reason::VolumeAttachConflict, Confidence::Likely, Basis::Stated, text);
    if is_said_outright(said.text) {
        finding.confidence = Confidence::Certain;
    }
    finding.evidence.push(said.evidence());
    if let Some(facts) = claim.and_then(|c| case.cluster.claim(&case.pod.namespace, c)) {
        let volume = bound_volume(case, facts).map_or("", |v| v.source.as_str());
        let detail = format!("claim {} is {} {volume}", facts.name, facts.access_modes.join("+"));
        finding.evidence.push(about(case, &facts.name, detail.trim_end()));
    }
    blame(case, &holder, advise(case, &holder, finding))
}

/// The controller's and scheduler's own check, not a driver's error text.
fn is_said_outright(text: &str) -> bool {
    text.contains("Multi-Attach error") || text.contains("ReadWriteOncePod access mode already in-use")
}

fn blame(case: &Case, holder: &Holder, mut finding: Finding) -> Finding {
    match holder {
        Holder::Pod(pod) => {
            let state = if pod.deleting.is_some() { "it is being deleted and still holds" } else { "it uses" };
            finding.evidence.push(
                Evidence::new(Source::Volume, format!("{state} the volume, phase {}", pod.phase))
                    .of(format!("pod {}/{}", pod.namespace, pod.name)),
            );
            finding.blame(RootCause {
                api_version: "v1".into(),
                kind: "Pod".into(),
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                workload: Some(pod.workload.clone()).filter(|w| w.kind != "Pod" && !w.name.is_empty()),
                summary: format!("{state} the volume"),
            })
        }
        Holder::Node(name) => {
            let node = case.cluster.node(name);
            let ready = node.and_then(|n| n.conditions.iter().find(|c| c.kind == "Ready"));
            let lost = ready.is_some_and(|c| c.status != "True");
            let state = if lost {
                "it does not answer, and the volume is still attached to it"
            } else {
                "the volume is attached to it"
            };
            finding.evidence.push(Evidence::new(Source::Volume, state).of(format!("node {name}")));
            finding.blame(RootCause {
                api_version: "v1".into(),
                kind: "Node".into(),
                name: (*name).to_owned(),
                summary: state.into(),
                ..RootCause::default()
            })
        }
        Holder::Names(_) | Holder::Nobody => finding,
    }
}

fn advise(case: &Case, holder: &Holder, finding: Finding) -> Finding {
    let ns = &case.pod.namespace;
    let workload = &case.pod.workload;
    let same = matches!(holder, Holder::Pod(p) if p.workload == *workload)
        || matches!(holder, Holder::Names(n) if n.iter().any(|n| n.starts_with(&format!("{}-", workload.name))));
    let finding = if workload.kind == "Deployment" && (same || matches!(holder, Holder::Nobody)) {
        finding.advise_command(
            "A rolling update starts the new pod before the old one ends, which such a volume does not allow: end the old one first (and run one replica).",
            format!(
                r#"kubectl -n {ns} patch deployment/{} -p '{{"spec":{{"strategy":{{"type":"Recreate","rollingUpdate":null}}}}}}'"#,
                workload.name
            ),
        )
    } else {
        finding
    };
    let finding = match holder {
        Holder::Pod(p) => finding.advise_command(
            "See whether that pod still needs the volume; it is released when the pod ends.",
            format!("kubectl -n {ns} describe pod {}", p.name),
        ),
        Holder::Node(n) => finding.advise_command(
            "If that node is gone for good, delete it, or taint it out-of-service, so that the volume is detached at once (else after about six minutes):",
            format!("kubectl taint node {n} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"),
        ),
        _ => finding.advise_command("See who holds it.", "kubectl get volumeattachments"),
    };
    finding.advise("For several pods at once use storage with ReadWriteMany, or a StatefulSet with a claim for each.")
}
