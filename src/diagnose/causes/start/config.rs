//! ConfigMaps, Secrets and keys that the pod refers to and that are not there.
//!
//! Kubelet's words: `CreateContainerConfigError` with `configmap "x" not found`, `secret "x" not found`,
//! `couldn't find key k in ConfigMap ns/x`; for volumes the event FailedMount with `configmap "x" not found`,
//! `configmap references non-existent config key: k`, `references non-existent secret key: k`. A passing
//! `failed to sync configmap cache` is neither (kubelet-facts): healthy pods show it while many start at once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::facts::{ConfigObject, KeyedSource, PodVolume, VolumeSource};
use crate::diagnose::stated::{self, Said};
use crate::diagnose::wants::Want;
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Diagnosis, Evidence, Finding, Reason, RootCause, Source, near};

/// What is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Missing {
    /// `ConfigMap` or `Secret`.
    kind: &'static str,
    /// Object; `None` where the message does not name it and the pod's spec does not tell.
    name: Option<String>,
    /// Key, where it is the key that is missing.
    key: Option<String>,
}

static OBJECT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b(configmap|secret)s? "([^"]+)" not found"#).ok());
static KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)couldn't find key (\S+) in (configmap|secret) \S+?/([^\s,;]+)").ok());
static VOLUME_KEY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)references non-existent (config|secret) key: ([^\s,;\]]+)").ok());
static VOLUME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"for volume "([^"]+)""#).ok());

/// Reads what kubelet says is missing.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut said = stated::at_start(case);
    said.extend(stated::on_stuck_pod(case, &["FailedMount"]));
    let Some((missing, s)) = said.iter().find_map(|s| Some((read(case, s.text)?, s))) else { return Vec::new() };
    vec![finding(case, &missing, s)]
}

fn kind_of(word: &str) -> &'static str {
    if word.to_ascii_lowercase().starts_with("config") { "ConfigMap" } else { "Secret" }
}

fn read(case: &Case, text: &str) -> Option<Missing> {
    let captures = |r: &'static LazyLock<Option<Regex>>| r.as_ref()?.captures(text);
    let own = |m: Option<regex::Match>| m.map(|m| m.as_str().trim_end_matches('.').to_owned());
    if let Some(c) = captures(&KEY) {
        return Some(Missing { kind: kind_of(&c[2]), name: own(c.get(3)), key: own(c.get(1)) });
    }
    if let Some(c) = captures(&VOLUME_KEY) {
        let (kind, key) = (kind_of(&c[1]), own(c.get(2)));
        let volume = captures(&VOLUME).and_then(|v| own(v.get(1)));
        let name = volume.and_then(|v| source_of_key(case.pod.volume(&v)?, kind, key.as_deref()?));
        return Some(Missing { kind, name, key });
    }
    let c = captures(&OBJECT)?;
    Some(Missing { kind: kind_of(&c[1]), name: own(c.get(2)), key: None })
}

/// The object behind a volume that wants `key`; of a projected volume, the one source that wants it.
fn source_of_key(volume: &PodVolume, kind: &str, key: &str) -> Option<String> {
    fn keyed<'a>(source: &'a VolumeSource, kind: &str) -> Option<&'a KeyedSource> {
        match (source, kind) {
            (VolumeSource::ConfigMap(k), "ConfigMap") | (VolumeSource::Secret(k), "Secret") => Some(k),
            _ => None,
        }
    }
    if let VolumeSource::Projected(sources) = &volume.source {
        let mut of_kind = sources.iter().filter_map(|s| keyed(s, kind));
        return of_kind.find(|k| k.items.iter().any(|(name, _)| name == key)).map(|k| k.name.clone());
    }
    keyed(&volume.source, kind).map(|k| k.name.clone())
}

fn finding(case: &Case, missing: &Missing, said: &Said) -> Finding {
    let ns = &case.pod.namespace;
    let kind = missing.kind;
    let object = missing.name.as_deref().map_or_else(|| format!("a {kind}"), |n| format!("{kind} {n}"));
    let (reason, what) = match (&missing.key, kind) {
        (Some(key), _) => (Reason::ConfigKeyNotFound, format!("{object} has no key \"{key}\"")),
        (None, "ConfigMap") => (Reason::ConfigMapNotFound, format!("{object} does not exist in namespace {ns}")),
        (None, _) => (Reason::SecretNotFound, format!("{object} does not exist in namespace {ns}")),
    };
    let place = place(case, missing);
    let wants = place.as_ref().map_or(String::new(), |p| format!(" ({p})"));
    let summary = format!("{} cannot start: {what}{wants}.", case.container.name);
    let mut finding = Finding::new(reason, Confidence::Certain, Basis::Stated, summary).evidence(said.evidence());
    if let Some(place) = &place {
        finding = finding.evidence(Evidence::new(Source::PodSpec, format!("{object} is wanted by {place}")));
    }
    if let Some(name) = &missing.name {
        finding = finding.blame(RootCause {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: ns.clone(),
            name: name.clone(),
            workload: None,
            summary: match &missing.key {
                Some(key) => format!("it has no key \"{key}\""),
                None => "it does not exist".into(),
            },
        });
    }
    advise(case, missing, finding)
}

/// Where the spec asks for it: `env DB_HOST`, `envFrom`, `volume config`.
fn place(case: &Case, missing: &Missing) -> Option<String> {
    let name = missing.name.as_deref()?;
    let container = case.container;
    let by_env = container.env.iter().find(|e| {
        e.from.as_ref().is_some_and(|f| {
            f.kind == missing.kind && f.name == name && missing.key.as_ref().is_none_or(|k| *k == f.key)
        })
    });
    if let Some(e) = by_env {
        return Some(format!("env {}", e.name));
    }
    if missing.key.is_none() && container.env_from.iter().any(|e| e.kind == missing.kind && e.name == name) {
        return Some("envFrom".into());
    }
    let uses = |source: &VolumeSource| match (source, missing.kind) {
        (VolumeSource::ConfigMap(k), "ConfigMap") | (VolumeSource::Secret(k), "Secret") => k.name == name,
        _ => false,
    };
    let volume = case.pod.volumes.iter().find(|v| match &v.source {
        VolumeSource::Projected(all) => all.iter().any(uses),
        source => uses(source),
    })?;
    Some(format!("volume {}", volume.name))
}

fn advise(case: &Case, missing: &Missing, finding: Finding) -> Finding {
    let (ns, kind) = (&case.pod.namespace, missing.kind);
    let lower = kind.to_lowercase();
    let Some(name) = missing.name.as_deref() else {
        let key = missing.key.as_deref().unwrap_or_default();
        return finding.advise(format!("Add the key \"{key}\", or correct the volume's items."));
    };
    let Some(key) = &missing.key else {
        let near = similar(case, kind, name);
        let text = format!(
            "Create {kind} {name} in namespace {ns}, or correct the name in {}.{near}",
            case.kubectl_workload()
        );
        let finding = elsewhere(case, kind, name, finding);
        return finding.advise_command(text, format!("kubectl -n {ns} get {lower}s"));
    };
    let keys = case.cluster.config(kind, ns, name).and_then(|c| c.keys.as_ref());
    let (has, near) = match keys {
        Some(keys) => {
            let all: Vec<&str> = keys.iter().map(String::as_str).collect();
            let listed =
                if all.is_empty() { "no keys".into() } else { format!("the keys {}", cut(&all.join(", "), 200)) };
            (Some(format!("{kind} {ns}/{name} has {listed}")), near::hint(key, &all))
        }
        None => (None, String::new()),
    };
    let finding = match has {
        Some(has) => finding.evidence(Evidence::new(Source::Config, has).of(format!("{kind} {ns}/{name}"))),
        None => finding,
    };
    finding.advise_command(
        format!("Add the key \"{key}\" to {lower} {name}, or correct the key in {}.{near}", case.kubectl_workload()),
        format!("kubectl -n {ns} describe {lower} {name}"),
    )
}

/// What the namespace has instead: the names of its ConfigMaps, or the keys of the one that lacks the key. Never of Secrets.
pub(in crate::diagnose) fn wants(case: &Case, diagnosis: &Diagnosis) -> Vec<Want> {
    let namespace = case.pod.namespace.clone();
    let Some(root) = diagnosis.root_cause.as_ref().filter(|r| r.kind == "ConfigMap" && r.namespace == namespace) else {
        return Vec::new();
    };
    match diagnosis.reason {
        Reason::ConfigMapNotFound => vec![Want::Labelled { kind: "ConfigMap", namespace, labels: BTreeMap::new() }],
        Reason::ConfigKeyNotFound if case.cluster.config("ConfigMap", &namespace, &root.name).is_none() => {
            vec![Want::Object { kind: "ConfigMap", namespace, name: root.name.clone() }]
        }
        _ => Vec::new(),
    }
}

/// Names like it in the namespace.
fn similar(case: &Case, kind: &str, name: &str) -> String {
    let of_kind = |c: &&ConfigObject| c.kind == kind && c.namespace == case.pod.namespace;
    let names: Vec<&str> = case.cluster.configs.iter().filter(of_kind).map(|c| c.name.as_str()).collect();
    near::hint(name, &names)
}

/// It exists, but in another namespace, or as the other kind.
fn elsewhere(case: &Case, kind: &str, name: &str, finding: Finding) -> Finding {
    let ns = &case.pod.namespace;
    let found = case.cluster.configs.iter().find(|c| c.name == name && (c.kind != kind || c.namespace != *ns));
    match found {
        Some(c) => finding.evidence(
            Evidence::new(Source::Config, format!("there is a {} of that name in namespace {}", c.kind, c.namespace))
                .of(format!("{} {}/{}", c.kind, c.namespace, c.name)),
        ),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{EnvVar, KeyRef};
    use crate::diagnose::testing::World;

    #[test]
    fn the_status_names_object_and_key() {
        for (message, reason, name, key) in [
            (r#"configmap "payments-config" not found"#, Reason::ConfigMapNotFound, "payments-config", None),
            (r#"configmaps "a" not found"#, Reason::ConfigMapNotFound, "a", None),
            (r#"secret "database-secret" not found"#, Reason::SecretNotFound, "database-secret", None),
            (
                "couldn't find key database_host in ConfigMap shop/app-config",
                Reason::ConfigKeyNotFound,
                "app-config",
                Some("database_host"),
            ),
            ("couldn't find key password in Secret shop/db", Reason::ConfigKeyNotFound, "db", Some("password")),
        ] {
            let found = World::new().waiting("CreateContainerConfigError", message).examine(examine);
            assert_eq!(found[0].reason, reason, "{message}");
            let root = found[0].root_cause.as_ref().expect("a root cause");
            assert_eq!(root.name, name);
            assert!(key.is_none_or(|k| root.summary.contains(k)));
        }
    }

    #[test]
    fn a_volumes_key_leads_to_its_source() {
        let volume = PodVolume {
            name: "certs".into(),
            source: VolumeSource::ConfigMap(KeyedSource {
                name: "ca".into(),
                items: vec![("ca.crt".into(), "ca".into())],
                ..KeyedSource::default()
            }),
        };
        let found = World::new()
            .waiting("ContainerCreating", "")
            .with(|w| w.pod().volumes.push(volume))
            .event(
                "FailedMount",
                r#"MountVolume.SetUp failed for volume "certs" : configmap references non-existent config key: ca.crt"#,
                5,
            )
            .examine(examine);
        assert_eq!(found[0].reason, Reason::ConfigKeyNotFound);
        assert_eq!(found[0].root_cause.as_ref().map(|r| r.name.as_str()), Some("ca"));
    }

    #[test]
    fn a_cache_that_is_late_is_no_missing_object() {
        let message = r#"MountVolume.SetUp failed for volume "kube-api-access-5x8xp" : failed to sync configmap cache: timed out waiting for the condition"#;
        assert!(
            World::new().waiting("ContainerCreating", "").event("FailedMount", message, 1).examine(examine).is_empty()
        );
    }

    #[test]
    fn the_namespace_is_asked_for_what_may_be_meant_but_never_for_secrets() {
        let asked = |message: &str| {
            let w = World::new().waiting("CreateContainerConfigError", message);
            wants(&w.case(), &w.diagnose()).iter().map(Want::key).collect::<Vec<_>>()
        };
        assert_eq!(asked(r#"configmap "app-confg" not found"#), ["ConfigMap/shop"]);
        assert_eq!(asked("couldn't find key HOST in ConfigMap shop/app-config"), ["ConfigMap/shop/app-config"]);
        assert!(asked(r#"secret "db" not found"#).is_empty());
        assert!(asked("couldn't find key password in Secret shop/db").is_empty());
    }

    #[test]
    fn a_key_that_is_nearly_right_is_proposed() {
        let found = World::new()
            .waiting("CreateContainerConfigError", "couldn't find key DATABASE_HOST in ConfigMap shop/app-config")
            .with(|w| {
                w.container().env.push(EnvVar {
                    name: "DB".into(),
                    value: None,
                    from: Some(KeyRef {
                        kind: "ConfigMap".into(),
                        name: "app-config".into(),
                        key: "DATABASE_HOST".into(),
                        optional: false,
                    }),
                });
                w.cluster.configs.push(ConfigObject {
                    kind: "ConfigMap".into(),
                    namespace: "shop".into(),
                    name: "app-config".into(),
                    keys: Some(vec!["database_host".into()]),
                    ..ConfigObject::default()
                });
            })
            .examine(examine);
        assert!(found[0].summary.contains("env DB"), "{}", found[0].summary);
        assert!(found[0].remediation[0].text.contains("Did you mean \"database_host\"?"));
    }
}
