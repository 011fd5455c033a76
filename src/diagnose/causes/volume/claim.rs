//! Claims that do not exist (PvcNotFound), and the way to the rules for claims that exist and are not bound.
//!
//! Words of the scheduler: `persistentvolumeclaim "x" not found`, `persistentvolumeclaim "x" is being deleted`,
//! `waiting for ephemeral volume controller to create the persistentvolumeclaim "x"`, `pod has unbound immediate
//! PersistentVolumeClaims`, `running PreBind plugin "VolumeBinding": binding volumes: timed out waiting for the condition`,
//! `node(s) didn't find available persistent volumes to bind`, `pvc(s) bound to non-existent pv(s)`,
//! `node(s) did not have enough free storage`. Of the kubelet, for pods placed without the scheduler: `error processing PVC
//! ns/x: failed to fetch PVC from API server: persistentvolumeclaims "x" not found`, `… PVC is not bound`.

use std::sync::LazyLock;

use regex::Regex;

use super::{Used, about, fit, pending, root, scheduler, used};
use crate::diagnose::stated::{self, Said};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, near};

static NOT_FOUND: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)persistentvolumeclaims? "([^"]+)" not found"#).ok());
static DELETED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)persistentvolumeclaim "([^"]+)" is being deleted"#).ok());
static NOT_MADE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:to create the persistentvolumeclaim|pvc) "([^"]+)"(?: was not created for pod|$|\.)"#).ok()
});

/// What is said of a claim that is not bound, in lower case.
const UNBOUND: &[&str] = &[
    "unbound immediate persistentvolumeclaim",
    "unbound persistentvolumeclaim",
    "binding volumes",
    "available persistent volumes to bind",
    "non-existent pv",
    "non-existent persistentvolume",
    "enough free storage",
    "pvc is not bound",
    "persistentvolumeclaim is not bound",
    "non-bound phase",
    "storageclass",
];

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    if !stated::pod_is_stuck(case) || used(case).is_empty() {
        return Vec::new();
    }
    let mut said = scheduler(case);
    said.extend(stated::on_stuck_pod(case, &["FailedMount", "FailedAttachVolume"]));
    if let Some(finding) = said.iter().find_map(|s| not_there(case, s)) {
        return vec![finding];
    }
    let present = said.iter().find(|s| {
        let lower = s.text.to_lowercase();
        let bare = lower.contains("pvc ") && lower.contains("not bound");
        bare || UNBOUND.iter().any(|w| lower.contains(w)) || names(&NOT_FOUND, s.text).is_some()
    });
    match present {
        Some(s) => unbound(case).iter().map(|u| pending::explain(case, u, Some(s))).collect(),
        None if scheduler(case).is_empty() && case.pod.node.is_none() => silent(case),
        None => fit::elsewhere(case, &said).into_iter().collect(),
    }
}

fn names<'t>(pattern: &'static LazyLock<Option<Regex>>, text: &'t str) -> Option<&'t str> {
    Some(pattern.as_ref()?.captures(text)?.get(1)?.as_str())
}

/// The scheduler says nothing at all: with WaitForFirstConsumer it has chosen a node and waits for the claim (kubelet-facts).
/// The claims must be known to be unbound.
fn silent(case: &Case) -> Vec<Finding> {
    let waiting = unbound(case).into_iter().filter(|u| u.facts.is_some());
    waiting.map(|u| pending::explain(case, &u, None)).collect()
}

/// The claims that are not bound, or may not be: those that were read and are not, else those that were not read.
fn unbound<'a>(case: &Case<'a>) -> Vec<Used<'a>> {
    let all = used(case);
    let (known, unread): (Vec<Used>, Vec<Used>) = all.into_iter().partition(|u| u.facts.is_some());
    let known: Vec<Used> = known.into_iter().filter(|u| u.facts.is_some_and(|c| c.phase != "Bound")).collect();
    let mut found = if known.is_empty() { unread } else { known };
    found.truncate(3);
    found
}

/// The claim does not exist; where it does by now, the sentence is old.
fn not_there(case: &Case, said: &Said) -> Option<Finding> {
    let ns = &case.pod.namespace;
    let me = &case.container.name;
    if let Some(name) = names(&NOT_FOUND, said.text) {
        if case.cluster.claim(ns, name).is_some() {
            return None;
        }
        let text = format!("{me} cannot start: PersistentVolumeClaim {name} does not exist in namespace {ns}.");
        return Some(missing(case, name, said, text, "it does not exist"));
    }
    if let Some(name) = names(&DELETED, said.text) {
        let text = format!("{me} cannot start: PersistentVolumeClaim {name} is being deleted.");
        return Some(missing(case, name, said, text, "it is being deleted"));
    }
    let name = names(&NOT_MADE, said.text)?;
    if case.cluster.claim(ns, name).is_some() && !said.text.contains("not created for pod") {
        return None;
    }
    let text = format!(
        "{me} cannot start: the claim {name} of its ephemeral volume was not made{}.",
        if said.text.contains("not owner") { " (a claim of that name belongs to somebody else)" } else { "" }
    );
    Some(missing(case, name, said, text, "the ephemeral volume's claim was not made for this pod"))
}

fn missing(case: &Case, name: &str, said: &Said, text: String, why: &str) -> Finding {
    let ns = &case.pod.namespace;
    let mut finding = Finding::new(Reason::PvcNotFound, Confidence::Certain, Basis::Stated, text)
        .evidence(said.evidence())
        .blame(root(case, name, why));
    if let Some(u) = used(case).iter().find(|u| u.name == name) {
        let detail = format!("claim {name} is wanted by volume {}", u.volume);
        finding = finding.evidence(Evidence::new(Source::PodSpec, detail));
    }
    let elsewhere: Vec<&str> = case
        .cluster
        .claims
        .iter()
        .filter(|c| c.name == name && c.namespace != *ns)
        .map(|c| c.namespace.as_str())
        .collect();
    if let Some(other) = elsewhere.first() {
        finding = finding.evidence(
            Evidence::new(Source::Volume, format!("a claim of that name exists in namespace {other}"))
                .of(format!("persistentvolumeclaim {other}/{name}")),
        );
        finding = finding.advise(format!(
            "Claims live in one namespace, like the pod: make {name} in namespace {ns}; the one in {other} cannot be used from here."
        ));
    }
    let here: Vec<&str> = case.cluster.claims.iter().filter(|c| c.namespace == *ns).map(|c| c.name.as_str()).collect();
    let near = near::hint(name, &here);
    if !here.is_empty() && elsewhere.is_empty() {
        let detail = format!("namespace {ns} has the claims {}", crate::diagnose::words::cut(&here.join(", "), 200));
        finding = finding.evidence(about(case, name, detail));
    }
    finding.advise_command(
        format!("Create the claim, or correct claimName in {}.{near}", case.kubectl_workload()),
        format!("kubectl -n {ns} get pvc"),
    )
}
