//! The kubelet ended or refused the pod as a whole: for its own local storage, for the node's sake, or for its deadline.
//!
//! The words stand in `status.message` of a pod with `status.reason: Evicted` (phase Failed) and in the event of that name;
//! exit code and reason of the container (137, Error or ContainerStatusUnknown) say nothing.

pub mod deadline;
pub mod pressure;
pub mod storage;

use super::super::facts::Timestamp;
use super::super::{Case, Evidence, Source};

/// What the kubelet said when it evicted the pod.
struct Eviction<'a> {
    text: &'a str,
    source: Source,
    time: Option<Timestamp>,
}

impl Eviction<'_> {
    fn evidence(&self) -> Evidence {
        let text = super::super::words::cut(self.text, 600);
        Evidence::new(self.source, format!("Evicted: {text}")).at(self.time)
    }
}

/// The eviction of this pod: its status, else (where the status was not written, or is that of a deletion) its event.
fn eviction<'a>(case: &Case<'a>) -> Option<Eviction<'a>> {
    let event = case.pod_events().rev().find(|e| e.reason == "Evicted" && e.source != "taint-eviction-controller");
    if case.pod.reason.as_deref() == Some("Evicted") {
        let text = case.pod.message.as_deref().or(event.map(|e| e.message.as_str())).unwrap_or_default();
        return Some(Eviction { text, source: Source::ContainerStatus, time: event.and_then(|e| e.last) });
    }
    let event = event.filter(|_| case.pod.phase != "Running" || case.pod.deleting.is_some())?;
    Some(Eviction { text: &event.message, source: Source::Event, time: event.last })
}
