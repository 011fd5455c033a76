//! What differs between two pod templates, in the words of `kubectl diff` readers: `image web:1.4 -> web:1.5`.
//!
//! Variables by name only: a value may be a secret that nothing in its name tells.

use std::collections::BTreeMap;

use crate::diagnose::facts::{
    Container, EnvFrom, EnvVar, KeyedSource, Mount, Probe, ProbeAction, Security, VolumeSource, WorkloadFacts,
};
use crate::diagnose::words;

/// Most names in one list.
const MAX_NAMES: usize = 8;
/// Longest value quoted, characters.
const MAX_VALUE: usize = 120;

/// Every difference, those of container `first` before the others.
pub fn differences(old: &WorkloadFacts, new: &WorkloadFacts, first: &str) -> Vec<String> {
    let mut out = Vec::new();
    let alone = old.containers.len() == 1 && new.containers.len() == 1;
    let mut containers: Vec<&Container> = new.containers.iter().collect();
    containers.sort_by_key(|c| c.name != first);
    for c in containers {
        match old.containers.iter().find(|o| o.name == c.name) {
            Some(o) => {
                let prefix = if alone { String::new() } else { format!("{}: ", c.name) };
                out.extend(of_container(o, c).into_iter().map(|d| format!("{prefix}{d}")));
            }
            None => out.push(format!("container {} added", c.name)),
        }
    }
    let gone = old.containers.iter().filter(|o| new.containers.iter().all(|c| c.name != o.name));
    out.extend(gone.map(|o| format!("container {} removed", o.name)));
    let volumes = |f: &WorkloadFacts| f.volumes.iter().map(|v| (v.name.clone(), volume(&v.source))).collect();
    out.extend(maps("volume", &volumes(old), &volumes(new)));
    out.extend(security("pod ", &old.security, &new.security));
    out.extend(maps("", &old.settings, &new.settings));
    out
}

fn of_container(o: &Container, n: &Container) -> Vec<String> {
    let mut out: Vec<String> = [
        arrow("image", Some(o.image.clone()), Some(n.image.clone())),
        arrow("imagePullPolicy", o.pull_policy.clone(), n.pull_policy.clone()),
        arrow("command", line(&o.command), line(&n.command)),
        arrow("args", line(&o.args), line(&n.args)),
        arrow("workingDir", o.working_dir.clone(), n.working_dir.clone()),
    ]
    .into_iter()
    .flatten()
    .collect();
    out.extend(env(&o.env, &n.env));
    out.extend(maps("envFrom", &env_from(&o.env_from), &env_from(&n.env_from)));
    out.extend(resources(o, n));
    for (what, o, n) in [
        ("liveness probe", &o.liveness, &n.liveness),
        ("readiness probe", &o.readiness, &n.readiness),
        ("startup probe", &o.startup, &n.startup),
    ] {
        out.extend(probe(what, o.as_ref(), n.as_ref()));
    }
    out.extend(arrow("postStart", o.post_start.clone(), n.post_start.clone()));
    out.extend(arrow("preStop", o.pre_stop.clone(), n.pre_stop.clone()));
    out.extend(maps("mount", &mounts(&o.mounts), &mounts(&n.mounts)));
    out.extend(security("", &o.security, &n.security));
    let ports =
        |c: &Container| c.ports.iter().map(|p| (format!("{}/{}", p.number, p.protocol), String::new())).collect();
    out.extend(maps("port", &ports(o), &ports(n)));
    out
}

/// `memory limit 512Mi -> 256Mi`, `... 256Mi added`, `... 512Mi removed`; `None` where both are the same.
fn arrow(what: &str, old: Option<String>, new: Option<String>) -> Option<String> {
    let short = |s: &str| words::cut(s, MAX_VALUE);
    match (old, new) {
        (o, n) if o == n => None,
        (Some(o), Some(n)) => Some(format!("{what} {} -> {}", short(&o), short(&n))),
        (None, Some(n)) => Some(format!("{what} {} added", short(&n))),
        (Some(o), None) => Some(format!("{what} {} removed", short(&o))),
        (None, None) => None,
    }
}

fn line(command: &[String]) -> Option<String> {
    (!command.is_empty()).then(|| format!("[{}]", command.join(" ")))
}

/// `mount /data added`, `volume config: ConfigMap a -> ConfigMap b`.
fn maps(what: &str, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<String> {
    let lead = if what.is_empty() { String::new() } else { format!("{what} ") };
    let with = |value: &str| match value {
        "" => String::new(),
        v if what.is_empty() => format!(" {v}"),
        v => format!(" ({})", words::cut(v, MAX_VALUE)),
    };
    let mut out = Vec::new();
    for (name, n) in new {
        match old.get(name) {
            None => out.push(format!("{lead}{name}{} added", with(n))),
            Some(o) if o != n => {
                let colon = if what.is_empty() { "" } else { ":" };
                out.push(format!("{lead}{name}{colon} {} -> {}", words::cut(o, MAX_VALUE), words::cut(n, MAX_VALUE)));
            }
            Some(_) => {}
        }
    }
    let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
    out.extend(gone.map(|(name, o)| format!("{lead}{name}{} removed", with(o))));
    out
}

fn env(old: &[EnvVar], new: &[EnvVar]) -> Vec<String> {
    // The last of one name counts, as in the container.
    let by_name =
        |list: &[EnvVar]| -> BTreeMap<String, EnvVar> { list.iter().map(|e| (e.name.clone(), e.clone())).collect() };
    let (old, new) = (by_name(old), by_name(new));
    let removed = old.keys().filter(|k| !new.contains_key(*k)).cloned().collect();
    let added = new.keys().filter(|k| !old.contains_key(*k)).cloned().collect();
    let changed = new.iter().filter(|(k, n)| old.get(*k).is_some_and(|o| o != *n)).map(|(k, n)| match &n.from {
        Some(f) if old.get(k).is_some_and(|o| o.from != n.from) => {
            format!("{k} (now from {} {} {})", f.kind, f.name, f.key).replace(" )", ")")
        }
        _ => k.clone(),
    });
    let changed = changed.collect();
    [(removed, "removed"), (added, "added"), (changed, "changed")]
        .into_iter()
        .filter_map(|(names, what)| Some(format!("env {} {what}", listed(names)?)))
        .collect()
}

fn listed(mut names: Vec<String>) -> Option<String> {
    let more = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    match more {
        0 if names.is_empty() => None,
        0 => Some(names.join(", ")),
        _ => Some(format!("{} and {more} more", names.join(", "))),
    }
}

fn env_from(list: &[EnvFrom]) -> BTreeMap<String, String> {
    let prefix = |e: &EnvFrom| e.prefix.as_ref().map(|p| format!("prefix {p}")).unwrap_or_default();
    list.iter().map(|e| (format!("{} {}", e.kind, e.name), prefix(e))).collect()
}

fn resources(o: &Container, n: &Container) -> impl Iterator<Item = String> {
    let (o, n) = (o.resources, n.resources);
    let bytes = |b: Option<u64>| b.map(words::bytes);
    let cpu = |c: Option<u64>| c.map(words::cpu);
    [
        arrow("memory limit", bytes(o.memory_limit), bytes(n.memory_limit)),
        arrow("memory request", bytes(o.memory_request), bytes(n.memory_request)),
        arrow("CPU limit", cpu(o.cpu_limit), cpu(n.cpu_limit)),
        arrow("CPU request", cpu(o.cpu_request), cpu(n.cpu_request)),
        arrow("ephemeral-storage limit", bytes(o.storage_limit), bytes(n.storage_limit)),
        arrow("ephemeral-storage request", bytes(o.storage_request), bytes(n.storage_request)),
    ]
    .into_iter()
    .flatten()
}

fn probe(what: &str, old: Option<&Probe>, new: Option<&Probe>) -> Option<String> {
    let (o, n) = match (old, new) {
        (Some(o), Some(n)) => (o, n),
        (None, Some(n)) => return Some(format!("{what} ({}) added", action(&n.action))),
        (Some(_), None) => return Some(format!("{what} removed")),
        (None, None) => return None,
    };
    let seconds = |s: i64| Some(format!("{s}s"));
    let number = |n: i64| Some(n.to_string());
    let changed: Vec<String> = [
        arrow("", Some(action(&o.action)), Some(action(&n.action))),
        arrow("initialDelay", seconds(o.initial_delay), seconds(n.initial_delay)),
        arrow("period", seconds(o.period), seconds(n.period)),
        arrow("timeout", seconds(o.timeout), seconds(n.timeout)),
        arrow("failureThreshold", number(o.failure_threshold), number(n.failure_threshold)),
        arrow("successThreshold", number(o.success_threshold), number(n.success_threshold)),
        arrow("grace period", o.grace.and_then(seconds), n.grace.and_then(seconds)),
    ]
    .into_iter()
    .flatten()
    .map(|c| c.trim_start().to_owned())
    .collect();
    (!changed.is_empty()).then(|| format!("{what} {}", changed.join(", ")))
}

fn action(a: &ProbeAction) -> String {
    let text = match a {
        ProbeAction::Http { path, port, scheme, host } => {
            format!("{scheme} {}:{port}{path}", host.as_deref().unwrap_or_default())
        }
        ProbeAction::Tcp { port } => format!("TCP :{port}"),
        ProbeAction::Grpc { port, service } => format!("gRPC :{port} {}", service.as_deref().unwrap_or_default()),
        ProbeAction::Exec(command) => format!("exec [{}]", command.join(" ")),
        ProbeAction::Unknown => "unknown".into(),
    };
    words::cut(&text, MAX_VALUE)
}

fn mounts(list: &[Mount]) -> BTreeMap<String, String> {
    let words = |m: &Mount| {
        let sub = m.sub_path.as_ref().map(|s| format!(", subPath {s}")).unwrap_or_default();
        let read_only = if m.read_only { ", read-only" } else { "" };
        format!("volume {}{sub}{read_only}", m.volume)
    };
    list.iter().map(|m| (m.path.clone(), words(m))).collect()
}

fn volume(source: &VolumeSource) -> String {
    let keyed = |kind: &str, k: &KeyedSource| {
        let items: Vec<&str> = k.items.iter().map(|(key, _)| key.as_str()).collect();
        let keys = if items.is_empty() { String::new() } else { format!(" keys {}", items.join(", ")) };
        let mode = k.mode.filter(|m| *m != 0o644).map(|m| format!(" mode {m:o}")).unwrap_or_default();
        format!("{kind} {}{keys}{mode}{}", k.name, if k.optional { " optional" } else { "" })
    };
    match source {
        VolumeSource::ConfigMap(k) => keyed("ConfigMap", k),
        VolumeSource::Secret(k) => keyed("Secret", k),
        VolumeSource::Claim { name, read_only } => {
            format!("claim {name}{}", if *read_only { " read-only" } else { "" })
        }
        VolumeSource::HostPath { path, kind } => format!("hostPath {path} {kind}").trim_end().to_owned(),
        VolumeSource::EmptyDir { memory, size_limit } => {
            let medium = if *memory { " in memory" } else { "" };
            format!("emptyDir{medium}{}", size_limit.map(|s| format!(" of {}", words::bytes(s))).unwrap_or_default())
        }
        VolumeSource::Projected(all) => all.iter().map(volume).collect::<Vec<_>>().join(" + "),
        VolumeSource::Other(kind) => kind.clone(),
        VolumeSource::Unknown => "unknown".into(),
    }
}

fn security(whose: &str, o: &Security, n: &Security) -> Vec<String> {
    let number = |n: Option<i64>| n.map(|n| n.to_string());
    let yes = |b: Option<bool>| b.map(|b| b.to_string());
    let list = |l: &[String]| (!l.is_empty()).then(|| l.join(","));
    [
        ("runAsUser", number(o.run_as_user), number(n.run_as_user)),
        ("runAsGroup", number(o.run_as_group), number(n.run_as_group)),
        ("runAsNonRoot", yes(o.run_as_non_root), yes(n.run_as_non_root)),
        ("fsGroup", number(o.fs_group), number(n.fs_group)),
        ("readOnlyRootFilesystem", yes(o.read_only_root), yes(n.read_only_root)),
        ("privileged", yes(o.privileged), yes(n.privileged)),
        ("allowPrivilegeEscalation", yes(o.allow_privilege_escalation), yes(n.allow_privilege_escalation)),
        ("added capabilities", list(&o.add_capabilities), list(&n.add_capabilities)),
        ("dropped capabilities", list(&o.drop_capabilities), list(&n.drop_capabilities)),
    ]
    .into_iter()
    .filter_map(|(what, o, n)| arrow(&format!("{whose}{what}"), o, n))
    .collect()
}
