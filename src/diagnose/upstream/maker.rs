//! A Secret or ConfigMap that is missing, or without what is looked for in it, and who was to fill it: charts have a Job or a
//! controller for webhook certificates and the like, which is given the name of what it makes. Where that did not get so far, it
//! is what has to be mended.

use std::collections::BTreeMap;

use super::super::causes::said::config_file;
use super::super::facts::{Container, Pod};
use super::super::wants::Want;
use super::{Case, Diagnosis, Fault, Reason, Remedy, RootCause, Search, pod};

/// Words of a command that makes something.
const MAKES: &[&str] = &["create", "generate", "gen", "init", "issue", "bootstrap", "apply"];

/// What is wrong with who makes the object that `diagnosis` misses.
pub(super) fn fault(search: &Search, case: &Case, diagnosis: &Diagnosis) -> Option<Fault> {
    let missing = missing(case, diagnosis)?;
    search.ask(Want::Labelled { kind: "Pod", namespace: missing.namespace.clone(), labels: BTreeMap::new() });
    let mut makers: Vec<&Pod> = search.cluster.pods.iter().filter(|p| is_maker(search, p, &missing)).collect();
    makers.sort_by_key(|p| (!is_job(p), !says_so(p), p.name.clone()));
    let (maker, mut fault) = makers.into_iter().find_map(|p| {
        let fault = pod::fault(search, p)?;
        (is_job(p) || !waits_too(&fault, &missing)).then_some((p, fault))
    })?;
    if fault.root.kind == missing.kind && fault.root.name == missing.name {
        return None;
    }
    let (kind, name) = (&maker.workload.kind, &maker.workload.name);
    let lead = if is_job(maker) {
        format!("{kind} {name} was to make it")
    } else {
        format!("{kind} {name}, whose arguments name {} {}, seems to be what fills it", missing.kind, missing.name)
    };
    fault.sentence = format!("{lead}: {}", fault.sentence);
    if diagnosis.reason == Reason::ConfigFileNotFound {
        fault.advice.push(Remedy::text(format!(
            "Do not add the key to {} {} by hand where {kind} {name} writes it: that one makes what fits together (key, certificate, authority), and does so once it works.",
            missing.kind, missing.name
        )));
    }
    Some(fault)
}

/// The object that is not there, or lacks something.
fn missing(case: &Case, diagnosis: &Diagnosis) -> Option<RootCause> {
    match diagnosis.reason {
        Reason::SecretNotFound | Reason::ConfigMapNotFound => diagnosis.root_cause.clone(),
        Reason::ConfigFileNotFound => diagnosis.root_cause.clone().or_else(|| config_file::mounted(case)),
        _ => None,
    }
}

fn is_job(pod: &Pod) -> bool {
    matches!(pod.workload.kind.as_str(), "Job" | "CronJob")
}

/// A pod whose command names the object: of a Job that has not done its work, or of another workload that is told of it by a
/// flag for such names (`--secret-name=`), and does not mount it, so that it cannot be waiting for it as well.
fn is_maker(search: &Search, pod: &Pod, missing: &RootCause) -> bool {
    let is_name = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.').any(|w| w == missing.name)
    };
    if pod.namespace != missing.namespace || pod.phase == "Succeeded" {
        return false;
    }
    if is_job(pod) {
        return pod.containers.iter().any(|c| c.command_line().any(is_name));
    }
    pod.workload != search.asker().workload
        && pod.containers.iter().any(|c| is_told(c, &missing.kind, &is_name))
        && pod
            .volumes
            .iter()
            .filter_map(|v| v.source.keyed())
            .all(|(kind, s)| kind != missing.kind || s.name != missing.name)
}

/// `--secret-name=web-tls`, `--secret-name web-tls`: the flag says what kind of object it is that the program works on.
fn is_told(container: &Container, kind: &str, is_name: &dyn Fn(&str) -> bool) -> bool {
    let kind = kind.to_lowercase();
    let is_flag = |flag: &str| {
        let flag = flag.to_lowercase().replace(['-', '_'], "");
        flag.ends_with(&kind) || flag.ends_with(&format!("{kind}name"))
    };
    let words: Vec<&str> = container.command_line().collect();
    let joined = words.iter().filter_map(|w| w.split_once('=')).any(|(flag, value)| is_flag(flag) && is_name(value));
    let apart = words.windows(2).any(|w| w[0].starts_with('-') && is_flag(w[0]) && is_name(w[1]));
    joined || apart
}

/// It fails for the same reason: it reads the object as well, and does not find it.
fn waits_too(fault: &Fault, missing: &RootCause) -> bool {
    let named = |text: &str| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.')
            .any(|w| w.trim_matches('.') == missing.name)
    };
    let absent =
        ["not found", "no such", "not exist", "missing", "not there"].iter().any(|w| fault.sentence.contains(w));
    fault.root.name == missing.name || (absent && named(&fault.sentence))
}

fn says_so(pod: &Pod) -> bool {
    pod.containers
        .iter()
        .flat_map(Container::command_line)
        .flat_map(|word| word.split(|c: char| !c.is_ascii_alphanumeric()))
        .any(|w| MAKES.contains(&w))
}
