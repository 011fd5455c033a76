//! What is wrong with a Service: no such port, selects nothing, nothing behind it runs, its target port is nobody's.

use std::collections::BTreeMap;

use super::super::facts::{Pod, Service};
use super::super::wants::Want;
use super::super::{Remedy, Source};
use super::dns::service_root;
use super::{Fault, Search, Way, called, empty, evidence_of, pod};

/// What stands behind a Service.
pub(super) struct Behind<'a> {
    pub service: &'a Service,
    /// Pods that its selector selects and that may serve.
    pub pods: Vec<&'a Pod>,
    /// Ready endpoints, all endpoints; `None` where they were not read.
    pub endpoints: Option<(usize, usize)>,
    /// All pods that it selects are known.
    pub complete: bool,
}

pub(super) fn selects(service: &Service, labels: &BTreeMap<String, String>) -> bool {
    !service.selector.is_empty() && service.selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

/// Whether a Service selects this pod.
pub(super) fn is_of(service: &Service, pod: &Pod) -> bool {
    service.namespace == pod.namespace && selects(service, &pod.labels)
}

fn behind<'a>(search: &Search<'a>, service: &'a Service) -> Behind<'a> {
    let complete = ask(search, service);
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
    Behind { service, pods: if live.is_empty() { selected } else { live }, endpoints, complete }
}

/// Asks for the pods of a Service, or where it has no selector for its endpoints; whether all its pods are known.
fn ask(search: &Search, s: &Service) -> bool {
    let namespace = s.namespace.clone();
    if s.kind == "ExternalName" {
        return false;
    }
    if s.selector.is_empty() {
        if s.endpoints.is_none() {
            search.ask(Want::Slices { namespace, service: s.name.clone() });
        }
        return false;
    }
    let whole = search.cluster.complete("Pod", Some(&s.namespace));
    whole || search.ask(Want::Labelled { kind: "Pod", namespace, labels: s.selector.clone() })
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
        return empty::nothing_behind(search, &behind);
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

pub(super) fn endpoints_evidence(behind: &Behind) -> super::Evidence {
    let s = behind.service;
    let text = match behind.endpoints {
        Some((ready, all)) => format!("{ready} of {all} endpoints ready"),
        None => format!("{} pods behind it", behind.pods.len()),
    };
    of(s, text)
}

pub(super) fn of(s: &Service, text: impl Into<String>) -> super::Evidence {
    evidence_of(Source::Service, "Service", &s.namespace, &s.name, text)
}

pub(super) fn blamed(search: &Search, s: &Service, what: &str, detail: String, advice: Vec<Remedy>) -> Fault {
    let name = called(search, "Service", &s.namespace, &s.name);
    Fault {
        sentence: format!("{name} {what}"),
        root: service_root(&s.namespace, &s.name, what.to_owned()),
        evidence: vec![of(s, detail)],
        advice,
    }
}

/// The Service is another word for a name outside of the cluster, and that name is what fails.
pub(super) fn alias(search: &Search, s: &Service, way: Way) -> Option<Fault> {
    let outer = s.external_name.as_deref()?;
    let what = match way {
        Way::Name | Way::NoSuchName => format!("is an ExternalName for {outer}, which does not resolve"),
        Way::Connect => {
            format!("is an ExternalName for {outer}, outside of the cluster, and no connection to that is made")
        }
        Way::Answer => return None,
    };
    let advice = vec![Remedy::text(format!(
        "Check {outer} from inside the cluster (name and port: an ExternalName only renames, it maps no ports), and correct externalName of Service {}.",
        s.name
    ))];
    Some(blamed(search, s, &what, format!("type ExternalName, externalName: {outer}"), advice))
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
