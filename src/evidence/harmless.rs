//! Objects that leave the machine (a bundle attached to an issue): without secrets, and without what no diagnosis needs.
//!
//! Works on the JSON itself, so that fields which we do not decode are treated alike. Annotations go by a list of what is wanted;
//! everything else keeps its place, its text redacted by the same rules as evidence.

use serde_json::{Map, Value};

use super::{redact, text};

/// Deepest nesting kept; the API's own objects stay far below.
const MAX_DEPTH: usize = 64;

/// Annotations that evidence reads, by prefix. `kubectl.kubernetes.io/last-applied-configuration` is none of them.
const ANNOTATIONS: &[&str] = &[
    "crashdiagnosis.dev/",
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/default-container",
    "kubectl.kubernetes.io/restartedAt",
    "kubernetes.io/config.",
    "pv.kubernetes.io/bind-completed",
    "storageclass.beta.kubernetes.io/is-default-class",
    "storageclass.kubernetes.io/is-default-class",
    "volume.beta.kubernetes.io/",
    "volume.kubernetes.io/",
];

/// Fields that hold names and ids, which are no secrets and must stay what they are.
const NAMES: &[&str] = &[
    "apiVersion",
    "containerID",
    "claimName",
    "controller",
    "fieldPath",
    "kind",
    "labels",
    "matchLabels",
    "name",
    "namespace",
    "nodeName",
    "nodeSelector",
    "resourceVersion",
    "selector",
    "uid",
    "volumeName",
];

/// Fields that no diagnosis needs and that may say too much: settings of storage drivers, fields of all managers.
const DROPPED: &[&str] = &["volumeAttributes", "parameters", "selfLink", "ownerName"];

/// Fields of a node that evidence reads.
const OF_NODES: &[(&str, &[&str])] = &[
    ("metadata", &["name", "uid", "labels", "creationTimestamp", "deletionTimestamp"]),
    ("spec", &["unschedulable", "taints"]),
    ("status", &["nodeInfo", "conditions", "allocatable", "capacity"]),
];

/// The object without secrets; `None` where nothing of it may leave: a Secret.
pub fn harmless(mut value: Value) -> Option<Value> {
    let kind = value.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "Secret" => return None,
        "ConfigMap" => keys_only(&mut value),
        "Node" => keep_only(&mut value, OF_NODES),
        _ => {}
    }
    managed_fields(&mut value, kind == "ConfigMap");
    strip(&mut value, "", 0);
    Some(value)
}

/// The values of a ConfigMap stay where they are; which keys there are is what counts.
fn keys_only(value: &mut Value) {
    for field in ["data", "binaryData"] {
        if let Some(Value::Object(map)) = value.get_mut(field) {
            map.values_mut().for_each(|v| *v = Value::String(String::new()));
        }
    }
}

fn keep_only(value: &mut Value, wanted: &[(&str, &[&str])]) {
    let Value::Object(fields) = value else { return };
    fields.retain(|k, _| matches!(k.as_str(), "apiVersion" | "kind") || wanted.iter().any(|(w, _)| w == k));
    for (part, keys) in wanted {
        if let Some(Value::Object(map)) = fields.get_mut(*part) {
            map.retain(|k, _| keys.contains(&k.as_str()));
        }
    }
}

/// Of the managed fields only the newest time is evidence, and of ConfigMaps only: when it last changed.
fn managed_fields(value: &mut Value, keep_time: bool) {
    let Some(Value::Object(meta)) = value.get_mut("metadata") else { return };
    let Some(Value::Array(managers)) = meta.remove("managedFields") else { return };
    let newest = managers.iter().filter_map(|m| m.get("time")?.as_str()).max().map(str::to_owned);
    if let Some(time) = newest.filter(|_| keep_time) {
        meta.insert("managedFields".into(), serde_json::json!([{ "time": time }]));
    }
}

/// `key`: the field that holds the value; elements of a list keep the key of their list.
fn strip(value: &mut Value, key: &str, depth: usize) {
    if depth > MAX_DEPTH {
        *value = Value::Null;
        return;
    }
    match value {
        Value::String(s) => *s = if NAMES.contains(&key) { text::word(s) } else { text::message(s) },
        Value::Array(items) if matches!(key, "command" | "args") => command_line(items),
        Value::Array(items) => items.iter_mut().for_each(|v| strip(v, key, depth + 1)),
        Value::Object(fields) if key == "annotations" => annotations(fields),
        Value::Object(fields) if NAMES.contains(&key) && depth > 1 => labels(fields, depth),
        Value::Object(fields) => object(fields, key, depth),
        _ => {}
    }
}

fn object(fields: &mut Map<String, Value>, key: &str, depth: usize) {
    fields.retain(|k, _| !DROPPED.contains(&k.as_str()));
    if key == "env" {
        environment(fields);
    }
    for (k, v) in fields.iter_mut() {
        strip(v, k, depth + 1);
    }
}

/// `{name, value}`: whether the value is a secret is for the name to say.
fn environment(fields: &mut Map<String, Value>) {
    let Some(name) = fields.get("name").and_then(Value::as_str).map(str::to_owned) else { return };
    if let Some(Value::String(v)) = fields.get_mut("value") {
        *v = redact::value(&name, v);
    }
}

fn command_line(items: &mut [Value]) {
    let words: Vec<String> = items.iter().map(|v| v.as_str().unwrap_or_default().to_owned()).collect();
    for (item, word) in items.iter_mut().zip(redact::command_line(&words)) {
        *item = Value::String(word);
    }
}

fn annotations(fields: &mut Map<String, Value>) {
    fields.retain(|k, _| ANNOTATIONS.iter().any(|a| k.starts_with(a)));
    for v in fields.values_mut() {
        strip(v, "", MAX_DEPTH);
    }
}

/// Labels and selectors, whose keys are not ours to interpret.
fn labels(fields: &mut Map<String, Value>, depth: usize) {
    for v in fields.values_mut() {
        strip(v, "labels", depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cleaned(value: &Value) -> Value {
        harmless(value.clone()).unwrap()
    }

    #[test]
    fn no_secret_leaves_in_a_pod() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-1", "labels": {"app": "web", "args": "x"}, "managedFields": [{"time": "2026-01-01T00:00:00Z"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"env\":\"hunter2\"}", "crashdiagnosis.dev/ignore": "false"}},
            "spec": {"containers": [{"name": "app", "image": "https://u:hunter2@registry.example/x",
                "command": ["run", "--password", "hunter2"], "args": ["--url=postgres://a:hunter2@db/x"],
                "env": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "URL", "value": "redis://:hunter2@r:1"}, {"name": "LEVEL", "value": "debug"}],
                "livenessProbe": {"exec": {"command": ["curl", "-u", "a:b", "--token", "hunter2"]},
                    "httpGet": {"port": 80, "httpHeaders": [{"name": "Authorization", "value": "Bearer hunter2hunter2"}]}}}]},
            "status": {"containerStatuses": [{"lastState": {"terminated": {"message": "login failed password=hunter2 \u{1b}[31m"}}}]}});
        let out = cleaned(&pod);
        let text = out.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains("\\u001b") && !text.contains("managedFields"), "{text}");
        assert_eq!(out["metadata"]["labels"], json!({"app": "web", "args": "x"}));
        assert_eq!(out["metadata"]["annotations"], json!({"crashdiagnosis.dev/ignore": "false"}));
        assert_eq!(out["spec"]["containers"][0]["env"][2]["value"], "debug");
        assert_eq!(out["spec"]["containers"][0]["args"][0], "--url=postgres://a:***@db/x");
    }

    #[test]
    fn a_config_map_keeps_its_keys_and_when_it_changed() {
        let map = json!({"kind": "ConfigMap", "metadata": {"name": "c", "managedFields": [{"time": "2026-01-01T00:00:00Z", "manager": "m"}, {"time": "2026-01-02T00:00:00Z"}]},
            "data": {"password": "hunter2", "annotations": "x"}, "binaryData": {"key.pem": "aHVudGVyMg=="}});
        let out = cleaned(&map);
        assert_eq!(out["data"], json!({"password": "", "annotations": ""}));
        assert_eq!(out["binaryData"], json!({"key.pem": ""}));
        assert_eq!(out["metadata"]["managedFields"], json!([{"time": "2026-01-02T00:00:00Z"}]));
    }

    #[test]
    fn secrets_stay_and_nodes_lose_what_nobody_asks_for() {
        assert_eq!(harmless(json!({"kind": "Secret", "metadata": {"name": "s"}})), None);
        let node = json!({"kind": "Node", "metadata": {"name": "n", "annotations": {"a": "b"}}, "spec": {"podCIDR": "10.0.0.0/24", "taints": []},
            "status": {"images": [{"names": ["x"]}], "addresses": [], "nodeInfo": {"architecture": "amd64"}}});
        let out = cleaned(&node);
        assert_eq!(
            out,
            json!({"kind": "Node", "metadata": {"name": "n"}, "spec": {"taints": []}, "status": {"nodeInfo": {"architecture": "amd64"}}})
        );
    }

    #[test]
    fn templates_of_workloads_and_revisions_are_treated_alike() {
        let revision = json!({"kind": "ControllerRevision", "metadata": {"name": "r"}, "data": {"spec": {"template": {
            "metadata": {"annotations": {"x": "hunter2"}}, "spec": {"containers": [{"env": [{"name": "API_KEY", "value": "hunter2"}]}]}}}}});
        assert!(!cleaned(&revision).to_string().contains("hunter2"));
    }

    #[test]
    fn depth_is_bounded() {
        let mut deep = json!("hunter2");
        for _ in 0..200 {
            deep = json!({ "a": deep });
        }
        assert!(!cleaned(&json!({"kind": "Pod", "spec": deep})).to_string().contains("hunter2"));
    }
}
