//! Events of either API group -> [`Event`].

use k8s_openapi::api::{core::v1 as core, events::v1 as events};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, Time};

use crate::diagnose::facts::{Event, Timestamp};

use super::text::{message, word};

/// A core/v1 event.
pub fn facts(e: &core::Event) -> Event {
    let source = e.source.as_ref();
    let series = e.series.as_ref();
    shape(&Parts {
        meta: (
            e.metadata.namespace.as_deref(),
            e.metadata.name.as_deref(),
            time(e.metadata.creation_timestamp.as_ref()),
        ),
        regarding: &e.involved_object,
        warning: e.type_.as_deref() == Some("Warning"),
        reason: e.reason.as_deref(),
        message: e.message.as_deref(),
        counts: [e.count, series.and_then(|s| s.count)],
        first: [time(e.first_timestamp.as_ref()), micro(e.event_time.as_ref())],
        last: [
            time(e.last_timestamp.as_ref()),
            series.and_then(|s| micro(s.last_observed_time.as_ref())),
            micro(e.event_time.as_ref()),
            time(e.first_timestamp.as_ref()),
        ],
        source: [source.and_then(|s| s.component.as_deref()), e.reporting_component.as_deref()],
        host: [source.and_then(|s| s.host.as_deref()), e.reporting_instance.as_deref()],
    })
}

/// An events.k8s.io/v1 event.
pub fn facts_v1(e: &events::Event) -> Event {
    let source = e.deprecated_source.as_ref();
    let series = e.series.as_ref();
    let nothing = core::ObjectReference::default();
    shape(&Parts {
        meta: (
            e.metadata.namespace.as_deref(),
            e.metadata.name.as_deref(),
            time(e.metadata.creation_timestamp.as_ref()),
        ),
        regarding: e.regarding.as_ref().unwrap_or(&nothing),
        warning: e.type_.as_deref() == Some("Warning"),
        reason: e.reason.as_deref(),
        message: e.note.as_deref(),
        counts: [e.deprecated_count, series.map(|s| s.count)],
        first: [time(e.deprecated_first_timestamp.as_ref()), micro(e.event_time.as_ref())],
        last: [
            time(e.deprecated_last_timestamp.as_ref()),
            series.map(|s| s.last_observed_time.0),
            micro(e.event_time.as_ref()),
            time(e.deprecated_first_timestamp.as_ref()),
        ],
        source: [source.and_then(|s| s.component.as_deref()), e.reporting_controller.as_deref()],
        host: [source.and_then(|s| s.host.as_deref()), e.reporting_instance.as_deref()],
    })
}

/// What both groups have, under whatever name.
struct Parts<'a> {
    meta: (Option<&'a str>, Option<&'a str>, Option<Timestamp>),
    regarding: &'a core::ObjectReference,
    warning: bool,
    reason: Option<&'a str>,
    message: Option<&'a str>,
    counts: [Option<i32>; 2],
    first: [Option<Timestamp>; 2],
    last: [Option<Timestamp>; 4],
    source: [Option<&'a str>; 2],
    host: [Option<&'a str>; 2],
}

fn shape(p: &Parts) -> Event {
    let (namespace, name, created) = p.meta;
    let last = p.last.into_iter().flatten().max().or(created);
    let host = p.host.into_iter().flatten().find(|h| !h.is_empty());
    Event {
        namespace: word(p.regarding.namespace.as_deref().or(namespace).unwrap_or_default()),
        name: word(name.unwrap_or_default()),
        kind: word(p.regarding.kind.as_deref().unwrap_or_default()),
        object: word(p.regarding.name.as_deref().unwrap_or_default()),
        uid: word(p.regarding.uid.as_deref().unwrap_or_default()),
        container: p.regarding.field_path.as_deref().and_then(container),
        warning: p.warning,
        reason: word(p.reason.unwrap_or_default()),
        message: message(p.message.unwrap_or_default()),
        count: p.counts.into_iter().flatten().filter_map(|c| u32::try_from(c).ok()).max().unwrap_or(1).max(1),
        first: p.first.into_iter().flatten().min().or(last),
        last,
        source: word(p.source.into_iter().flatten().find(|s| !s.is_empty()).unwrap_or_default()),
        host: host.map(word),
    }
}

/// `spec.containers{app}`, `spec.initContainers{setup}` -> the name.
fn container(path: &str) -> Option<String> {
    let (list, name) = path.split_once('{')?;
    let name = name.strip_suffix('}')?;
    list.starts_with("spec.").then(|| word(name))
}

/// A time of the API; the zero time of Go (year 1) and 1970 stand for "not given".
pub(super) fn time(t: Option<&Time>) -> Option<Timestamp> {
    t.map(|t| t.0).filter(|t| t.as_second() > 0)
}

fn micro(t: Option<&MicroTime>) -> Option<Timestamp> {
    t.map(|t| t.0).filter(|t| t.as_second() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubelet_event() {
        let e: core::Event = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "shop", "name": "web.1"},
            "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web", "uid": "u", "fieldPath": "spec.initContainers{setup}"},
            "type": "Warning", "reason": "BackOff", "message": "Back-off\u{1b}[0m token=abc\n", "count": 7,
            "firstTimestamp": "2024-05-01T10:00:00Z", "lastTimestamp": "2024-05-01T10:05:00Z", "eventTime": null,
            "source": {"component": "kubelet", "host": "n1"}
        }))
        .unwrap();
        let e = facts(&e);
        assert_eq!((e.container.as_deref(), e.count, e.warning), (Some("setup"), 7, true));
        assert_eq!(e.message, "Back-off token=***");
        assert_eq!((e.last.unwrap() - e.first.unwrap()).get_seconds(), 300);
        assert_eq!((e.source.as_str(), e.host.as_deref()), ("kubelet", Some("n1")));
    }

    #[test]
    fn a_scheduler_event_has_only_an_event_time() {
        let e: events::Event = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "shop", "name": "web.2"}, "regarding": {"kind": "Pod", "name": "web", "namespace": "shop"},
            "type": "Warning", "reason": "FailedScheduling", "note": "0/1 nodes", "eventTime": "2024-05-01T10:00:00.123456Z",
            "series": {"count": 3, "lastObservedTime": "2024-05-01T10:02:00.000000Z"}, "reportingController": "default-scheduler"
        }))
        .unwrap();
        let e = facts_v1(&e);
        assert_eq!((e.count, e.source.as_str(), e.message.as_str()), (3, "default-scheduler", "0/1 nodes"));
        assert_eq!((e.last.unwrap() - e.first.unwrap()).get_seconds(), 119);
    }
}
