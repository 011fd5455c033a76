//! What is wrong with a pod that others need: not scheduled, its node lost, crashing, not created, not ready.

use super::super::facts::{Container, ContainerKind, Event, LogSlot, Node, Pod, State, Timestamp};
use super::super::wants::Want;
use super::super::{Case, Diagnosis, Evidence, Reason, Remedy, RootCause, Source, words};
use super::{Fault, Search, called, describe, evidence_of, find, is_firm, scheduler, unready};

/// Seconds after which a container that runs is no longer one that crashes: the kubelet forgets its back-off after ten minutes.
const STEADY: i64 = 600;

/// Waiting reasons that say only "not started yet".
const NOT_YET: &[&str] = &["", "ContainerCreating", "PodInitializing"];

/// Seconds between the crash of a peer and the failure of who needs it: within these the one explains the other.
const NEAR: i64 = 600;

/// A run of fewer seconds than this says nothing of whether a loop is over.
const SHORT_RUN: i64 = 30;

/// Whether the pod was ready when the program failed.
pub(super) fn was_ready(search: &Search, pod: &Pod) -> bool {
    if pod.containers.iter().any(|c| loops(search, c)) {
        return false;
    }
    let Some(ready) = pod.condition("Ready").filter(|c| c.status == "True") else { return false };
    pod.deleting.is_none() && search.failed.zip(ready.since).is_none_or(|(failed, since)| since <= failed)
}

/// It runs at this moment and may even be called ready (without a readiness probe it is, from its first second), but it crashes
/// again and again: its last crash is near, and it has not run for much longer since than before.
fn loops(search: &Search, c: &Container) -> bool {
    let State::Running { since: Some(since) } = c.status.state else { return false };
    let Some(end) = c.status.last.as_ref().filter(|_| c.status.restarts > 0 && c.kind != ContainerKind::Init) else {
        return false;
    };
    let near = |t: Timestamp| search.failed.is_none_or(|f| (f.as_second() - t.as_second()).abs() <= NEAR);
    let runs = search.now.as_second() - since.as_second();
    end.exit_code != 0
        && end.finished.is_some_and(near)
        && end.ran_for().is_some_and(|before| runs <= (3 * before).max(SHORT_RUN))
}

/// How bad its state is; 0: it was ready.
fn badness(search: &Search, pod: &Pod) -> u8 {
    if was_ready(search, pod) {
        0
    } else if pod.node.is_none() && pod.phase == "Pending" {
        5
    } else if troubled(search, pod).is_some() || lost_node(search, pod).is_some() {
        4
    } else if pod.phase == "Pending" {
        3
    } else {
        2
    }
}

/// The fault of the pod that is worst off.
pub(super) fn worst<'a>(search: &Search<'a>, pods: &[&'a Pod]) -> Option<Fault> {
    let mut bad: Vec<(u8, &Pod)> = pods.iter().map(|p| (badness(search, p), *p)).filter(|(b, _)| *b > 0).collect();
    bad.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.name.cmp(&b.1.name)));
    bad.into_iter().find_map(|(_, pod)| fault(search, pod))
}

/// The fault of a pod that the program addresses directly.
pub(super) fn of_peer<'a>(search: &Search<'a>, pod: &'a Pod, host: &str) -> Option<Fault> {
    let evidence = of_pod(Source::Service, pod, format!("{host} is its address"));
    fault(search, pod).map(|f| f.behind(host, evidence))
}

/// What is wrong with it; `None` where it was ready, or the blame has passed it before.
pub(super) fn fault<'a>(search: &Search<'a>, pod: &'a Pod) -> Option<Fault> {
    if was_ready(search, pod) || search.has_passed(pod) {
        return None;
    }
    if let Some(container) = troubled(search, pod) {
        return Some(failing(search, pod, container));
    }
    if pod.node.is_none() && pod.phase == "Pending" {
        return Some(unscheduled(search, pod));
    }
    if let Some(fault) = lost_node(search, pod) {
        return Some(fault);
    }
    if pod.phase == "Pending" {
        return Some(not_created(search, pod));
    }
    Some(unready::not_ready(search, pod))
}

/// The pod as the object to blame.
pub(super) fn blamed(search: &Search, pod: &Pod, what: String, evidence: Vec<Evidence>, advice: Vec<Remedy>) -> Fault {
    Fault {
        sentence: format!("{} {what}", called(search, "pod", &pod.namespace, &pod.name)),
        root: root(pod, what),
        evidence,
        advice,
    }
}

fn root(pod: &Pod, summary: String) -> RootCause {
    RootCause {
        api_version: "v1".into(),
        kind: "Pod".into(),
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        workload: Some(pod.workload.clone()).filter(|w| w.kind != "Pod" && !w.name.is_empty()),
        summary,
    }
}

pub(super) fn of_pod(source: Source, pod: &Pod, detail: impl Into<String>) -> Evidence {
    evidence_of(source, "pod", &pod.namespace, &pod.name, detail)
}

/// The container that keeps the pod from working: it cannot start, crashes, or has ended.
fn troubled<'a>(search: &Search, pod: &'a Pod) -> Option<&'a Container> {
    pod.containers.iter().find(|c| fails(search, c))
}

/// Whether a container cannot start, crashes, or has ended.
pub(super) fn fails(search: &Search, container: &Container) -> bool {
    // what has run for long since its last end is not crashing, whatever else it may be
    let then = search.failed.unwrap_or(search.now);
    let lately = |since: Option<Timestamp>| since.is_none_or(|s| then.as_second() - s.as_second() < STEADY);
    let status = &container.status;
    let init = container.kind == ContainerKind::Init;
    match &status.state {
        State::Running { .. } if loops(search, container) => true,
        State::Waiting { reason, .. } => !NOT_YET.contains(&reason.as_str()),
        State::Terminated(end) => !init || end.exit_code != 0,
        State::Running { since } => {
            lately(*since) && !status.ready && !init && status.restarts > 0 && status.last.is_some()
        }
        State::Unknown => false,
    }
}

fn alone<'a>(search: &Search<'a>, pod: &'a Pod, container: &'a Container) -> (Case<'a>, Diagnosis) {
    let case = Case::new(search.cluster, pod, container, search.now);
    let diagnosis = super::super::alone(&case);
    (case, diagnosis)
}

/// A container that crashes or cannot start, with its own reason, or that reason's own root.
pub(super) fn failing<'a>(search: &Search<'a>, pod: &'a Pod, container: &'a Container) -> Fault {
    let slot =
        if matches!(container.status.state, State::Terminated(_)) { LogSlot::Current } else { LogSlot::Previous };
    let ran = container.status.last.is_some() || slot == LogSlot::Current;
    search.ask_about(pod, ran.then_some((container, slot)));
    let (case, diagnosis) = alone(search, pod, container);
    let word = match &container.status.state {
        State::Waiting { reason, .. } if reason != "CrashLoopBackOff" => format!("cannot start ({reason})"),
        State::Waiting { .. } => "crashes itself".to_owned(),
        State::Terminated(end) => format!("has ended itself (exit {})", end.exit_code),
        _ => "keeps crashing itself".to_owned(),
    };
    pass_on(search, pod, &case, &diagnosis, &word)
}

/// Follows the reason of another pod's failure: to the object that it blames, to the peer that it lacks, or to the pod itself.
fn pass_on<'a>(search: &Search<'a>, pod: &'a Pod, case: &Case<'a>, d: &Diagnosis, word: &str) -> Fault {
    let own: Vec<Evidence> = d
        .evidence
        .iter()
        .take(2)
        .cloned()
        .map(|e| if e.object.is_empty() { e.of(format!("pod {}/{}", pod.namespace, pod.name)) } else { e })
        .collect();
    let failed = case.crash().and_then(|c| c.finished);
    if let Some(further) = search.from(pod, failed).and_then(|next| find(case, d, &next)) {
        let name = called(search, "pod", &pod.namespace, &pod.name);
        let evidence = own.into_iter().chain(further.evidence).collect();
        return Fault { sentence: format!("{name} {word}, because {}", further.sentence), evidence, ..further };
    }
    // `pod db-0 cannot start: app cannot start: …` says it twice
    let twice = format!("{} cannot start: ", case.container.name);
    let summary = d.summary.strip_prefix(&twice).filter(|_| word.starts_with("cannot start")).unwrap_or(&d.summary);
    let reason = if d.reason == Reason::Unknown { String::new() } else { format!(": {}", trimmed(summary)) };
    let mut advice: Vec<Remedy> = d.remediation.iter().take(2).cloned().collect();
    advice.push(look(pod));
    let mut fault = blamed(search, pod, format!("{word}{reason}"), own, advice);
    if let Some(deeper) = d.root_cause.clone().filter(|r| is_firm(d) && is_shown(search, r, d.reason)) {
        fault.root = deeper;
    }
    fault
}

/// Whether the blame may pass on to that object. What one pod's sandbox or runtime could not do names the node that it was
/// tried on, not a fault of that node: for those who wait for the pod, it ends at the pod, unless the node's own conditions
/// say that it is unwell.
fn is_shown(search: &Search, root: &RootCause, reason: Reason) -> bool {
    let tried_only = root.kind == "Node" && matches!(reason, Reason::SandboxFailed | Reason::RuntimeFailure);
    if !tried_only {
        return true;
    }
    let node = search.cluster.node(&root.name);
    if node.is_none() {
        search.ask(Want::Object { kind: "Node", namespace: String::new(), name: root.name.clone() });
    }
    node.is_some_and(Node::is_unwell)
}

pub(super) fn trimmed(summary: &str) -> String {
    let one_line = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    words::cut(one_line.trim_end_matches('.'), 220)
}

pub(super) fn look(pod: &Pod) -> Remedy {
    let text = format!("Look at {} first: this container cannot work without it.", pod.name);
    Remedy::command(text, describe(&pod.namespace, "pod", &pod.name))
}

/// The scheduler does not place it; where that is for a claim's sake, the claim is to blame.
fn unscheduled<'a>(search: &Search<'a>, pod: &'a Pod) -> Fault {
    let event = search.cluster.events_of_pod(pod).rfind(|e| e.reason == "FailedScheduling");
    let condition = pod.condition("PodScheduled").filter(|c| c.status == "False");
    let said = condition.and_then(|c| c.message.as_deref()).or(event.map(|e| e.message.as_str())).unwrap_or_default();
    let what = if said.is_empty() {
        "is not scheduled to a node".to_owned()
    } else {
        format!("cannot be scheduled ({})", scheduler::short(said))
    };
    let evidence = match event {
        Some(e) => of_pod(Source::Event, pod, format!("{}: {}", e.reason, e.message.trim())).at(e.last),
        None => of_pod(Source::ContainerStatus, pod, format!("PodScheduled False: {said}"))
            .at(condition.and_then(|c| c.since)),
    };
    let mut fault = blamed(search, pod, what, vec![evidence], vec![make_room(pod, said), look(pod)]);
    if let Some(container) = pod.containers.first() {
        let (_, own) = alone(search, pod, container);
        if let Some(deeper) = own.root_cause.clone().filter(|r| r.kind != "Pod" && is_firm(&own)) {
            fault.sentence = format!("{}: {}", fault.sentence, trimmed(&own.summary));
            fault.root = deeper;
            fault.advice = own.remediation.into_iter().take(2).chain(fault.advice).collect();
        }
    }
    fault
}

fn make_room(pod: &Pod, said: &str) -> Remedy {
    let name = &pod.name;
    let mut what: Vec<&str> = Vec::new();
    for (word, advice) in [
        ("NodeAffinity", "correct its node affinity or selector, or label a node"),
        ("Insufficient", "free capacity, add a node, or lower its requests"),
        ("taint", "tolerate the taint, or remove it from a node"),
        ("affinity", "correct its node affinity or selector, or label a node"),
        ("selector", "correct its node affinity or selector, or label a node"),
        ("unschedulable", "uncordon a node"),
        ("host ports", "free the host port"),
        ("PersistentVolumeClaim", "see to its claim"),
    ] {
        if said.contains(word) && !what.contains(&advice) {
            what.push(advice);
        }
    }
    let how = if what.is_empty() { "see what the scheduler asks for".to_owned() } else { what.join("; ") };
    Remedy::text(format!("Let {name} be scheduled: {how}."))
}

/// Its node does not answer any more.
fn lost_node(search: &Search, pod: &Pod) -> Option<Fault> {
    let node = search.cluster.node(pod.node.as_deref()?)?;
    let ready = node.conditions.iter().find(|c| c.kind == "Ready").filter(|c| c.status != "True")?;
    let why = ready.message.as_deref().or(ready.reason.as_deref()).unwrap_or("no message");
    let what = format!("is not ready (Ready {}: {why})", ready.status);
    let evidence = Evidence::new(Source::Node, format!("condition Ready {}: {why}", ready.status))
        .of(format!("node {}", node.name))
        .at(ready.since);
    let pod_name = called(search, "pod", &pod.namespace, &pod.name);
    Some(Fault {
        sentence: format!("{pod_name} is on node {}, which {what}", node.name),
        evidence: vec![evidence],
        advice: vec![Remedy::command(
            format!(
                "See to node {} (kubelet, network, power), or delete it so that its pods are made anew elsewhere:",
                node.name
            ),
            describe("", "node", &node.name),
        )],
        root: RootCause {
            api_version: "v1".into(),
            kind: "Node".into(),
            namespace: String::new(),
            name: node.name.clone(),
            workload: None,
            summary: what,
        },
    })
}

fn newest_warning<'a>(search: &Search<'a>, pod: &'a Pod) -> Option<&'a Event> {
    search.cluster.events_of_pod(pod).rev().find(|e| e.warning && e.reason != "BackOff")
}

/// Scheduled, but its containers are not there yet: volumes, sandbox, an image that takes its time.
fn not_created<'a>(search: &Search<'a>, pod: &'a Pod) -> Fault {
    search.ask_about(pod, None);
    let waiting = pod.containers.iter().find(|c| !matches!(c.status.state, State::Terminated(_)));
    if let Some((case, own)) = waiting.map(|c| alone(search, pod, c))
        && own.reason != Reason::Unknown
    {
        return pass_on(search, pod, &case, &own, "cannot start");
    }
    let pulling = search.cluster.events_of_pod(pod).next_back().filter(|e| e.reason == "Pulling");
    let (what, evidence) = match (newest_warning(search, pod), pulling) {
        (_, Some(e)) => ("is still pulling its image".to_owned(), event(pod, e)),
        (Some(e), None) => (format!("has not started: {}: {}", e.reason, trimmed(&e.message)), event(pod, e)),
        (None, None) => ("has not started yet".to_owned(), of_pod(Source::ContainerStatus, pod, "phase Pending")),
    };
    blamed(search, pod, what, vec![evidence], vec![look(pod)])
}

pub(super) fn event(pod: &Pod, e: &Event) -> Evidence {
    of_pod(Source::Event, pod, format!("{}: {}", e.reason, e.message.trim())).at(e.last)
}
