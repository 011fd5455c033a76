//! A Secret or ConfigMap that is missing, and the Job that was to make it: charts have one for webhook certificates and the
//! like, which is given the name of what it makes. Where it did not get that far, it is what has to be mended.

use std::collections::BTreeMap;

use super::super::facts::{Container, Pod};
use super::super::wants::Want;
use super::{Fault, Reason, RootCause, Search, pod};

/// Words of a command that makes something.
const MAKES: &[&str] = &["create", "generate", "gen", "init", "issue", "bootstrap", "apply"];

/// What is wrong with the Job that makes `missing`.
pub(super) fn fault(search: &Search, reason: Reason, missing: &RootCause) -> Option<Fault> {
    if !matches!(reason, Reason::SecretNotFound | Reason::ConfigMapNotFound) {
        return None;
    }
    search.ask(Want::Labelled { kind: "Pod", namespace: missing.namespace.clone(), labels: BTreeMap::new() });
    let mut makers: Vec<&Pod> = search.cluster.pods.iter().filter(|p| is_maker(p, missing)).collect();
    makers.sort_by_key(|p| (!says_so(p), p.name.clone()));
    let found = makers.into_iter().find_map(|p| Some((p, pod::fault(search, p)?)))?;
    let (maker, mut fault) = found;
    if fault.root.kind == missing.kind && fault.root.name == missing.name {
        return None;
    }
    fault.sentence = format!("{} {} was to make it: {}", maker.workload.kind, maker.workload.name, fault.sentence);
    Some(fault)
}

/// A pod of a Job that has not done its work, and whose command names the object.
fn is_maker(pod: &Pod, missing: &RootCause) -> bool {
    let names = |word: &str| {
        word.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.').any(|w| w == missing.name)
    };
    pod.namespace == missing.namespace
        && matches!(pod.workload.kind.as_str(), "Job" | "CronJob")
        && pod.phase != "Succeeded"
        && pod.containers.iter().any(|c| c.command_line().any(names))
}

fn says_so(pod: &Pod) -> bool {
    pod.containers
        .iter()
        .flat_map(Container::command_line)
        .flat_map(|word| word.split(|c: char| !c.is_ascii_alphanumeric()))
        .any(|w| MAKES.contains(&w))
}
