//! A container's spec -> [`Container`] (its status is put in by `pod`).

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::diagnose::facts::{
    Container, ContainerKind, EnvFrom, EnvVar, KeyRef, Mount, Port, Probe, ProbeAction, Resources, RestartPolicy,
    RestartRule, Security,
};

use super::text::{message, word};
use super::{quantity, redact};

/// All containers of a pod template: init containers and sidecars first, in their order, then regular ones.
pub fn of_spec(spec: &core::PodSpec) -> Vec<Container> {
    let init = spec.init_containers.iter().flatten().map(|c| {
        let sidecar = c.restart_policy.as_deref() == Some("Always");
        facts(c, if sidecar { ContainerKind::Sidecar } else { ContainerKind::Init })
    });
    init.chain(spec.containers.iter().map(|c| facts(c, ContainerKind::Regular))).collect()
}

fn facts(c: &core::Container, kind: ContainerKind) -> Container {
    let hook = |h: Option<&core::LifecycleHandler>| h.map(handler);
    let lifecycle = c.lifecycle.as_ref();
    Container {
        name: word(&c.name),
        kind,
        restart_policy: c.restart_policy.as_deref().and_then(RestartPolicy::named),
        restart_rules: c.restart_policy_rules.iter().flatten().filter_map(restart_rule).collect(),
        image: message(c.image.as_deref().unwrap_or_default()),
        pull_policy: c.image_pull_policy.as_deref().map(word),
        command: redact::command_line(c.command.iter().flatten()),
        args: redact::command_line(c.args.iter().flatten()),
        working_dir: c.working_dir.as_deref().map(word),
        env: c.env.iter().flatten().map(env).collect(),
        env_from: c.env_from.iter().flatten().filter_map(env_from).collect(),
        ports: c.ports.iter().flatten().map(port).collect(),
        resources: resources(c.resources.as_ref()),
        liveness: c.liveness_probe.as_ref().map(probe),
        readiness: c.readiness_probe.as_ref().map(probe),
        startup: c.startup_probe.as_ref().map(probe),
        post_start: hook(lifecycle.and_then(|l| l.post_start.as_ref())),
        pre_stop: hook(lifecycle.and_then(|l| l.pre_stop.as_ref())),
        mounts: c
            .volume_mounts
            .iter()
            .flatten()
            .map(mount)
            .chain(c.volume_devices.iter().flatten().map(device))
            .collect(),
        security: security(c.security_context.as_ref()),
        ..Container::default()
    }
}

/// A rule on exit codes; all of its actions (`Restart`, `RestartAllContainers`) restart.
fn restart_rule(r: &core::ContainerRestartRule) -> Option<RestartRule> {
    let on = r.exit_codes.as_ref()?;
    Some(RestartRule { not_in: on.operator == "NotIn", codes: on.values.clone().unwrap_or_default() })
}

fn env(e: &core::EnvVar) -> EnvVar {
    EnvVar {
        name: word(&e.name),
        value: e.value.as_deref().map(|v| redact::value(&e.name, v)),
        from: e.value_from.as_ref().and_then(key_ref),
    }
}

fn key_ref(from: &core::EnvVarSource) -> Option<KeyRef> {
    let make = |kind: &str, name: &str, key: &str, optional: Option<bool>| {
        Some(KeyRef { kind: kind.into(), name: word(name), key: word(key), optional: optional.unwrap_or(false) })
    };
    if let Some(r) = &from.config_map_key_ref {
        return make("ConfigMap", &r.name, &r.key, r.optional);
    }
    if let Some(r) = &from.secret_key_ref {
        return make("Secret", &r.name, &r.key, r.optional);
    }
    if let Some(r) = &from.field_ref {
        return make("Field", &r.field_path, "", None);
    }
    if let Some(r) = &from.resource_field_ref {
        return make("ResourceField", &r.resource, "", None);
    }
    let r = from.file_key_ref.as_ref()?;
    make("File", &r.path, &r.key, r.optional)
}

fn env_from(e: &core::EnvFromSource) -> Option<EnvFrom> {
    let prefix = e.prefix.as_deref().map(word);
    if let Some(r) = &e.config_map_ref {
        return Some(EnvFrom {
            kind: "ConfigMap".into(),
            name: word(&r.name),
            prefix,
            optional: r.optional.unwrap_or(false),
        });
    }
    let r = e.secret_ref.as_ref()?;
    Some(EnvFrom { kind: "Secret".into(), name: word(&r.name), prefix, optional: r.optional.unwrap_or(false) })
}

fn port(p: &core::ContainerPort) -> Port {
    Port {
        name: p.name.as_deref().map(word),
        number: u16::try_from(p.container_port).unwrap_or(0),
        protocol: p.protocol.as_deref().map_or_else(|| "TCP".into(), word),
        host: p.host_port.and_then(|n| u16::try_from(n).ok()).filter(|n| *n > 0),
    }
}

/// Requests and limits, always from a spec.
pub fn resources(r: Option<&core::ResourceRequirements>) -> Resources {
    let Some(r) = r else { return Resources::default() };
    let limit = |name: &str| r.limits.as_ref().and_then(|l| l.get(name)).map(|q| q.0.as_str());
    let asked = |name: &str| r.requests.as_ref().and_then(|l| l.get(name)).map(|q| q.0.as_str());
    Resources {
        memory_limit: limit("memory").and_then(quantity::bytes),
        memory_request: asked("memory").and_then(quantity::bytes),
        cpu_limit: limit("cpu").and_then(quantity::millicores),
        cpu_request: asked("cpu").and_then(quantity::millicores),
        storage_limit: limit("ephemeral-storage").and_then(quantity::bytes),
        storage_request: asked("ephemeral-storage").and_then(quantity::bytes),
    }
}

/// A quantity in bytes.
pub fn bytes(q: Option<&Quantity>) -> Option<u64> {
    q.and_then(|q| quantity::bytes(&q.0))
}

/// A probe, with the API server's defaults where the object does not have them (a template from a file, say).
fn probe(p: &core::Probe) -> Probe {
    let number = |n: Option<i32>, default: i64| n.map_or(default, i64::from);
    // Zero is invalid for these three; the API server replaces it by the default.
    let positive = |n: Option<i32>, default: i64| n.map(i64::from).filter(|n| *n > 0).unwrap_or(default);
    Probe {
        action: action(p),
        initial_delay: number(p.initial_delay_seconds, 0),
        period: positive(p.period_seconds, 10),
        timeout: positive(p.timeout_seconds, 1),
        failure_threshold: positive(p.failure_threshold, 3),
        success_threshold: positive(p.success_threshold, 1),
        grace: p.termination_grace_period_seconds,
    }
}

fn action(p: &core::Probe) -> ProbeAction {
    if let Some(http) = &p.http_get {
        return ProbeAction::Http {
            path: http.path.as_deref().filter(|p| !p.is_empty()).map_or_else(|| "/".into(), message),
            port: int_or_string(&http.port),
            scheme: http.scheme.as_deref().map_or_else(|| "HTTP".into(), word),
            host: http.host.as_deref().filter(|h| !h.is_empty()).map(word),
        };
    }
    if let Some(tcp) = &p.tcp_socket {
        return ProbeAction::Tcp { port: int_or_string(&tcp.port) };
    }
    if let Some(grpc) = &p.grpc {
        let service = grpc.service.as_deref().filter(|s| !s.is_empty()).map(word);
        return ProbeAction::Grpc { port: u16::try_from(grpc.port).unwrap_or(0), service };
    }
    p.exec
        .as_ref()
        .map_or(ProbeAction::Unknown, |e| ProbeAction::Exec(redact::command_line(e.command.iter().flatten())))
}

pub(super) fn int_or_string(value: &IntOrString) -> String {
    match value {
        IntOrString::Int(n) => n.to_string(),
        IntOrString::String(s) => word(s),
    }
}

fn handler(h: &core::LifecycleHandler) -> String {
    if let Some(exec) = &h.exec {
        return format!("exec: {}", redact::command_line(exec.command.iter().flatten()).join(" "));
    }
    if let Some(http) = &h.http_get {
        return format!("httpGet: {} {}", int_or_string(&http.port), message(http.path.as_deref().unwrap_or("/")));
    }
    if let Some(sleep) = &h.sleep {
        return format!("sleep: {}", sleep.seconds);
    }
    h.tcp_socket.as_ref().map_or_else(|| "nothing".into(), |t| format!("tcpSocket: {}", int_or_string(&t.port)))
}

fn mount(m: &core::VolumeMount) -> Mount {
    Mount {
        volume: word(&m.name),
        path: word(&m.mount_path),
        sub_path: m.sub_path.as_deref().or(m.sub_path_expr.as_deref()).filter(|s| !s.is_empty()).map(word),
        read_only: m.read_only.unwrap_or(false),
    }
}

fn device(d: &core::VolumeDevice) -> Mount {
    Mount { volume: word(&d.name), path: word(&d.device_path), sub_path: None, read_only: false }
}

fn security(s: Option<&core::SecurityContext>) -> Security {
    let Some(s) = s else { return Security::default() };
    let names = |list: Option<&Vec<String>>| -> Vec<String> {
        list.into_iter().flatten().map(|c| word(c.strip_prefix("CAP_").unwrap_or(c))).collect()
    };
    let capabilities = s.capabilities.as_ref();
    Security {
        run_as_user: s.run_as_user,
        run_as_group: s.run_as_group,
        run_as_non_root: s.run_as_non_root,
        fs_group: None,
        read_only_root: s.read_only_root_filesystem,
        privileged: s.privileged,
        allow_privilege_escalation: s.allow_privilege_escalation,
        add_capabilities: names(capabilities.and_then(|c| c.add.as_ref())),
        drop_capabilities: names(capabilities.and_then(|c| c.drop.as_ref())),
    }
}
