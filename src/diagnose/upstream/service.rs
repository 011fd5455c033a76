//! What is wrong with a Service: no such port, selects nothing, nothing behind it runs, its target port is nobody's.

use super::super::facts::{Pod, Service, WorkloadFacts};
use super::super::{Remedy, RootCause, Source};
use super::dns::service_root;
use super::{Fault, Search, Way, called, describe, evidence_of, pod};

/// What stands behind a Service.
struct Behind<'a> {
    service: &'a Service,
    /// Pods that its selector selects and that may serve.
    pods: Vec<&'a Pod>,
    /// Ready endpoints, all endpoints; `None` where they were not read.
    endpoints: Option<(usize, usize)>,
}

fn selects(service: &Service, labels: &std::collections::BTreeMap<String, String>) -> bool {
    !service.selector.is_empty() && service.selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

/// Whether a Service selects this pod.
pub(super) fn is_of(service: &Service, pod: &Pod) -> bool {
    service.namespace == pod.namespace && selects(service, &pod.labels)
}

fn behind<'a>(search: &Search<'a>, service: &'a Service) -> Behind<'a> {
    let endpoints = service.endpoints.as_ref();
    let named = |p: &Pod| endpoints.into_iter().flatten().any(|e| e.pod.as_deref() == Some(&p.name));
    let selected: Vec<&Pod> = search
        .cluster
        .pods
        .iter()
        .filter(|p| p.namespace == service.namespace && (selects(service, &p.labels) || named(p)))
        .filter(|p| p.phase != "Succeeded")
        .collect();
    // What failed for good serves nobody; it counts only where nothing else is there.
    let live: Vec<&Pod> = selected.iter().copied().filter(|p| p.phase != "Failed").collect();
    let endpoints = endpoints.map(|all| (all.iter().filter(|e| e.ready).count(), all.len()));
    Behind { service, pods: if live.is_empty() { selected } else { live }, endpoints }
}

/// See the module. `port`: what the program asked for.
pub(super) fn fault<'a>(search: &Search<'a>, service: &'a Service, port: Option<u16>, way: Way) -> Option<Fault> {
    if way == Way::Connect
        && let Some(fault) = no_such_port(search, service, port)
    {
        return Some(fault);
    }
    let behind = behind(search, service);
    if behind.pods.is_empty() {
        return nothing_behind(search, &behind);
    }
    // A name resolves whether or not endpoints are ready, unless the Service is headless.
    if way.is_name() && !service.cluster_ips.is_empty() {
        return None;
    }
    let (bad, good): (Vec<&Pod>, Vec<&Pod>) = behind.pods.iter().copied().partition(|p| !pod::was_ready(search, p));
    if bad.is_empty() {
        return if way == Way::Connect { wrong_target(search, service, port, &good) } else { None };
    }
    // A rollout that fails leaves the old revision serving.
    let old_serves = good.iter().any(|g| bad.iter().all(|b| b.revision.is_some() && b.revision != g.revision));
    if old_serves || (way == Way::Answer && !good.is_empty()) {
        return None;
    }
    let fault = pod::worst(search, &bad)?;
    let name = called(search, "Service", &service.namespace, &service.name);
    let lead = if good.is_empty() {
        format!("{name} has no ready endpoint")
    } else {
        format!(
            "{} of {} pods behind {name} {} not ready",
            bad.len(),
            behind.pods.len(),
            if bad.len() == 1 { "is" } else { "are" }
        )
    };
    Some(fault.behind(&lead, endpoints_evidence(&behind)))
}

fn endpoints_evidence(behind: &Behind) -> super::Evidence {
    let s = behind.service;
    let text = match behind.endpoints {
        Some((ready, all)) => format!("{ready} of {all} endpoints ready"),
        None => format!("{} pods behind it", behind.pods.len()),
    };
    of(s, text)
}

fn of(s: &Service, text: impl Into<String>) -> super::Evidence {
    evidence_of(Source::Service, "Service", &s.namespace, &s.name, text)
}

fn blamed(search: &Search, s: &Service, what: &str, detail: String, advice: Vec<Remedy>) -> Fault {
    let name = called(search, "Service", &s.namespace, &s.name);
    Fault {
        sentence: format!("{name} {what}"),
        root: service_root(&s.namespace, &s.name, what.to_owned()),
        evidence: vec![of(s, detail)],
        advice,
    }
}

/// The Service has no port of that number. A headless one has no ports of its own: its names are the pods' addresses.
fn no_such_port(search: &Search, s: &Service, port: Option<u16>) -> Option<Fault> {
    let port = port.filter(|p| !s.cluster_ips.is_empty() && s.ports.iter().all(|own| own.port != *p))?;
    let ports: Vec<String> = s.ports.iter().map(|p| p.port.to_string()).collect();
    if ports.is_empty() {
        return None;
    }
    let has = ports.join(", ");
    let what = format!("does not expose port {port}; it has {has}");
    let advice = vec![Remedy::text(format!(
        "Use port {has} in the address that the program is given, or add port {port} to Service {}.",
        s.name
    ))];
    Some(blamed(search, s, &what, format!("ports: {has}"), advice))
}

fn selector_words(s: &Service) -> String {
    s.selector.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
}

/// No pod stands behind it, as far as known: which workload should be there, or that none is.
fn nothing_behind<'a>(search: &Search<'a>, behind: &Behind<'a>) -> Option<Fault> {
    let s = behind.service;
    let empty = behind.endpoints == Some((0, 0)) || search.cluster.complete("Pod", Some(&s.namespace));
    if let Some(fault) = not_read(search, behind) {
        return Some(fault);
    }
    let workload = workload_of(search, s);
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
    let selector = selector_words(s);
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
    let made = |e: &&super::super::facts::Event| {
        e.namespace == w.namespace
            && e.reason == "FailedCreate"
            && (e.object == *name || e.object.starts_with(&format!("{name}-")))
    };
    let event = search.cluster.events.iter().rev().find(made);
    let condition = w.conditions.iter().find(|c| c.kind == "ReplicaFailure" && c.status == "True");
    let why = event.map(|e| e.message.as_str()).or(condition.and_then(|c| c.message.as_deref()));
    let reason = why.map_or_else(String::new, |m| format!(": {}", super::super::words::cut(m, 200)));
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
        let similar = equal > 0
            || !super::super::near::names(wanted, [other.as_str()]).is_empty()
            || pod.name.starts_with(&s.name);
        if similar && best.as_ref().is_none_or(|(n, ..)| equal > *n) {
            best = Some((equal, pod, format!("pod {} has {key}={other}, not {key}={wanted}", pod.name)));
        }
    }
    best.map(|(_, _, words)| words)
}

/// All pods are ready, but the Service sends to a port that none of them has.
fn wrong_target(search: &Search, s: &Service, port: Option<u16>, pods: &[&Pod]) -> Option<Fault> {
    let mut ports = s.ports.iter().filter(|p| port.is_none_or(|wanted| p.port == wanted));
    let own = ports.next().filter(|_| port.is_some() || ports.next().is_none())?;
    let declared = || pods.iter().flat_map(|p| &p.containers).flat_map(|c| &c.ports);
    let by_name = own.target.parse::<u16>().is_err();
    let found = declared()
        .any(|d| if by_name { d.name.as_deref() == Some(&own.target) } else { d.number.to_string() == own.target });
    // Declaring ports is optional: without any, a number says nothing.
    if found || (!by_name && declared().next().is_none()) {
        return None;
    }
    let mut has: Vec<String> = declared()
        .map(|d| d.name.as_ref().map_or_else(|| d.number.to_string(), |n| format!("{} ({n})", d.number)))
        .collect();
    has.sort();
    has.dedup();
    let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
    let what = format!("sends port {} to target port {}, but its pods declare {has}", own.port, own.target);
    let advice = vec![Remedy::text(format!("Correct targetPort of Service {}: its pods listen on {has}.", s.name))];
    Some(blamed(search, s, &what, format!("port {} -> targetPort {}", own.port, own.target), advice))
}

/// A pod that the program names under a headless Service is not there.
pub(super) fn lacks_pod<'a>(search: &Search<'a>, s: &'a Service, name: &str) -> Option<Fault> {
    let Some(w) = workload_of(search, s).filter(|w| w.workload.kind == "StatefulSet") else {
        return fault(search, s, None, Way::Connect);
    };
    let ordinal: u32 = name.strip_prefix(&format!("{}-", w.workload.name))?.parse().ok()?;
    let replicas = w.replicas.unwrap_or(1);
    if replicas == 0 {
        return Some(scaled_to_zero(search, s, w));
    }
    if ordinal < replicas {
        return fault(search, s, None, Way::Connect);
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
