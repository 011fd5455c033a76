//! The volumes of a pod's spec -> [`PodVolume`].

use k8s_openapi::api::core::v1 as core;

use crate::diagnose::facts::{KeyedSource, PodVolume, VolumeSource};

use super::container::bytes;
use super::text::word;

/// A volume. `pod`: the pod's name, from which the claim of an ephemeral volume takes its own (`POD-VOLUME`).
pub fn facts(v: &core::Volume, pod: &str) -> PodVolume {
    PodVolume { name: word(&v.name), source: source(v, pod) }
}

fn source(v: &core::Volume, pod: &str) -> VolumeSource {
    if let Some(s) = &v.config_map {
        return VolumeSource::ConfigMap(keyed(&s.name, s.items.as_ref(), s.default_mode, s.optional));
    }
    if let Some(s) = &v.secret {
        return VolumeSource::Secret(keyed(
            s.secret_name.as_deref().unwrap_or_default(),
            s.items.as_ref(),
            s.default_mode,
            s.optional,
        ));
    }
    if let Some(s) = &v.persistent_volume_claim {
        return VolumeSource::Claim { name: word(&s.claim_name), read_only: s.read_only.unwrap_or(false) };
    }
    if v.ephemeral.is_some() {
        return VolumeSource::Claim { name: word(&format!("{pod}-{}", v.name)), read_only: false };
    }
    if let Some(s) = &v.host_path {
        return VolumeSource::HostPath { path: word(&s.path), kind: s.type_.as_deref().map(word).unwrap_or_default() };
    }
    if let Some(s) = &v.empty_dir {
        return VolumeSource::EmptyDir {
            memory: s.medium.as_deref() == Some("Memory"),
            size_limit: bytes(s.size_limit.as_ref()),
        };
    }
    if let Some(s) = &v.projected {
        let mode = s.default_mode;
        return VolumeSource::Projected(s.sources.iter().flatten().map(|p| projection(p, mode)).collect());
    }
    field_name(v).map_or(VolumeSource::Unknown, VolumeSource::Other)
}

fn projection(p: &core::VolumeProjection, mode: Option<i32>) -> VolumeSource {
    if let Some(s) = &p.config_map {
        return VolumeSource::ConfigMap(keyed(&s.name, s.items.as_ref(), mode, s.optional));
    }
    if let Some(s) = &p.secret {
        return VolumeSource::Secret(keyed(&s.name, s.items.as_ref(), mode, s.optional));
    }
    let name = if p.service_account_token.is_some() {
        "serviceAccountToken"
    } else if p.downward_api.is_some() {
        "downwardAPI"
    } else if p.cluster_trust_bundle.is_some() {
        "clusterTrustBundle"
    } else if p.pod_certificate.is_some() {
        "podCertificate"
    } else {
        return VolumeSource::Unknown;
    };
    VolumeSource::Other(name.into())
}

fn keyed(name: &str, items: Option<&Vec<core::KeyToPath>>, mode: Option<i32>, optional: Option<bool>) -> KeyedSource {
    KeyedSource {
        name: word(name),
        items: items.into_iter().flatten().map(|i| (word(&i.key), word(&i.path))).collect(),
        mode,
        optional: optional.unwrap_or(false),
    }
}

/// The API's name of the source of a rarer kind.
fn field_name(v: &core::Volume) -> Option<String> {
    let value = serde_json::to_value(v).ok()?;
    value.as_object()?.keys().find(|k| *k != "name").map(|k| word(k))
}
