//! Claims, volumes, classes and attachments.

use k8s_openapi::api::{core::v1 as core, storage::v1 as storage};

use crate::diagnose::facts::{Attachment, Claim, Condition, StorageClass, Volume};

use super::container::bytes;
use super::event::time;
use super::text::{message, word};

/// A PersistentVolumeClaim.
pub fn claim(c: &core::PersistentVolumeClaim) -> Claim {
    let meta = &c.metadata;
    let spec = c.spec.as_ref();
    let status = c.status.as_ref();
    let old_class = meta.annotations.as_ref().and_then(|a| a.get("volume.beta.kubernetes.io/storage-class"));
    Claim {
        namespace: word(meta.namespace.as_deref().unwrap_or_default()),
        name: word(meta.name.as_deref().unwrap_or_default()),
        uid: word(meta.uid.as_deref().unwrap_or_default()),
        phase: word(status.and_then(|s| s.phase.as_deref()).unwrap_or_default()),
        class: spec.and_then(|s| s.storage_class_name.as_ref()).or(old_class).map(|s| word(s)),
        access_modes: spec.and_then(|s| s.access_modes.as_ref()).into_iter().flatten().map(|m| word(m)).collect(),
        request: bytes(spec.and_then(|s| s.resources.as_ref()?.requests.as_ref()?.get("storage"))),
        volume: spec.and_then(|s| s.volume_name.as_deref()).filter(|v| !v.is_empty()).map(word),
        mode: spec.and_then(|s| s.volume_mode.as_deref()).map_or_else(|| "Filesystem".into(), word),
        deleting: time(meta.deletion_timestamp.as_ref()),
        conditions: status.and_then(|s| s.conditions.as_ref()).into_iter().flatten().map(condition).collect(),
    }
}

fn condition(c: &core::PersistentVolumeClaimCondition) -> Condition {
    Condition {
        kind: word(&c.type_),
        status: word(&c.status),
        reason: c.reason.as_deref().map(word),
        message: c.message.as_deref().map(message),
        since: time(c.last_transition_time.as_ref()),
    }
}

/// A PersistentVolume.
pub fn volume(v: &core::PersistentVolume) -> Volume {
    let spec = v.spec.as_ref();
    let claim = spec
        .and_then(|s| s.claim_ref.as_ref())
        .map(|r| format!("{}/{}", r.namespace.as_deref().unwrap_or_default(), r.name.as_deref().unwrap_or_default()));
    Volume {
        name: word(v.metadata.name.as_deref().unwrap_or_default()),
        phase: word(v.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or_default()),
        class: spec.and_then(|s| s.storage_class_name.as_deref()).map(word),
        capacity: bytes(spec.and_then(|s| s.capacity.as_ref()?.get("storage"))),
        access_modes: spec.and_then(|s| s.access_modes.as_ref()).into_iter().flatten().map(|m| word(m)).collect(),
        mode: spec.and_then(|s| s.volume_mode.as_deref()).map_or_else(|| "Filesystem".into(), word),
        claim: claim.map(|c| word(&c)),
        node_affinity: spec.and_then(|s| s.node_affinity.as_ref()?.required.as_ref()).map(affinity),
        source: spec.map(source).unwrap_or_default(),
    }
}

/// `topology.kubernetes.io/zone in (eu-1a)`; alternatives joined by `or`.
fn affinity(selector: &core::NodeSelector) -> String {
    let requirement = |r: &core::NodeSelectorRequirement| {
        let values = r.values.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ");
        match r.operator.as_str() {
            "In" => format!("{} in ({values})", r.key),
            "NotIn" => format!("{} not in ({values})", r.key),
            other => format!("{} {other} {values}", r.key).trim_end().to_owned(),
        }
    };
    let term = |t: &core::NodeSelectorTerm| {
        let fields = t.match_expressions.iter().flatten().chain(t.match_fields.iter().flatten());
        fields.map(requirement).collect::<Vec<_>>().join(" and ")
    };
    message(&selector.node_selector_terms.iter().map(term).collect::<Vec<_>>().join(" or "))
}

/// The API's name of the volume's source: the one field of the spec that is none of the common ones.
fn source(spec: &core::PersistentVolumeSpec) -> String {
    const COMMON: &[&str] = &[
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeAttributesClassName",
        "volumeMode",
    ];
    let value = serde_json::to_value(spec).unwrap_or_default();
    let fields = value.as_object().into_iter().flat_map(serde_json::Map::keys);
    fields.into_iter().find(|k| !COMMON.contains(&k.as_str())).map(|k| word(k)).unwrap_or_default()
}

/// A StorageClass.
pub fn class(c: &storage::StorageClass) -> StorageClass {
    let marked = |name: &str| c.metadata.annotations.as_ref().and_then(|a| a.get(name)).is_some_and(|v| v == "true");
    StorageClass {
        name: word(c.metadata.name.as_deref().unwrap_or_default()),
        provisioner: word(&c.provisioner),
        default: marked("storageclass.kubernetes.io/is-default-class")
            || marked("storageclass.beta.kubernetes.io/is-default-class"),
        wait_for_consumer: c.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer"),
    }
}

/// A VolumeAttachment.
pub fn attachment(a: &storage::VolumeAttachment) -> Attachment {
    let status = a.status.as_ref();
    let error =
        status.and_then(|s| s.attach_error.as_ref().or(s.detach_error.as_ref())).and_then(|e| e.message.as_deref());
    Attachment {
        name: word(a.metadata.name.as_deref().unwrap_or_default()),
        volume: word(a.spec.source.persistent_volume_name.as_deref().unwrap_or_default()),
        node: word(&a.spec.node_name),
        attached: status.is_some_and(|s| s.attached),
        error: error.map(message),
    }
}
