//! A Service with nothing behind it: scaled to zero, pods that are refused, a selector that selects nothing, a pod that is not there.

use std::collections::BTreeMap;

use super::super::facts::{Event, Pod, Service, WorkloadFacts};
use super::super::wants::{self, Want};
use super::super::{Remedy, RootCause, Source, near as names, words};
use super::service::{Behind, blamed, endpoints_evidence, of, selects};
use super::{Fault, Search, Way, called, describe, evidence_of, service};

/// No pod stands behind it, as far as known: which workload should be there, or that none is.
pub(super) fn nothing_behind<'a>(search: &Search<'a>, behind: &Behind<'a>) -> Option<Fault> {
    let s = behind.service;
    let empty = behind.endpoints == Some((0, 0)) || behind.complete;
    if let Some(fault) = not_read(search, behind) {
        return Some(fault);
    }
    let workload = workload_of(search, s);
    if workload.is_none() && empty && !s.selector.is_empty() {
        for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
            search.ask(Want::Labelled { kind, namespace: s.namespace.clone(), labels: BTreeMap::new() });
        }
    }
    if let Some(w) = workload.filter(|w| w.replicas == Some(0) && w.workload.kind != "DaemonSet") {
        return Some(scaled_to_zero(search, s, w));
    }
    if !empty {
        return None;
    }
    let name = called(search, "Service", &s.namespace, &s.name);
    if s.selector.is_empty() {
        let advice = vec![Remedy::text(format!(
            "Give Service {} a selector, or EndpointSlices with the addresses that serve it.",
            s.name
        ))];
        return Some(blamed(search, s, "has neither a selector nor endpoints", "no endpoints".into(), advice));
    }
    if let Some(w) = workload.filter(|w| w.workload.kind != "DaemonSet" && w.replicas.is_some_and(|r| r > 0)) {
        return Some(makes_no_pods(search, s, w));
    }
    let selector = wants::selector(&s.selector);
    let what = match workload {
        Some(w) if w.workload.kind == "DaemonSet" => {
            format!("selects no pod ({selector}): DaemonSet {} finds no node for one", w.workload.name)
        }
        _ => format!("selects no pod ({selector})"),
    };
    let advice = vec![Remedy::command(
        match (workload, near(search, s)) {
            (Some(w), _) => format!(
                "Let DaemonSet {} run: check its nodeSelector, affinity and tolerations against the nodes.",
                w.workload.name
            ),
            (None, Some(near)) => format!("Correct the selector of {name}: {near}."),
            (None, None) => format!("Deploy what {name} selects ({selector}), or correct its selector:"),
        },
        format!("kubectl -n {} get pods --show-labels", s.namespace),
    )];
    let what = near(search, s).filter(|_| workload.is_none()).map_or(what.clone(), |near| format!("{what}; {near}"));
    Some(blamed(search, s, &what, format!("selector {selector} matches no pod; no endpoints"), advice))
}

/// Endpoints name pods that were not read.
fn not_read(search: &Search, behind: &Behind) -> Option<Fault> {
    let s = behind.service;
    let (ready, _) = behind.endpoints?;
    let endpoint = s.endpoints.iter().flatten().find(|e| !e.ready && e.pod.is_some()).filter(|_| ready == 0)?;
    let name = endpoint.pod.as_deref()?;
    let what = "is not ready".to_owned();
    let fault = Fault {
        sentence: format!("{} {what}", called(search, "pod", &s.namespace, name)),
        root: RootCause {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: s.namespace.clone(),
            name: name.to_owned(),
            workload: None,
            summary: what,
        },
        evidence: Vec::new(),
        advice: vec![Remedy::command("See why it is not ready:", describe(&s.namespace, "pod", name))],
    };
    let lead = format!("{} has no ready endpoint", called(search, "Service", &s.namespace, &s.name));
    Some(fault.behind(&lead, endpoints_evidence(behind)))
}

/// The workload whose pods the Service would select: the top one, not its ReplicaSets.
fn workload_of<'a>(search: &Search<'a>, s: &Service) -> Option<&'a WorkloadFacts> {
    let fits = |w: &&WorkloadFacts| {
        w.namespace == s.namespace
            && selects(s, &w.pod_labels)
            && !matches!(w.workload.kind.as_str(), "ControllerRevision" | "Job" | "CronJob")
    };
    let all = || search.cluster.workloads.iter().filter(fits);
    all().find(|w| w.controller.is_none()).or_else(|| all().next())
}

fn workload_root(w: &WorkloadFacts, summary: String) -> RootCause {
    RootCause {
        api_version: w.workload.api_version.clone(),
        kind: w.workload.kind.clone(),
        namespace: w.namespace.clone(),
        name: w.workload.name.clone(),
        workload: None,
        summary,
    }
}

fn scaled_to_zero(search: &Search, s: &Service, w: &WorkloadFacts) -> Fault {
    let (kind, name) = (&w.workload.kind, &w.workload.name);
    let who = called(search, kind, &w.namespace, name);
    let service = called(search, "Service", &s.namespace, &s.name);
    Fault {
        sentence: format!("{service} has no endpoint: {who} is scaled to 0 replicas"),
        root: workload_root(w, "is scaled to 0 replicas".into()),
        evidence: vec![
            of(s, "no endpoints"),
            evidence_of(Source::Workload, kind, &w.namespace, name, "spec.replicas: 0"),
        ],
        advice: vec![Remedy::command(
            format!("Scale {kind} {name} up (and see who scaled it down: a person, an autoscaler, a pipeline):"),
            format!("kubectl -n {} scale {}/{name} --replicas=1", w.namespace, kind.to_lowercase()),
        )],
    }
}

/// Wanted replicas, but no pod: a quota, an admission webhook or a missing service account refuses them.
fn makes_no_pods(search: &Search, s: &Service, w: &WorkloadFacts) -> Fault {
    let (kind, name) = (&w.workload.kind, &w.workload.name);
    let wanted = w.replicas.unwrap_or(0);
    let made = |e: &&Event| {
        e.namespace == w.namespace
            && e.reason == "FailedCreate"
            && (e.object == *name || e.object.starts_with(&format!("{name}-")))
    };
    let event = search.cluster.events.iter().rev().find(made);
    let condition = w.conditions.iter().find(|c| c.kind == "ReplicaFailure" && c.status == "True");
    let why = event.map(|e| e.message.as_str()).or(condition.and_then(|c| c.message.as_deref()));
    let reason = why.map_or_else(String::new, |m| format!(": {}", words::cut(m, 200)));
    let what = format!("wants {wanted} replicas, but has no pod{reason}");
    let service = called(search, "Service", &s.namespace, &s.name);
    let mut evidence = vec![of(s, "no endpoints")];
    evidence.extend(event.map(|e| {
        evidence_of(Source::Event, &e.kind, &e.namespace, &e.object, format!("{}: {}", e.reason, e.message)).at(e.last)
    }));
    Fault {
        sentence: format!("{service} has no endpoint: {} {what}", called(search, kind, &w.namespace, name)),
        root: workload_root(w, what),
        evidence,
        advice: vec![Remedy::command(
            format!("See why {kind} {name} makes no pods:"),
            format!(
                "{} && kubectl -n {} get events --field-selector reason=FailedCreate",
                describe(&w.namespace, kind, name),
                w.namespace
            ),
        )],
    }
}

/// Pods that have the selector's keys with other values: what was probably meant.
fn near(search: &Search, s: &Service) -> Option<String> {
    let candidates =
        search.cluster.pods.iter().filter(|p| p.namespace == s.namespace && p.name != search.trail[0].name);
    let mut best: Option<(usize, &Pod, String)> = None;
    for pod in candidates {
        let equal = s.selector.iter().filter(|(k, v)| pod.labels.get(*k) == Some(v)).count();
        let Some((key, wanted)) = s.selector.iter().find(|(k, v)| pod.labels.get(*k) != Some(v)) else { continue };
        let Some(other) = pod.labels.get(key) else { continue };
        let similar = equal > 0 || !names::names(wanted, [other.as_str()]).is_empty() || pod.name.starts_with(&s.name);
        if similar && best.as_ref().is_none_or(|(n, ..)| equal > *n) {
            best = Some((equal, pod, format!("pod {} has {key}={other}, not {key}={wanted}", pod.name)));
        }
    }
    best.map(|(_, _, words)| words).or_else(|| without_label(search, s))
}

/// A pod that is called like the Service, but does not have the selector's label at all: the labels were renamed.
fn without_label(search: &Search, s: &Service) -> Option<String> {
    let like = |p: &&Pod| {
        p.namespace == s.namespace
            && p.name != search.trail[0].name
            && (p.workload.name == s.name || p.labels.iter().any(|(k, v)| *v == s.name && !s.selector.contains_key(k)))
    };
    let pod = search.cluster.pods.iter().find(like)?;
    let (key, wanted) = s.selector.iter().find(|(k, _)| !pod.labels.contains_key(*k))?;
    let same = pod.labels.iter().find(|(_, v)| *v == wanted || **v == s.name);
    let has = same.map_or_else(String::new, |(k, v)| format!(", but {k}={v}"));
    Some(format!("pod {} has no label {key}{has}", pod.name))
}

/// A pod that the program names under a headless Service is not there.
pub(super) fn lacks_pod<'a>(search: &Search<'a>, s: &'a Service, name: &str) -> Option<Fault> {
    let Some(w) = workload_of(search, s).filter(|w| w.workload.kind == "StatefulSet") else {
        search.ask(Want::Labelled { kind: "StatefulSet", namespace: s.namespace.clone(), labels: BTreeMap::new() });
        return service::fault(search, s, None, Way::Connect);
    };
    let ordinal: u32 = name.strip_prefix(&format!("{}-", w.workload.name))?.parse().ok()?;
    let replicas = w.replicas.unwrap_or(1);
    if replicas == 0 {
        return Some(scaled_to_zero(search, s, w));
    }
    if ordinal < replicas {
        return service::fault(search, s, None, Way::Connect);
    }
    let what = format!("has {replicas} replicas: there is no pod {name}");
    Some(Fault {
        sentence: format!("{} {what}", called(search, "StatefulSet", &w.namespace, &w.workload.name)),
        root: workload_root(w, what),
        evidence: vec![evidence_of(
            Source::Workload,
            "StatefulSet",
            &w.namespace,
            &w.workload.name,
            format!("spec.replicas: {replicas}"),
        )],
        advice: vec![Remedy::text(format!(
            "Scale StatefulSet {} up, or take {name} out of the addresses that the program is given.",
            w.workload.name
        ))],
    })
}
