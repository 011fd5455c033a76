//! ConfigMaps and Secrets -> [`ConfigObject`]: names and keys. Values are never kept, so they are not even decoded.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::diagnose::facts::ConfigObject;

use super::event::time;
use super::text::word;

/// A ConfigMap or Secret without its values.
#[allow(clippy::zero_sized_map_values, reason = "a decoder that skips values needs a map to read")]
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeysOnly {
    metadata: ObjectMeta,
    data: Option<BTreeMap<String, IgnoredAny>>,
    string_data: Option<BTreeMap<String, IgnoredAny>>,
    binary_data: Option<BTreeMap<String, IgnoredAny>>,
}

/// An object decoded without its values. `kind`: `ConfigMap` or `Secret`.
pub fn facts(kind: &str, o: &KeysOnly) -> ConfigObject {
    let maps = [&o.data, &o.string_data, &o.binary_data];
    let keys = maps.into_iter().flatten().flat_map(|m| m.keys()).map(|k| word(k)).collect();
    // A Secret without any data was most likely stripped by whoever collected it.
    let read = kind == "ConfigMap" || maps.iter().any(|m| m.is_some());
    object(kind, &o.metadata, read.then_some(keys))
}

/// A ConfigMap as the API server gives it.
pub fn config_map(c: &core::ConfigMap) -> ConfigObject {
    let keys = c.data.iter().flatten().map(|(k, _)| k).chain(c.binary_data.iter().flatten().map(|(k, _)| k));
    object("ConfigMap", &c.metadata, Some(keys.map(|k| word(k)).collect()))
}

fn object(kind: &str, meta: &ObjectMeta, keys: Option<Vec<String>>) -> ConfigObject {
    ConfigObject {
        kind: kind.into(),
        namespace: word(meta.namespace.as_deref().unwrap_or_default()),
        name: word(meta.name.as_deref().unwrap_or_default()),
        keys,
        created: time(meta.creation_timestamp.as_ref()),
        changed: meta.managed_fields.iter().flatten().filter_map(|m| time(m.time.as_ref())).max(),
        resource_version: word(meta.resource_version.as_deref().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(kind: &str, value: serde_json::Value) -> ConfigObject {
        facts(kind, &serde_json::from_value(value).unwrap())
    }

    #[test]
    fn keys_without_values_and_broken_base64_is_no_matter() {
        let o = decode(
            "Secret",
            serde_json::json!({"metadata": {"name": "s"}, "data": {"password": "not base64!"}, "stringData": {"user": "x"}}),
        );
        assert_eq!(o.keys, Some(vec!["password".to_owned(), "user".to_owned()]));
        assert!(!format!("{o:?}").contains("base64"));
    }

    #[test]
    fn a_stripped_secret_has_unknown_keys_and_an_empty_config_map_none() {
        assert_eq!(decode("Secret", serde_json::json!({"metadata": {"name": "s"}})).keys, None);
        assert_eq!(decode("ConfigMap", serde_json::json!({"metadata": {"name": "c"}})).keys, Some(vec![]));
    }
}
