//! The Event for people who look at the pod or the workload: `events.k8s.io/v1`, one per change of diagnosis.
//!
//! Written by hand instead of by kube's `Recorder`, which merges by reason and re-sends the first note for ever.

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::{name, resource};
use crate::api::{CrashDiagnosisStatus, MANAGER};
use crate::diagnose::facts::{Timestamp, Workload};

/// Longest note that the API takes, bytes.
const MAX_NOTE: usize = 1024;

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regarding {
    /// Namespace.
    pub namespace: String,
    /// The pod, or the top-level workload.
    pub object: Workload,
    /// The container, named in the field path of an Event on a pod.
    pub container: Option<String>,
}

/// The Event that tells the diagnosis, or that it is over.
pub fn event(regarding: &Regarding, note: String, reason: &str, warning: bool, now: Timestamp) -> Event {
    let object = &regarding.object;
    let id = name::fnv1a(&format!("{}/{}/{:?}/{reason}/{now}", object.kind, object.name, regarding.container));
    // An Event's name is `<object>.<unique>`, as kubectl expects; the object's name is cut to leave room.
    let stem = resource::cut(&object.name, 230).replace('…', "");
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{stem}.{id:08x}{:08x}", now.as_millisecond() & 0xffff_ffff)),
            namespace: Some(regarding.namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(MANAGER.into()),
        reporting_instance: Some(MANAGER.into()),
        action: Some("Diagnosing".into()),
        reason: Some(reason.into()),
        type_: Some(if warning { "Warning" } else { "Normal" }.into()),
        note: Some(note),
        regarding: Some(ObjectReference {
            api_version: Some(object.api_version.clone()),
            kind: Some(object.kind.clone()),
            namespace: Some(regarding.namespace.clone()),
            name: Some(object.name.clone()),
            uid: object.uid.clone(),
            field_path: regarding.container.as_ref().map(|c| format!("spec.containers{{{c}}}")),
            ..ObjectReference::default()
        }),
        ..Event::default()
    }
}

/// Summary, first advice, and where to read on; the pointer survives a cut.
pub fn note(container: &str, status: &CrashDiagnosisStatus, namespace: &str, name: &str) -> String {
    let pointer = format!(" Details: kubectl describe crash {name} -n {namespace}");
    let advice = status.remediation.first().map_or("", |r| r.text.as_str());
    // It announces a command, which the object has.
    let advice = advice.strip_suffix(':').map_or_else(|| advice.to_owned(), |a| format!("{a}."));
    let text = format!("{container}: {} {advice}", sentence(&status.summary));
    format!("{}{pointer}", resource::cut(text.trim_end(), MAX_NOTE - pointer.len()))
}

/// The note of the Normal Event when it is over. `gone`: none of the pods that crashed is left to be healthy.
pub fn recovery_note(container: &str, status: &CrashDiagnosisStatus, gone: bool) -> String {
    let crashes = status.crashes;
    let times = if crashes == 1 { "once".into() } else { format!("{crashes} times") };
    let after = format!("after crashing {times} ({})", status.reason);
    let text = if gone {
        format!("{container}: over {after}: the pods that crashed are gone, and none crashes now.")
    } else {
        format!("{container}: healthy again {after}.")
    };
    resource::cut(&text, MAX_NOTE)
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?', '…']) { text.into() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Remediation;
    use crate::diagnose::testing::at;

    fn status(summary: &str) -> CrashDiagnosisStatus {
        CrashDiagnosisStatus {
            summary: summary.into(),
            remediation: vec![Remediation { text: "Raise the limit:".into(), command: Some("kubectl".into()) }],
            ..CrashDiagnosisStatus::default()
        }
    }

    #[test]
    fn a_note_says_what_and_what_to_do_and_where_to_read_on() {
        assert_eq!(
            note("app", &status("Killed at 256Mi"), "shop", "deployment.web.app"),
            "app: Killed at 256Mi. Raise the limit. Details: kubectl describe crash deployment.web.app -n shop"
        );
    }

    #[test]
    fn a_long_note_is_cut_but_keeps_the_pointer() {
        let note = note("app", &status(&"ä".repeat(2000)), "shop", "deployment.web.app");
        assert!(note.len() <= MAX_NOTE, "{}", note.len());
        assert!(note.ends_with("… Details: kubectl describe crash deployment.web.app -n shop"), "{note}");
    }

    #[test]
    fn nobody_is_called_healthy_who_is_gone() {
        let status = CrashDiagnosisStatus { crashes: 1, reason: "Segfault".into(), ..CrashDiagnosisStatus::default() };
        assert_eq!(recovery_note("app", &status, false), "app: healthy again after crashing once (Segfault).");
        let gone = recovery_note("app", &status, true);
        assert_eq!(
            gone,
            "app: over after crashing once (Segfault): the pods that crashed are gone, and none crashes now."
        );
    }

    #[test]
    fn an_event_names_object_container_and_kind() {
        let object =
            Workload { api_version: "v1".into(), kind: "Pod".into(), name: "web-1".into(), uid: Some("p-1".into()) };
        let regarding = Regarding { namespace: "shop".into(), object, container: Some("app".into()) };
        let e = event(&regarding, "n".into(), "Segfault", true, at(0));
        assert_eq!(e.type_.as_deref(), Some("Warning"));
        let r = e.regarding.unwrap();
        assert_eq!((r.uid.as_deref(), r.field_path.as_deref()), (Some("p-1"), Some("spec.containers{app}")));
        assert!(e.metadata.name.unwrap().starts_with("web-1."));
    }
}
