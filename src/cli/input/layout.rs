//! What a path says about a file: the layouts of our bundles, of `kubectl cluster-info dump`, and of must-gather.

use std::path::Path;

use serde_json::Value;

use crate::diagnose::facts::LogSlot;
use crate::evidence::LogKey;

/// What a file is, by its path.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// One container's log.
    Log(LogKey),
    /// The logs of all containers of a pod in one file, between markers.
    DumpLog,
    /// Kubernetes objects.
    Objects,
    /// Nothing for us.
    Other,
}

/// Goes by name and folders:
/// `logs/NS/POD/CONTAINER/previous.log` (ours), `namespaces/NS/pods/POD/CONTAINER/CONTAINER/logs/current.log` (must-gather),
/// `NS/POD/logs.txt` (cluster-info dump), `*.yaml`, `*.yml`, `*.json`.
pub fn kind_of(path: &Path) -> Kind {
    let parts: Vec<&str> = path.iter().filter_map(|p| p.to_str()).collect();
    let Some((file, folders)) = parts.split_last() else { return Kind::Other };
    let slot = match *file {
        "previous.log" => LogSlot::Previous,
        "current.log" => LogSlot::Current,
        "logs.txt" => return Kind::DumpLog,
        other => {
            let objects = [".yaml", ".yml", ".json"].iter().any(|e| other.to_ascii_lowercase().ends_with(e));
            return if objects { Kind::Objects } else { Kind::Other };
        }
    };
    match folders {
        [.., namespace, "pods", pod, container, _, "logs"] | [.., "logs", namespace, pod, container] => {
            let [namespace, pod, container] = [namespace, pod, container].map(|s| (*s).to_owned());
            Kind::Log(LogKey { namespace, pod, container, slot })
        }
        _ => Kind::Other,
    }
}

/// Files of the two dump layouts that hold every object of a kind: (file stem, kind).
const COMPLETE: &[(&str, &str)] = &[
    ("pods", "Pod"),
    ("services", "Service"),
    ("configmaps", "ConfigMap"),
    ("secrets", "Secret"),
    ("persistentvolumeclaims", "PersistentVolumeClaim"),
    ("deployments", "Deployment"),
    ("daemonsets", "DaemonSet"),
    ("statefulsets", "StatefulSet"),
    ("replicasets", "ReplicaSet"),
];

/// Whether a file of a dump is the complete list of a kind in its namespace. A List of unknown origin is not: it may
/// have been selected by label or name.
pub fn complete_list(path: &Path, value: &Value) -> Option<(String, Option<String>)> {
    let stem = path.file_stem()?.to_str()?;
    let (_, kind) = COMPLETE.iter().find(|(name, _)| *name == stem)?;
    let listed = value.get("kind").and_then(Value::as_str)?;
    if listed != "List" && listed.strip_suffix("List") != Some(kind) {
        return None;
    }
    let folders: Vec<&str> = path.parent()?.iter().filter_map(|p| p.to_str()).collect();
    let namespace = match folders.as_slice() {
        [.., "namespaces", namespace, "core" | "apps"] => namespace,
        // The dump's folder of a namespace holds this very set of files.
        [.., namespace] if is_dump_of_namespace(path) => namespace,
        _ => return None,
    };
    Some(((*kind).to_owned(), Some((*namespace).to_owned())))
}

/// `kubectl cluster-info dump` writes JSON, or YAML with `-o yaml`.
fn is_dump_of_namespace(file: &Path) -> bool {
    ["json", "yaml"].iter().any(|e| file.with_file_name("replication-controllers").with_extension(e).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(path: &str) -> Option<String> {
        match kind_of(Path::new(path)) {
            Kind::Log(k) => Some(format!("{}/{}/{} {:?}", k.namespace, k.pod, k.container, k.slot)),
            _ => None,
        }
    }

    #[test]
    fn log_layouts() {
        assert_eq!(log("/x/logs/shop/web-1/app/previous.log").as_deref(), Some("shop/web-1/app Previous"));
        let gathered = "must-gather/img/namespaces/shop/pods/web-1/app/app/logs/current.log";
        assert_eq!(log(gathered).as_deref(), Some("shop/web-1/app Current"));
        assert_eq!(log("/x/app/previous.log"), None);
        assert_eq!(kind_of(Path::new("d/shop/web-1/logs.txt")), Kind::DumpLog);
        assert_eq!(kind_of(Path::new("d/x.YAML")), Kind::Objects);
    }

    #[test]
    fn only_a_dump_is_complete() {
        let list = serde_json::json!({"kind": "ConfigMapList", "items": []});
        let gathered = Path::new("m/namespaces/shop/core/configmaps.yaml");
        assert_eq!(complete_list(gathered, &list), Some(("ConfigMap".into(), Some("shop".into()))));
        assert_eq!(complete_list(Path::new("x/configmaps.yaml"), &list), None);
    }
}
