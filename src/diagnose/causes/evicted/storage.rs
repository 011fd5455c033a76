//! EphemeralStorageExceeded: evicted for using more local storage than a limit of its own.
//!
//! Kubelet's words (eviction manager): `Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. `,
//! `Container app exceeded its local ephemeral storage limit "2Gi". `, `Usage of EmptyDir volume "cache" exceeds the limit
//! "500Mi". `.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::facts::VolumeSource;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, words};

static OF_POD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"ephemeral local storage usage exceeds the total limit of containers (\S+?)\.?(?:\s|$)").ok()
});
static OF_CONTAINER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"[Cc]ontainer (\S+) exceeded its local ephemeral storage limit "([^"]+)""#).ok());
static OF_VOLUME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"EmptyDir volume "([^"]+)" exceeds the limit "([^"]+)""#).ok());

/// Which limit it was.
enum Limit<'a> {
    Pod(&'a str),
    Container(&'a str, &'a str),
    Volume(&'a str, &'a str),
}

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(eviction) = super::eviction(case) else { return Vec::new() };
    let Some(limit) = limit(eviction.text) else { return Vec::new() };
    let what = match limit {
        Limit::Pod(size) => format!("its containers wrote more to local disk than their limits together, {size}"),
        Limit::Container(name, size) => {
            format!("container {name} wrote more to local disk than its ephemeral-storage limit of {size}")
        }
        Limit::Volume(name, size) => format!("its emptyDir volume {name} grew above its sizeLimit of {size}"),
    };
    let text = format!("The kubelet evicted the pod: {what}.");
    let mut finding = Finding::new(Reason::EphemeralStorageExceeded, Confidence::Certain, Basis::Stated, text)
        .evidence(eviction.evidence());
    finding.evidence.extend(spec(case, &limit));
    vec![advise(case, &limit, finding)]
}

fn limit(text: &str) -> Option<Limit<'_>> {
    fn two<'t>(pattern: &'static LazyLock<Option<Regex>>, text: &'t str) -> Option<(&'t str, &'t str)> {
        let c = pattern.as_ref()?.captures(text)?;
        Some((c.get(1)?.as_str(), c.get(2).map_or("", |m| m.as_str())))
    }
    if let Some((size, _)) = two(&OF_POD, text) {
        return Some(Limit::Pod(size));
    }
    if let Some((name, size)) = two(&OF_CONTAINER, text) {
        return Some(Limit::Container(name, size));
    }
    two(&OF_VOLUME, text).map(|(name, size)| Limit::Volume(name, size))
}

/// What the spec says of that limit.
fn spec(case: &Case, limit: &Limit) -> Option<Evidence> {
    if let Limit::Volume(name, size) = limit {
        let memory = matches!(case.pod.volume(name)?.source, VolumeSource::EmptyDir { memory: true, .. });
        let medium = if memory { ", medium Memory" } else { "" };
        let mounts: Vec<&str> = case
            .pod
            .containers
            .iter()
            .flat_map(|c| c.mounts.iter().filter(|m| m.volume == *name).map(|m| m.path.as_str()))
            .collect();
        let at = if mounts.is_empty() { String::new() } else { format!(", mounted at {}", mounts.join(", ")) };
        return Some(Evidence::new(Source::PodSpec, format!("emptyDir {name}: sizeLimit {size}{medium}{at}")));
    }
    let limits: Vec<String> = case
        .pod
        .containers
        .iter()
        .filter_map(|c| Some(format!("{} {}", c.name, words::bytes(c.resources.storage_limit?))))
        .collect();
    (!limits.is_empty())
        .then(|| Evidence::new(Source::PodSpec, format!("limits of ephemeral-storage: {}", limits.join(", "))))
}

fn advise(case: &Case, limit: &Limit, finding: Finding) -> Finding {
    let ns = &case.pod.namespace;
    let finding = finding.advise(
        "Find what writes: logs into files, uploads and temporary files, caches, core dumps. Container logs on the node count, too.",
    );
    match limit {
        Limit::Volume(name, size) => finding.advise(format!(
            "Clean volume {name} in time, or raise its sizeLimit above {size}; for much data use a volume claim."
        )),
        Limit::Pod(size) | Limit::Container(_, size) => {
            finding.advise(format!(
                "If it needs the space, raise the limit above {size} and the request with it: measure a pod that lives (du -xh /)."
            ))
        }
    }
    .advise_command(
        "Evicted pods stay as failed objects; remove them:",
        format!("kubectl -n {ns} delete pods --field-selector status.phase=Failed"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{State, Terminated};
    use crate::diagnose::testing::{World, at};

    fn evicted(message: &str) -> World {
        World::new().with(|w| {
            w.pod().phase = "Failed".into();
            w.pod().reason = Some("Evicted".into());
            w.pod().message = Some(message.into());
            w.container().status.state = State::Terminated(Terminated {
                exit_code: 137,
                reason: "ContainerStatusUnknown".into(),
                finished: Some(at(20)),
                ..Terminated::default()
            });
        })
    }

    #[test]
    fn each_limit_is_named() {
        for (message, words) in [
            ("Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ", "1Mi"),
            (r#"Container app exceeded its local ephemeral storage limit "2Gi". "#, "container app"),
            (r#"Usage of EmptyDir volume "cache" exceeds the limit "500Mi". "#, "volume cache"),
        ] {
            let found = evicted(message).diagnose();
            assert_eq!((found.reason, found.confidence), (Reason::EphemeralStorageExceeded, Confidence::Certain));
            assert!(found.summary.contains(words), "{}", found.summary);
            assert!(found.evidence[0].detail.contains(message.trim()));
        }
    }

    #[test]
    fn the_event_alone_tells_while_the_pod_ends() {
        let world = World::new().crashed(137, "Error", 30).event(
            "Evicted",
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ",
            30,
        );
        let gone = world.with(|w| w.pod().phase = "Failed".into());
        assert_eq!(gone.diagnose().reason, Reason::EphemeralStorageExceeded);
    }

    #[test]
    fn the_log_of_an_evicted_pod_is_not_the_cause() {
        let world = evicted(r#"Container app exceeded its local ephemeral storage limit "2Gi". "#)
            .log("Traceback (most recent call last):\n  File \"a.py\", line 1\nValueError: x\n");
        assert_eq!(world.diagnose().reason, Reason::EphemeralStorageExceeded);
    }
}
