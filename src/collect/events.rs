//! Events of one pod, by uid: what happened to its namesakes is not its story.

use serde_json::Value;

use super::{Kind, Miss, Reader, Select};
use crate::diagnose::facts::Pod;

/// Most events read for one object; a pod has a few dozen at most within the hour that the API server keeps them.
const MAX_EVENTS: u32 = 200;

/// The events of a pod. The kubelet knows a static pod by its config hash (kubelet-facts, "Static pods").
pub async fn of_pod(reader: &Reader, pod: &Pod) -> Result<Value, Miss> {
    let uid = pod.static_hash.as_ref().unwrap_or(&pod.uid);
    of_uid(reader, &pod.namespace, uid).await
}

/// The events that regard one object.
pub async fn of_uid(reader: &Reader, namespace: &str, uid: &str) -> Result<Value, Miss> {
    let select = Select { fields: format!("involvedObject.uid={uid}"), limit: MAX_EVENTS, ..Select::default() };
    reader.list(Kind::Event, Some(namespace), &select).await
}
