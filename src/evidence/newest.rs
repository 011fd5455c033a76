//! The newest time in an object: offline, that is when somebody looked.

use serde_json::Value;

use crate::diagnose::facts::Timestamp;

/// The newest time that the API wrote into an object. Times that may lie ahead are left out: a deletion is stamped with
/// the end of its grace period, certificates and leases with their end.
///
/// Of a node only its heartbeats count: the other times say when it came and changed, which may be long after the pods
/// in the same files were looked at (a bundle put together later).
pub fn in_object(value: &Value) -> Option<Timestamp> {
    let mut newest = None;
    if value.get("kind").and_then(Value::as_str) == Some("Node") {
        let conditions = value.pointer("/status/conditions").and_then(Value::as_array);
        for beat in conditions.into_iter().flatten().filter_map(|c| c.get("lastHeartbeatTime")) {
            walk(beat, "lastHeartbeatTime", 0, &mut newest);
        }
        return newest;
    }
    walk(value, "", 0, &mut newest);
    // A lease is renewed every few seconds: nothing tells the time better.
    if let Some(renewed) = value.pointer("/spec/renewTime") {
        walk(renewed, "renewTime", 0, &mut newest);
    }
    newest
}

fn walk(value: &Value, key: &str, depth: usize, newest: &mut Option<Timestamp>) {
    if depth > 32 {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (k, v) in fields {
                if !matches!(k.as_str(), "annotations" | "labels" | "data" | "spec" | "stringData" | "binaryData") {
                    walk(v, k, depth + 1, newest);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|v| walk(v, key, depth + 1, newest)),
        Value::String(s) if is_time_key(key) && s.len() < 40 => {
            if let Ok(t) = s.parse::<Timestamp>() {
                *newest = (*newest).max(Some(t));
            }
        }
        _ => {}
    }
}

fn is_time_key(key: &str) -> bool {
    !matches!(key, "deletionTimestamp" | "nextScheduleTime" | "expirationTimestamp")
        && (key.ends_with("Time") || key.ends_with("Timestamp") || matches!(key, "startedAt" | "finishedAt" | "time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletion_lies_ahead_and_does_not_count() {
        let v = serde_json::json!({
            "metadata": {"creationTimestamp": "2024-05-01T10:00:00Z", "deletionTimestamp": "2024-05-01T12:00:00Z",
                "managedFields": [{"time": "2024-05-01T10:01:00Z"}], "annotations": {"someTime": "2030-01-01T00:00:00Z"}},
            "status": {"conditions": [{"lastTransitionTime": "2024-05-01T10:02:00Z"}], "restartTime": null}
        });
        assert_eq!(in_object(&v).unwrap().to_string(), "2024-05-01T10:02:00Z");
    }
}
