//! Upstream: which other object is to blame when a program cannot reach what it needs.
//!
//! From the peer that the log (or, where it names none, the spec) gives, to the Service, to what stands behind it, to that
//! object's own state: a pod that cannot be scheduled or crashes itself, a workload scaled to zero, a Service that selects
//! nothing, cluster DNS. A pod that fails because of yet another object passes the blame on, at most [`MAX_DEPTH`] times and
//! never in a circle. Runs once, after ranking: rules never look at other pods.

mod beside;
mod dns;
mod empty;
mod maker;
mod named;
mod network;
mod peer;
mod pod;
mod scheduler;
mod schema;
mod service;
#[cfg(test)]
mod tests;
mod unready;

use std::cell::RefCell;
use std::rc::Rc;

use super::causes::said::dependency::LATER;
use super::facts::{Cluster, Container, LogSlot, Pod, Timestamp};
use super::log::{Concept, Failure, LogReport, Weight};
use super::wants::Want;
use super::{Case, Cause, Confidence, Diagnosis, Evidence, Reason, Remedy, RootCause, Source, Target};

/// How many pods a chain of blame may pass.
const MAX_DEPTH: usize = 4;

/// What is wrong elsewhere.
#[derive(Clone, Debug)]
struct Fault {
    /// The object to look at next.
    root: RootCause,
    /// Why the peer is not there, from the Service to the root: `Service db has no ready endpoint: pod db-0 ...`.
    sentence: String,
    /// What that rests on.
    evidence: Vec<Evidence>,
    /// What to do about it.
    advice: Vec<Remedy>,
}

impl Fault {
    /// Puts what leads to this fault before it.
    fn behind(mut self, lead: &str, evidence: Evidence) -> Self {
        self.sentence = format!("{lead}: {}", self.sentence);
        self.evidence.insert(0, evidence);
        self
    }
}

/// A search for the object to blame.
struct Search<'a> {
    cluster: &'a Cluster,
    now: Timestamp,
    /// When the program failed; `None`: it has not ended.
    failed: Option<Timestamp>,
    /// The pods that the blame has passed; the last one asks.
    trail: Vec<&'a Pod>,
    /// What would have been good to know.
    asks: Rc<RefCell<Vec<Want>>>,
}

impl<'a> Search<'a> {
    fn of(case: &Case<'a>) -> Self {
        let failed = case.crash().and_then(|c| c.finished);
        Self { cluster: case.cluster, now: case.now, failed, trail: vec![case.pod], asks: Rc::default() }
    }

    /// The pod that asks.
    fn asker(&self) -> &'a Pod {
        self.trail[self.trail.len() - 1]
    }

    /// Whether the blame has passed this pod.
    fn has_passed(&self, pod: &Pod) -> bool {
        self.trail.iter().any(|p| p.namespace == pod.namespace && p.name == pod.name)
    }

    /// The search goes on from `pod`; `None` at the end of the chain, or where it would turn in a circle.
    fn from(&self, pod: &'a Pod, failed: Option<Timestamp>) -> Option<Self> {
        if self.has_passed(pod) || self.trail.len() >= MAX_DEPTH {
            return None;
        }
        let mut trail = self.trail.clone();
        trail.push(pod);
        Some(Self { cluster: self.cluster, now: self.now, failed, trail, asks: Rc::clone(&self.asks) })
    }

    /// The same search, whose wishes nobody hears.
    fn unheard(&self) -> Self {
        let trail = self.trail.clone();
        Self { cluster: self.cluster, now: self.now, failed: self.failed, trail, asks: Rc::default() }
    }

    /// Notes what would be good to know; returns whether that was answered already, so that what is not there does not exist.
    fn ask(&self, want: Want) -> bool {
        let known = self.cluster.listed.contains(&want.key());
        if !known {
            self.asks.borrow_mut().push(want);
        }
        known
    }

    /// Asks for the events of a pod, and the log of one of its containers where it is not at hand.
    fn ask_about(&self, pod: &Pod, container: Option<(&Container, LogSlot)>) {
        self.ask(Want::Events { namespace: pod.namespace.clone(), uid: pod.uid.clone() });
        let Some((container, slot)) = container else { return };
        if self.cluster.log(pod, &container.name, slot).is_none() {
            self.ask(Want::Log {
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                container: container.name.clone(),
                slot,
            });
        }
    }
}

/// Names the object to blame, where the diagnosis is about a peer and evidence reaches one.
pub fn attach(case: &Case, diagnosis: &mut Diagnosis) {
    trace(case, diagnosis, &Search::of(case));
}

/// What would tell more about the peer.
pub(super) fn wants(case: &Case, diagnosis: &Diagnosis) -> Vec<Want> {
    let search = Search::of(case);
    elsewhere(case, diagnosis, &search);
    search.asks.take()
}

fn trace(case: &Case, diagnosis: &mut Diagnosis, search: &Search) {
    let Some(fault) = elsewhere(case, diagnosis, search) else { return };
    diagnosis.summary = format!("{}. {}.", diagnosis.summary.trim_end_matches('.'), fault.sentence);
    diagnosis.evidence.extend(fault.evidence);
    let mut own = std::mem::take(&mut diagnosis.remediation);
    // How to find out what is wrong with the peer is known by now.
    if diagnosis.reason == Reason::DependencyUnavailable && own.len() > 1 {
        own.remove(0);
    }
    if diagnosis.reason == Reason::ConfigFileNotFound {
        own.clear(); // the file is somebody else's to make
    }
    if !may_be_late(search, &fault.root) {
        own.retain(|r| r.text != LATER);
    }
    diagnosis.remediation = fault.advice.into_iter().chain(own).collect();
    diagnosis.root_cause = Some(fault.root);
}

/// The fault of another object that this diagnosis leads to.
fn elsewhere(case: &Case, diagnosis: &Diagnosis, search: &Search) -> Option<Fault> {
    maker::fault(search, case, diagnosis)
        .or_else(|| schema::fault(search, case.log(), diagnosis).filter(|_| diagnosis.root_cause.is_none()))
        .or_else(|| find(case, diagnosis, search).filter(|_| diagnosis.root_cause.is_none()))
}

/// Whether waiting might help: only for a pod that has a node and no container that fails.
fn may_be_late(search: &Search, root: &RootCause) -> bool {
    root.kind == "Pod"
        && search
            .cluster
            .pod(&root.namespace, &root.name)
            .is_none_or(|p| p.node.is_some() && p.containers.iter().all(|c| !pod::fails(search, c)))
}

/// How much a diagnosis is about a peer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// It says so.
    Peer,
    /// It leaves room for it: how it ended, that a probe failed, an exception.
    Perhaps,
    /// Something else explains it.
    No,
}

fn about(diagnosis: &Diagnosis) -> About {
    match diagnosis.reason {
        Reason::DependencyUnavailable | Reason::DependencyAuthFailed => About::Peer,
        Reason::UnknownError
        | Reason::Unknown
        | Reason::UnhandledException
        | Reason::CompletedUnexpectedly
        | Reason::DeadlineExceeded
        | Reason::LifecycleHookFailed
        | Reason::Aborted => About::Perhaps,
        _ if diagnosis.cause() == Cause::LivenessProbe => About::Perhaps,
        _ => About::No,
    }
}

fn find(case: &Case, diagnosis: &Diagnosis, search: &Search) -> Option<Fault> {
    let about = about(diagnosis);
    if about == About::No {
        return None;
    }
    let peers = told(case.log(), about);
    for (target, failure) in &peers {
        let way = Way::of(failure, diagnosis.reason);
        if let Some(fault) = peer::fault(search, target, way) {
            return Some(fault);
        }
    }
    if let Some(fault) = beside::fault(case, search, &peers) {
        return Some(fault);
    }
    if about == About::Peer
        && diagnosis.reason == Reason::DependencyUnavailable
        && let Some(fault) = network::fault(search)
    {
        return Some(fault);
    }
    // Only where the log leaves it open which peer it was.
    let open = peers.iter().all(|(t, _)| matches!(peer::resolve(search, t), peer::Peer::Nothing));
    let silent = case.log().failures.iter().all(|f| f.weight == Weight::Hint || is_network(f.concept));
    let name = case.log().failures.iter().any(|f| f.concept == Concept::NameNotResolved);
    if !open || (about == About::Perhaps && !silent) || diagnosis.reason == Reason::CompletedUnexpectedly {
        return None;
    }
    named::only_faulty(search, case.container, if name { Way::Name } else { Way::Connect })
}

/// The peers that the log blames, the most causal first.
fn told(log: &LogReport, about: About) -> Vec<(Target, &Failure)> {
    let counts = |f: &&Failure| match about {
        About::Peer => is_network(f.concept) || f.concept == Concept::AuthRefused || f.weight == Weight::Terminal,
        _ => is_network(f.concept) && f.weight > Weight::Hint,
    };
    let mut peers: Vec<(Target, &Failure)> = Vec::new();
    for f in log.failures.iter().filter(counts) {
        if let Some(t) = f.target.as_ref().filter(|t| peers.iter().all(|(p, _)| p != *t)) {
            peers.push((t.clone(), f));
        }
    }
    peers.truncate(6);
    peers
}

fn is_network(concept: Concept) -> bool {
    matches!(concept, Concept::CannotConnect | Concept::NameNotResolved)
}

/// How far the program came on its way to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The name did not resolve, and the resolver said that there is none.
    NoSuchName,
    /// The name did not resolve.
    Name,
    /// No connection.
    Connect,
    /// It was connected.
    Answer,
}

impl Way {
    fn of(failure: &Failure, reason: Reason) -> Self {
        match failure.concept {
            Concept::NameNotResolved if dns::says_none(&failure.quote) => Self::NoSuchName,
            Concept::NameNotResolved => Self::Name,
            Concept::AuthRefused => Self::Answer,
            _ if reason == Reason::DependencyAuthFailed => Self::Answer,
            _ => Self::Connect,
        }
    }

    fn is_name(self) -> bool {
        matches!(self, Self::Name | Self::NoSuchName)
    }
}

/// Whether a diagnosis of another pod is firm enough to pass its blame on.
fn is_firm(diagnosis: &Diagnosis) -> bool {
    diagnosis.confidence >= Confidence::Likely && diagnosis.reason != Reason::Unknown
}

/// `kubectl -n NS describe KIND NAME`.
fn describe(namespace: &str, kind: &str, name: &str) -> String {
    match namespace {
        "" => format!("kubectl describe {} {name}", kind.to_lowercase()),
        ns => format!("kubectl -n {ns} describe {} {name}", kind.to_lowercase()),
    }
}

/// `pod db-0`, with its namespace where the asker lives elsewhere.
fn called(search: &Search, kind: &str, namespace: &str, name: &str) -> String {
    if search.trail[0].namespace == namespace { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

fn evidence_of(source: Source, kind: &str, namespace: &str, name: &str, detail: impl Into<String>) -> Evidence {
    Evidence::new(source, detail).of(format!("{} {namespace}/{name}", kind.to_lowercase()))
}
