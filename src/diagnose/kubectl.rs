//! Commands with concrete values, for advice. `None` where no single command does it: a bare pod's spec cannot be
//! changed in place, and an object of an unknown kind keeps its pod template somewhere unknown.

use super::Case;
use super::facts::{ContainerKind, Probe, ProbeAction};
use std::fmt::Write as _;

/// Whether the workload is of a kind whose pod template is where Kubernetes' own kinds have it.
fn template_path(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" => Some("template"),
        "CronJob" => Some("jobTemplate"),
        _ => None,
    }
}

/// `kubectl -n shop set resources deployment/web -c app --limits=memory=384Mi`.
pub fn set_limit(case: &Case, limit: &str) -> Option<String> {
    template_path(&case.pod.workload.kind)?;
    Some(format!(
        "kubectl -n {} set resources {} -c {} --limits={limit}",
        case.pod.namespace,
        case.kubectl_workload(),
        case.container.name
    ))
}

/// `kubectl -n shop set env deployment/web -c app NAME=VALUE`, where the value is plain enough to be quoted.
pub fn set_env(case: &Case, name: &str, value: &str) -> Option<String> {
    template_path(&case.pod.workload.kind)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_+=:./%, ".contains(c);
    if value.is_empty() || !value.chars().all(plain) || value.len() > 300 {
        return None;
    }
    let quoted = if value.contains(' ') { format!("'{value}'") } else { value.to_owned() };
    Some(format!(
        "kubectl -n {} set env {} -c {} {name}={quoted}",
        case.pod.namespace,
        case.kubectl_workload(),
        case.container.name
    ))
}

/// A strategic merge patch of the pod's own memory limit (`spec.resources`), and of the container's with it where that is given.
pub fn patch_pod_limit(case: &Case, pod: &str, container: Option<&str>) -> Option<String> {
    let limits = |of: &str| format!(r#""resources":{{"limits":{{"memory":"{of}"}}}}"#);
    let (list, name) = (list(case), &case.container.name);
    let inner = container.map_or_else(String::new, |c| format!(r#","{list}":[{{"name":"{name}",{}}}]"#, limits(c)));
    patch_pod_spec(case, &format!("{}{inner}", limits(pod)))
}

/// A strategic merge patch of the container: `fields` is the inside of its JSON object.
pub fn patch_container(case: &Case, fields: &str) -> Option<String> {
    let (list, name) = (list(case), &case.container.name);
    patch_pod_spec(case, &format!(r#""{list}":[{{"name":"{name}",{fields}}}]"#))
}

fn list(case: &Case) -> &'static str {
    if case.container.kind == ContainerKind::Regular { "containers" } else { "initContainers" }
}

/// `fields` is the inside of the pod spec's JSON object.
fn patch_pod_spec(case: &Case, fields: &str) -> Option<String> {
    let pod_spec = format!(r#"{{"spec":{{{fields}}}}}"#);
    let patch = match template_path(&case.pod.workload.kind)? {
        "jobTemplate" => format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{pod_spec}}}}}}}}}"#),
        _ => format!(r#"{{"spec":{{"template":{pod_spec}}}}}"#),
    };
    Some(format!("kubectl -n {} patch {} -p '{patch}'", case.pod.namespace, case.kubectl_workload()))
}

/// The probe's action as JSON fields, e.g. `"httpGet":{"path":"/healthz","port":8080}`.
pub fn probe_action(probe: &Probe) -> Option<String> {
    let port_json = |port: &str| {
        if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() { port.to_owned() } else { json_text(port) }
    };
    match &probe.action {
        ProbeAction::Http { path, port, scheme, host } => {
            let mut json = format!(r#""httpGet":{{"path":{},"port":{}"#, json_text(path), port_json(port));
            if scheme == "HTTPS" {
                json.push_str(r#","scheme":"HTTPS""#);
            }
            if let Some(host) = host {
                let _ = write!(json, r#","host":{}"#, json_text(host));
            }
            json.push('}');
            Some(json)
        }
        ProbeAction::Tcp { port } => Some(format!(r#""tcpSocket":{{"port":{}}}"#, port_json(port))),
        ProbeAction::Grpc { port, service } => Some(match service {
            Some(service) => format!(r#""grpc":{{"port":{port},"service":{}}}"#, json_text(service)),
            None => format!(r#""grpc":{{"port":{port}}}"#),
        }),
        ProbeAction::Exec(command) if command.iter().all(|c| c.len() <= 120 && !c.contains('\'')) => {
            let words: Vec<String> = command.iter().map(|c| json_text(c)).collect();
            Some(format!(r#""exec":{{"command":[{}]}}"#, words.join(",")))
        }
        ProbeAction::Exec(_) | ProbeAction::Unknown => None,
    }
}

/// A JSON string, safe inside single quotes of a shell.
fn json_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\'' => out.push_str("\\u0027"),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    #[test]
    fn commands_name_workload_and_container() {
        let world = World::new();
        assert_eq!(
            set_limit(&world.case(), "memory=384Mi").as_deref(),
            Some("kubectl -n shop set resources deployment/web -c app --limits=memory=384Mi")
        );
        let probe = Probe {
            action: ProbeAction::Http { path: "/it's".into(), port: "http".into(), scheme: "HTTPS".into(), host: None },
            ..Probe::default()
        };
        let action = probe_action(&probe).expect("an action");
        assert_eq!(action, r#""httpGet":{"path":"/it\u0027s","port":"http","scheme":"HTTPS"}"#);
        let patch = patch_container(&world.case(), r#""livenessProbe":{"timeoutSeconds":5}"#).expect("a patch");
        assert_eq!(
            patch,
            r#"kubectl -n shop patch deployment/web -p '{"spec":{"template":{"spec":{"containers":[{"name":"app","livenessProbe":{"timeoutSeconds":5}}]}}}}'"#
        );
    }

    #[test]
    fn a_bare_pod_has_no_command() {
        let world = World::new().with(|w| w.pod().workload.kind = "Pod".into());
        assert_eq!(set_limit(&world.case(), "memory=1Gi"), None);
    }
}
