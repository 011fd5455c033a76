//! A pod that runs, but was not ready when the program needed it.

use super::super::facts::{ContainerKind, LogSlot, Pod, State};
use super::super::log::{self, LogReport};
use super::super::wants::Want;
use super::super::{Case, Reason, Remedy, Source, words};
use super::pod::{blamed, event, look, of_pod, trimmed};
use super::{Fault, Search, Way, called, is_network, peer};

/// It runs, but was not ready when the program needed it.
pub(super) fn not_ready<'a>(search: &Search<'a>, pod: &'a Pod) -> Fault {
    if let Some(node) = pod.node.clone() {
        search.ask(Want::Object { kind: "Node", namespace: String::new(), name: node });
    }
    let idle = pod.containers.iter().find(|c| !c.status.ready && matches!(c.status.state, State::Running { .. }));
    search.ask_about(pod, idle.map(|c| (c, LogSlot::Current)));
    let ready = pod.condition("Ready");
    let status = ready.map_or_else(
        || format!("phase {}", pod.phase),
        |c| {
            format!(
                "condition Ready {}{}",
                c.status,
                c.message.as_deref().map(|m| format!(": {m}")).unwrap_or_default()
            )
        },
    );
    let mut evidence = vec![of_pod(Source::ContainerStatus, pod, status).at(ready.and_then(|c| c.since))];
    let probe = search.cluster.events_of_pod(pod).rev().find(|e| e.reason == "Unhealthy");
    let what = if pod.deleting.is_some() {
        "is being deleted".to_owned()
    } else if let Some(since) = ready.filter(|c| c.status == "True").and_then(|c| c.since) {
        let late = search.failed.map_or(0, |f| since.as_second() - f.as_second());
        format!("was not ready then; it became ready {} after", words::seconds(late))
    } else if pod.phase == "Failed" {
        let why = pod.reason.as_deref().or(pod.message.as_deref()).unwrap_or("no reason given");
        format!("has failed ({why})")
    } else if let Some(e) = probe {
        format!("runs but is not ready: {}", trimmed(&e.message))
    } else {
        format!("runs but is not ready{}", young(search, pod))
    };
    evidence.extend(probe.map(|e| event(pod, e)));
    if let Some(fault) = waits_itself(search, pod) {
        let name = called(search, "pod", &pod.namespace, &pod.name);
        evidence.extend(fault.evidence);
        return Fault { sentence: format!("{name} is not ready, because {}", fault.sentence), evidence, ..fault };
    }
    let wait = "Let this container wait until it is ready: retry with a pause, or an init container that waits.";
    blamed(search, pod, what, evidence, vec![look(pod), Remedy::text(wait)])
}

/// ` (started 3 s before)`.
fn young(search: &Search, pod: &Pod) -> String {
    let started = pod.containers.iter().filter_map(|c| match c.status.state {
        State::Running { since } => since,
        _ => None,
    });
    let Some((failed, started)) = search.failed.zip(started.max()) else { return String::new() };
    match failed.as_second() - started.as_second() {
        s @ 0..=300 => format!(" (it had started {} before)", words::seconds(s)),
        s @ ..0 => format!(" (it started {} after)", words::seconds(-s)),
        _ => String::new(),
    }
}

/// A pod that is not ready because it waits for a peer of its own, as its running log says.
fn waits_itself<'a>(search: &Search<'a>, pod: &'a Pod) -> Option<Fault> {
    let next = search.from(pod, None)?;
    let waiting = pod.containers.iter().filter(|c| !c.status.ready && c.kind != ContainerKind::Init);
    for container in waiting {
        let case = Case::new(search.cluster, pod, container, search.now);
        let Some(text) = case.running_log() else { continue };
        let report: LogReport = log::analyse(&text.text);
        for failure in report.failures.iter().filter(|f| is_network(f.concept)) {
            let Some(target) = failure.target.as_ref() else { continue };
            let way = Way::of(failure, Reason::DependencyUnavailable);
            if let Some(fault) = peer::fault(&next, target, way) {
                return Some(fault);
            }
        }
    }
    None
}
