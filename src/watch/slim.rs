//! A pod as the watch decodes it: a few fields of every pod, and the whole of it only where it looks suspicious.
//!
//! The bytes are scanned once for the few fields that [`Slim`] needs, borrowed from the buffer; the same bytes give the
//! full pod when [`Slim::suspicious`] holds, so a suspect costs no request and a healthy pod no memory.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde::de::{Deserializer, Error as _, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// A pod of the watch.
#[derive(kube::Resource, Clone, Debug)]
#[resource(inherit = "Pod")]
pub struct SlimPod {
    /// Name, namespace, uid, resource version and deletion time; nothing else.
    pub metadata: ObjectMeta,
    /// What the watch needs to know of it.
    pub slim: Slim,
    /// The whole pod, where it looks suspicious.
    pub full: Option<Arc<Pod>>,
}

/// The little that is known of every pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "independent observations")]
pub struct Slim {
    /// It may have crashed or may be unable to start; errs on the side of "yes".
    pub suspicious: bool,
    /// It is pending on a node, or for a volume: worth a second look if that lasts.
    pub starting: bool,
    /// All containers run, or have ended well.
    pub healthy: bool,
    /// Phase is Succeeded.
    pub succeeded: bool,
    /// The Job it belongs to, if any (name): its success can end an incident.
    pub job: Option<String>,
    /// When the last container of a succeeded pod ended.
    pub ended: Option<jiff::Timestamp>,
}

impl<'de> Deserialize<'de> for SlimPod {
    /// Wants the bytes themselves, so it works with `serde_json` over a slice or string, which is what kube hands over
    /// for lists and watches alike.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&RawValue>::deserialize(deserializer)?.get();
        let raw: Raw = serde_json::from_str(bytes).map_err(D::Error::custom)?;
        let slim = raw.slim();
        let full =
            if slim.suspicious { Some(Arc::new(serde_json::from_str(bytes).map_err(D::Error::custom)?)) } else { None };
        Ok(Self { metadata: raw.metadata.into_owned(), slim, full })
    }
}

impl Serialize for SlimPod {
    /// Only to satisfy bounds; the metadata is all that there is to write.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.metadata.serialize(serializer)
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, default)]
    metadata: RawMeta<'a>,
    #[serde(borrow, default)]
    spec: RawSpec<'a>,
    #[serde(borrow, default)]
    status: RawStatus<'a>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawMeta<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow)]
    uid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    resource_version: Option<Cow<'a, str>>,
    deletion_timestamp: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    #[serde(borrow)]
    owner_references: Option<Vec<RawOwner<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawOwner<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    controller: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawSpec<'a> {
    node_name: Option<IgnoredAny>,
    #[serde(borrow)]
    restart_policy: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawStatus<'a> {
    #[serde(borrow)]
    phase: Option<Cow<'a, str>>,
    nominated_node_name: Option<IgnoredAny>,
    #[serde(borrow)]
    conditions: Option<Vec<RawCondition<'a>>>,
    #[serde(borrow)]
    container_statuses: Option<Vec<RawContainer<'a>>>,
    #[serde(borrow)]
    init_container_statuses: Option<Vec<RawContainer<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawCondition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawContainer<'a> {
    restart_count: i64,
    #[serde(borrow)]
    state: Option<RawState<'a>>,
    #[serde(borrow)]
    last_state: Option<RawState<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawState<'a> {
    #[serde(borrow)]
    waiting: Option<RawWaiting<'a>>,
    running: Option<IgnoredAny>,
    terminated: Option<RawTerminated>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawWaiting<'a> {
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawTerminated {
    exit_code: i32,
    finished_at: Option<jiff::Timestamp>,
}

impl Raw<'_> {
    fn slim(&self) -> Slim {
        let phase = self.status.phase.as_deref().unwrap_or_default();
        let succeeded = phase == "Succeeded";
        let regular = self.status.container_statuses.as_deref().unwrap_or_default();
        let init = self.status.init_container_statuses.as_deref().unwrap_or_default();
        let restarts_always = !matches!(self.spec.restart_policy.as_deref(), Some("Never" | "OnFailure"));
        // What must run for ever never succeeds: an eviction leaves a program that ends in good order like that.
        let suspicious = phase == "Failed"
            || (succeeded && restarts_always && self.metadata.deletion_timestamp.is_none())
            || (!succeeded
                && (regular.iter().any(|c| c.suspicious(restarts_always)) || init.iter().any(|c| c.suspicious(false))));
        Slim {
            suspicious,
            starting: phase == "Pending" && !suspicious && self.has_a_place(),
            healthy: !regular.is_empty() && regular.iter().chain(init).all(RawContainer::healthy),
            succeeded,
            job: self.job(),
            ended: if succeeded { regular.iter().filter_map(RawContainer::ended).max() } else { None },
        }
    }

    /// Pending for something else than room: it has a node, or the scheduler waits for a volume.
    fn has_a_place(&self) -> bool {
        self.spec.node_name.is_some() || self.status.nominated_node_name.is_some() || self.waits_for_volume()
    }

    /// The scheduler's words for claims and volumes all hold one of these.
    fn waits_for_volume(&self) -> bool {
        self.status.conditions.iter().flatten().any(|c| {
            let message = c.message.as_deref().unwrap_or_default();
            c.kind == "PodScheduled"
                && c.status == "False"
                && (message.contains("olume")
                    || message.contains("persistentvolumeclaim")
                    || message.contains("free ports"))
        })
    }

    fn job(&self) -> Option<String> {
        let owners = self.metadata.owner_references.iter().flatten();
        owners.into_iter().find(|o| o.controller == Some(true) && o.kind == "Job").map(|o| o.name.to_string())
    }
}

impl RawContainer<'_> {
    fn suspicious(&self, exit_zero_counts: bool) -> bool {
        let state = self.state.as_ref();
        let waiting = state.and_then(|s| s.waiting.as_ref()).and_then(|w| w.reason.as_deref()).unwrap_or_default();
        let bad_wait = !matches!(waiting, "" | "ContainerCreating" | "PodInitializing");
        let ended = state.and_then(|s| s.terminated.as_ref()).is_some_and(|t| exit_zero_counts || t.exit_code != 0);
        let before = self.last_state.as_ref().is_some_and(|s| s.terminated.is_some());
        bad_wait || ended || before || self.restart_count > 0
    }

    fn ended(&self) -> Option<jiff::Timestamp> {
        self.state.as_ref()?.terminated.as_ref()?.finished_at
    }

    fn healthy(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|s| s.running.is_some() || s.terminated.as_ref().is_some_and(|t| t.exit_code == 0))
    }
}

impl RawMeta<'_> {
    fn into_owned(self) -> ObjectMeta {
        let owned = |s: Option<Cow<'_, str>>| s.map(Cow::into_owned);
        ObjectMeta {
            name: owned(self.name),
            namespace: owned(self.namespace),
            uid: owned(self.uid),
            resource_version: owned(self.resource_version),
            deletion_timestamp: self.deletion_timestamp,
            owner_references: None::<Vec<OwnerReference>>,
            ..ObjectMeta::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::{ObjectList, WatchEvent};
    use serde_json::{Value, json};

    fn pod(status: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "u1", "resourceVersion": "7",
                         "labels": {"app": "web"}, "managedFields": [{"manager": "kubelet"}]},
            "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "web:1"}]}, "status": status})
    }

    fn slim(status: &Value) -> SlimPod {
        serde_json::from_str(&pod(status).to_string()).unwrap()
    }

    fn app(state: &Value, extra: &Value) -> Value {
        let mut c =
            json!({"name": "app", "restartCount": 0, "ready": false, "image": "", "imageID": "", "state": state});
        c.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!({"phase": "Running", "containerStatuses": [c]})
    }

    #[test]
    fn a_healthy_pod_is_not_decoded() {
        let p = slim(&app(&json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}), &json!({})));
        assert_eq!((p.slim.suspicious, p.slim.healthy, p.full.is_some()), (false, true, false));
        assert_eq!(p.metadata.uid.as_deref(), Some("u1"));
        assert_eq!(p.metadata.labels, None);
    }

    #[test]
    fn whatever_may_be_a_crash_brings_the_whole_pod() {
        let ended = |code: i32| json!({"terminated": {"exitCode": code, "reason": "Error"}});
        for (state, extra) in [
            (json!({"waiting": {"reason": "CrashLoopBackOff"}}), json!({})),
            (json!({"waiting": {"reason": "ImagePullBackOff"}}), json!({})),
            (json!({"waiting": {"reason": "CreateContainerConfigError"}}), json!({})),
            (ended(1), json!({})),
            (ended(0), json!({})),
            (json!({"running": {}}), json!({"restartCount": 1})),
            (json!({"running": {}}), json!({"lastState": ended(137)})),
        ] {
            let p = slim(&app(&state, &extra));
            assert!(p.slim.suspicious, "{state}");
            let full = serde_json::from_str::<Pod>(&pod(&app(&state, &extra)).to_string()).unwrap();
            assert_eq!(p.full.as_deref(), Some(&full));
        }
        assert!(slim(&json!({"phase": "Failed", "reason": "Evicted"})).slim.suspicious);
    }

    #[test]
    fn a_normal_start_is_remembered_but_not_suspected() {
        let p = slim(&json!({"phase": "Pending", "containerStatuses": [
            {"name": "app", "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]}));
        assert_eq!((p.slim.suspicious, p.slim.starting, p.slim.healthy), (false, true, false));
    }

    #[test]
    fn no_room_in_the_cluster_is_not_a_crash_but_a_missing_volume_may_be() {
        let unscheduled = |message: &str| {
            let mut p = pod(&json!({"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}));
            p["spec"].as_object_mut().unwrap().remove("nodeName");
            serde_json::from_str::<SlimPod>(&p.to_string()).unwrap().slim.starting
        };
        assert!(!unscheduled("0/1 nodes are available: 1 Insufficient cpu."));
        assert!(unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"));
        assert!(unscheduled("0/1 nodes are available: persistentvolumeclaim \"wiki-data\" not found. not found"));
    }

    #[test]
    fn completed_jobs_are_no_suspects() {
        let mut p = pod(&json!({"phase": "Succeeded", "containerStatuses": [
            {"name": "app", "restartCount": 2, "state": {"terminated": {"exitCode": 0}}}]}));
        p["metadata"]["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": "report-1",
            "uid": "j", "controller": true}]);
        p["spec"]["restartPolicy"] = json!("Never");
        let p: SlimPod = serde_json::from_str(&p.to_string()).unwrap();
        assert_eq!((p.slim.suspicious, p.slim.succeeded), (false, true));
        assert_eq!(p.slim.job.as_deref(), Some("report-1"));
    }

    #[test]
    fn both_ways_in_hand_over_the_bytes() {
        let status = app(&json!({"running": {}}), &json!({"restartCount": 3}));
        let event = format!(r#"{{"type":"MODIFIED","object":{}}}"#, pod(&status));
        let Ok(WatchEvent::Modified(p)) = serde_json::from_str::<WatchEvent<SlimPod>>(&event) else {
            panic!("{event}")
        };
        assert!(p.full.is_some());
        let list = format!(
            r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"9"}},"items":[{}]}}"#,
            pod(&status)
        );
        let list: ObjectList<SlimPod> = serde_json::from_str(&list).unwrap();
        assert!(list.items[0].full.is_some());
    }

    #[test]
    fn nulls_and_absent_fields_are_forgiven() {
        let odd = r#"{"metadata":{"name":"a","resourceVersion":"1"},"status":{"containerStatuses":null,"conditions":null,"phase":null}}"#;
        let p: SlimPod = serde_json::from_str(odd).unwrap();
        assert_eq!(p.slim, Slim::default());
    }
}
