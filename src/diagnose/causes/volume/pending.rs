//! PvcPending: the claim exists and is not bound; and which more specific reason its events, class and volumes give.
//!
//! Words of the volume controller and of external provisioners: Normal `WaitForFirstConsumer`, Normal `ExternalProvisioning`
//! (`waiting for a volume to be created, either by external provisioner "x" or manually`), Warning `ProvisioningFailed`,
//! Normal `Provisioning`, Warning `ClaimLost`. A provisioner that does not run leaves no warning at all (kubelet-facts).

use super::{Used, about, class, class_of, events, fit, root, told};
use crate::diagnose::facts::{Claim, Event, StorageClass};
use crate::diagnose::stated::Said;
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Finding, Reason};

/// What a provisioner's error speaks of, in lower case, and what to do.
const ERRORS: &[(&[&str], &str)] = &[
    (
        &["quota", "limitexceeded", "limit exceeded", "resourceexhausted", "resource_exhausted", "insufficient"],
        "A quota or capacity of the storage is used up: free some, raise it, or ask for less.",
    ),
    (
        &["unauthorized", "forbidden", "permission", "accessdenied", "access denied", "not authorized", "credential"],
        "The provisioner's own rights do not suffice: check its service account, role or credentials.",
    ),
    (
        &["topology", "zone", "availability"],
        "No place fits: compare allowedTopologies of the class, the pod's node affinity, and the nodes' zone labels.",
    ),
    (
        &["connection refused", "no such host", "timeout", "timed out", "deadline", "unavailable", "no route"],
        "The provisioner cannot reach its storage backend: check the backend and the network to it.",
    ),
    (
        &["access mode", "accessmode", "multi_node", "not support", "unsupported"],
        "The class cannot make such a volume: check the claim's access modes and volumeMode.",
    ),
    (&["invalid", "unknown parameter", "parameter"], "Correct the class's parameters: its provisioner refuses them."),
];

/// Why this claim is not bound. `said`: what the scheduler or kubelet says, where anything.
pub(super) fn explain(case: &Case, used: &Used, said: Option<&Said>) -> Finding {
    let events = events(case, used);
    let mut finding = match used.facts {
        Some(claim) if claim.phase == "Lost" => fit::lost(case, claim),
        Some(claim) => class::missing(case, claim, &events)
            .or_else(|| fit::none(case, claim, &events, said))
            .unwrap_or_else(|| waiting(case, claim, &events)),
        None => unread(case, used),
    };
    if let Some(s) = said {
        finding.evidence.push(s.evidence());
    }
    finding
}

/// Nothing is known but what the scheduler says.
fn unread(case: &Case, used: &Used) -> Finding {
    let name = used.name;
    Finding::new(
        Reason::PvcPending,
        Confidence::Likely,
        Basis::Stated,
        format!("{} cannot start: PersistentVolumeClaim {name} is not bound to a volume.", case.container.name),
    )
    .blame(root(case, name, "it is not bound"))
    .advise_command(
        "Read the claim's events: they say why no volume is bound.",
        format!("kubectl -n {} describe pvc {name}", case.pod.namespace),
    )
}

fn waiting(case: &Case, claim: &Claim, events: &[&Event]) -> Finding {
    let name = &claim.name;
    let class = class_of(case, claim);
    let failed = events.iter().find(|e| e.warning && e.reason == "ProvisioningFailed");
    let external = events.iter().find(|e| e.reason == "ExternalProvisioning");
    // Where an in-tree provisioner was migrated, the event names the driver that really has to do it.
    let driver = external.and_then(|e| quoted(&e.message));
    let provisioner = driver.or(class.map(|c| c.provisioner.as_str()));
    let past_scheduler = is_past_scheduler(case, class, events);
    let why = match (failed, external, provisioner) {
        _ if past_scheduler => format!(
            "it waits for the scheduler to place its first consumer (WaitForFirstConsumer), but the pod was put on node {} past the scheduler (spec.nodeName)",
            case.pod.node.as_deref().unwrap_or("?")
        ),
        _ if is_unplaced(case, events) => {
            "it waits until the pod is placed on a node (WaitForFirstConsumer), which does not happen".to_owned()
        }
        (Some(e), _, _) => format!("provisioning fails: {}", cut(innermost(&e.message), 240)),
        (None, Some(_), Some(p)) => format!("it waits for the provisioner {p}, which has made no volume"),
        (None, None, Some(p)) => format!("no volume was made for it, and its provisioner {p} says nothing"),
        _ => "no volume was made for it".to_owned(),
    };
    let text = format!(
        "{} cannot start: PersistentVolumeClaim {name} is {}: {why}.",
        case.container.name,
        if claim.phase.is_empty() { "not bound" } else { &claim.phase }
    );
    let mut finding = Finding::new(Reason::PvcPending, Confidence::Likely, Basis::Stated, text);
    let ordered =
        failed.into_iter().chain(external).chain(events.iter().filter(|e| e.reason == "WaitForFirstConsumer"));
    finding.evidence.extend(ordered.take(3).map(|e| told(case, name, e)));
    finding.evidence.push(about(case, name, state(claim, provisioner)));
    if past_scheduler {
        finding = finding.advise("Leave nodeName out and choose the node by nodeSelector kubernetes.io/hostname (or node affinity): only the scheduler binds such a claim.");
        return finding.blame(root(case, name, why));
    }
    if is_unplaced(case, events) {
        finding = finding.advise(
            "Find why no node takes the pod: the scheduler's words tell. Only then is a volume made for the claim.",
        );
        return finding.blame(root(case, name, why));
    }
    advise(case, finding, failed.map(|e| e.message.as_str()), provisioner, name).blame(root(case, name, why))
}

/// The scheduler says that it places the pod nowhere, and the newest that is known of the claim is that it waits for that.
fn is_unplaced(case: &Case, events: &[&Event]) -> bool {
    let waits = events.first().is_some_and(|e| e.reason == "WaitForFirstConsumer");
    let pod = case.pod;
    let refused = pod.condition("PodScheduled").is_some_and(|c| c.status == "False");
    waits && refused && pod.node.is_none() && pod.nominated_node.is_none()
}

/// The scheduler binds such a claim before it places the pod: a pod that has its node while the claim still waits for it came
/// there another way.
fn is_past_scheduler(case: &Case, class: Option<&StorageClass>, events: &[&Event]) -> bool {
    let waits = events
        .first()
        .map_or_else(|| class.is_some_and(|c| c.wait_for_consumer), |e| e.reason == "WaitForFirstConsumer");
    waits && case.pod.node.is_some() && !case.pod_events().any(|e| e.reason == "Scheduled")
}

fn state(claim: &Claim, provisioner: Option<&str>) -> String {
    let class = match claim.class.as_deref() {
        Some("") => "no class (\"\")".to_owned(),
        Some(c) => format!("class {c}"),
        None => "no class set".to_owned(),
    };
    let by = provisioner.map_or_else(String::new, |p| format!(", provisioner {p}"));
    format!("claim {} is {}, {class}{by}", claim.name, claim.phase)
}

fn advise(case: &Case, mut finding: Finding, failed: Option<&str>, provisioner: Option<&str>, name: &str) -> Finding {
    let lower = failed.unwrap_or_default().to_lowercase();
    if let Some((_, advice)) = ERRORS.iter().find(|(words, _)| words.iter().any(|w| lower.contains(w))) {
        finding = finding.advise(*advice);
    }
    if let Some(p) = provisioner.filter(|_| failed.is_none()) {
        finding = finding.advise_command(
            format!("Check that the CSI driver {p} is installed, and that its controller runs and may do its work."),
            "kubectl get csidrivers; kubectl get pods -A | grep -iE 'csi|provision'",
        );
    }
    finding.advise_command(
        "Read the claim's events: they say why no volume is bound.",
        format!("kubectl -n {} describe pvc {name}", case.pod.namespace),
    )
}

/// The provisioner out of `external provisioner "x"` or `'x'`.
fn quoted(message: &str) -> Option<&str> {
    let rest = message.split_once("provisioner ")?.1;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split(quote).next().filter(|p| !p.is_empty())
}

/// `failed to provision volume with StorageClass "x": rpc error: code = Internal desc = <this>`.
fn innermost(message: &str) -> &str {
    let message = message.trim();
    message.split_once(" desc = ").map_or(message, |(_, inner)| inner).trim()
}
