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

/// Splits the log file of a cluster-info dump: `==== START logs for container C of pod NS/POD ====` ... `==== END ...`.
pub fn split_dump(bytes: &[u8]) -> Vec<(LogKey, &[u8])> {
    let mut parts = Vec::new();
    let mut open: Option<(LogKey, usize)> = None;
    let mut at = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let next = at + line.len();
        if let Some(key) = marker(line, "==== START logs for container ") {
            open = Some((key, next));
        } else if let Some(key) = marker(line, "==== END logs for container ")
            && let Some((started, from)) = open.take()
            && started == key
        {
            parts.push((key, &bytes[from..at]));
        }
        at = next;
    }
    if let Some((key, from)) = open {
        parts.push((key, &bytes[from..]));
    }
    parts
}

fn marker(line: &[u8], start: &str) -> Option<LogKey> {
    let line = std::str::from_utf8(line).ok()?.trim_end().strip_prefix(start)?.strip_suffix(" ====")?;
    let (container, pod) = line.split_once(" of pod ")?;
    let (namespace, pod) = pod.split_once('/')?;
    Some(LogKey { namespace: namespace.into(), pod: pod.into(), container: container.into(), slot: LogSlot::Current })
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
        [.., namespace] if path.with_file_name("replication-controllers.json").is_file() => namespace,
        _ => return None,
    };
    Some(((*kind).to_owned(), Some((*namespace).to_owned())))
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
    fn a_dump_log_is_split_by_container() {
        let text = b"==== START logs for container a of pod shop/web ====\none\ntwo\n==== END logs for container a of pod shop/web ====\n==== START logs for container b of pod shop/web ====\nlast\n";
        let parts = split_dump(text);
        let shown: Vec<_> =
            parts.iter().map(|(k, b)| (k.container.as_str(), std::str::from_utf8(b).unwrap())).collect();
        assert_eq!(shown, [("a", "one\ntwo\n"), ("b", "last\n")]);
    }

    #[test]
    fn only_a_dump_is_complete() {
        let list = serde_json::json!({"kind": "ConfigMapList", "items": []});
        let gathered = Path::new("m/namespaces/shop/core/configmaps.yaml");
        assert_eq!(complete_list(gathered, &list), Some(("ConfigMap".into(), Some("shop".into()))));
        assert_eq!(complete_list(Path::new("x/configmaps.yaml"), &list), None);
    }
}
