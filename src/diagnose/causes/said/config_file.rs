//! ConfigFileNotFound and ConfigPermissionDenied: a configuration file that is not there, or that the process may not read.

use super::place::{self, Place};
use super::{Told, named, said, tell};
use crate::diagnose::facts::{Container, KeyedSource, Mount, VolumeSource};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, RootCause, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut found = tell(case, Reason::ConfigFileNotFound, missing);
    found.extend(tell(case, Reason::ConfigPermissionDenied, denied));
    found
}

fn missing(case: &Case, failure: &Failure) -> Told {
    let told = Told::new(format!("the file {} is not there ({})", named(failure, "that it needs"), said(failure)));
    let Some(path) = failure.subject.as_deref() else {
        return told
            .advise("Mount the file that the message names from a ConfigMap or Secret, or put it into the image.");
    };
    if place::is_token(path) {
        return told
            .evidence(Source::PodSpec, "the token of the service account is not in the container")
            .advise("Let the token be mounted: automountServiceAccountToken must not be false for the pod or its service account, and no other volume may lie over /var/run/secrets.");
    }
    let Some(mount) = place::mount_of(case, path) else {
        return told
            .evidence(Source::PodSpec, format!("no volume of container {} is mounted over {path}", case.container.name))
            .advise(format!("Put {path} into the image, or mount it from a ConfigMap or Secret; check that the path the program looks at is the one that is mounted."));
    };
    let told = told.evidence(Source::PodSpec, place::describe(case, mount));
    if let Some(VolumeSource::EmptyDir { .. }) = case.pod.mounted(mount) {
        return of_empty(case, mount, told);
    }
    if place::kind_of(case, mount) != Place::Config {
        return told.advise(format!("Put the file onto the volume below {}, or correct the path.", mount.path));
    }
    let file = path.strip_prefix(mount.path.as_str()).unwrap_or(path).trim_start_matches('/');
    let mut told = keys(case, mount.volume.as_str(), told);
    told.root = without_key(case, mount, file);
    told.advise(format!(
        "Each key becomes a file of that name below {}: add the key {file}, or correct the path the program is told to read.",
        mount.path
    ))
}

/// An emptyDir begins empty with each pod: whatever is to be in it has to be written there by a container of that pod.
fn of_empty(case: &Case, mount: &Mount, told: Told) -> Told {
    let shares = |c: &&Container| c.name != case.container.name && c.mounts.iter().any(|m| m.volume == mount.volume);
    let others: Vec<&str> = case.pod.containers.iter().filter(shares).map(|c| c.name.as_str()).collect();
    let told = if others.is_empty() {
        told.advise(format!(
            "The volume at {} is an emptyDir: new and empty with each pod, so nothing can be put there beforehand. Let an init container write the file.",
            mount.path
        ))
    } else {
        told.advise(format!(
            "The volume at {} is an emptyDir: new and empty with each pod. {} of this pod mounts it too: look whether it is the one to write the file, and before this one.",
            mount.path,
            others.join(", ")
        ))
    };
    told.advise(format!("If the file is to outlive the pod, mount a PersistentVolumeClaim at {} in its place; if it belongs to the image, mount the emptyDir elsewhere.", mount.path))
}

/// The ConfigMap or Secret that is mounted where the program misses a file.
pub(in crate::diagnose) fn mounted(case: &Case) -> Option<RootCause> {
    let missing = |f: &&Failure| super::assign::reason(case, f) == Some(Reason::ConfigFileNotFound);
    let path = case.log().failures.iter().find(missing)?.subject.as_deref()?;
    let (kind, source) = object(case, &place::mount_of(case, path)?.volume)?;
    Some(RootCause {
        api_version: "v1".into(),
        kind: kind.into(),
        namespace: case.pod.namespace.clone(),
        name: source.name.clone(),
        workload: None,
        summary: format!("lacks {path}"),
    })
}

/// The ConfigMap or Secret behind a volume.
fn object<'a>(case: &Case<'a>, volume: &str) -> Option<(&'static str, &'a KeyedSource)> {
    case.pod.volume(volume)?.source.keyed()
}

/// The object that should have had the file as a key; not where its keys are known and it has it (then the mount is wrong).
fn without_key(case: &Case, mount: &Mount, file: &str) -> Option<RootCause> {
    let (kind, source) = object(case, &mount.volume)?;
    let keys = case.cluster.config(kind, &case.pod.namespace, &source.name)?.keys.as_ref()?;
    let lacks = source.items.is_empty() && mount.sub_path.is_none() && !file.is_empty() && !file.contains('/');
    (lacks && keys.iter().all(|k| k != file)).then(|| RootCause {
        api_version: "v1".into(),
        kind: kind.into(),
        namespace: case.pod.namespace.clone(),
        name: source.name.clone(),
        workload: None,
        summary: format!("it has no key \"{file}\""),
    })
}

/// The keys that the mounted object has, where it is known.
fn keys(case: &Case, volume: &str, told: Told) -> Told {
    let Some((kind, source)) = object(case, volume) else { return told };
    let told = if source.optional {
        told.evidence(
            Source::PodSpec,
            format!("{kind} {} is optional: where it does not exist, the folder stays empty", source.name),
        )
    } else {
        told
    };
    let object = case.cluster.config(kind, &case.pod.namespace, &source.name);
    match object.and_then(|o| o.keys.as_ref()) {
        Some(keys) => told.evidence(Source::Config, format!("{kind} {} has the keys {}", source.name, keys.join(", "))),
        None => told,
    }
}

fn denied(case: &Case, failure: &Failure) -> Told {
    let path = named(failure, "its configuration");
    let told = Told::new(format!("it may not read {path} ({})", said(failure)));
    let mount = failure.subject.as_deref().and_then(|p| place::mount_of(case, p));
    let told = match mount {
        Some(m) => told.evidence(Source::PodSpec, place::describe(case, m)),
        None => told,
    };
    let user = case.pod.effective_user(case.container);
    let told = match user {
        Some(uid) => told.evidence(Source::PodSpec, format!("runAsUser: {uid}")),
        None => told,
    };
    let group = case.pod.security.fs_group;
    let told = match group {
        Some(g) => told.evidence(Source::PodSpec, format!("fsGroup: {g}")),
        None => told,
    };
    told.advise("Files of ConfigMaps, Secrets and tokens belong to root: set securityContext.fsGroup of the pod to the process's group, so that they become readable for it.")
        .advise("Or widen the volume's defaultMode (0440 with fsGroup, 0444 without).")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{ConfigObject, PodVolume};
    use crate::diagnose::testing::World;

    #[test]
    fn nothing_can_be_put_into_an_empty_dir_beforehand() {
        let advice = |change: fn(&mut World)| {
            let found = World::new()
                .crashed(1, "Error", 1)
                .log("Error: ENOENT: no such file or directory, open '/data/backups/.marker'\n")
                .with(|w| {
                    let source = VolumeSource::EmptyDir { memory: false, size_limit: None };
                    w.pod().volumes.push(PodVolume { name: "d".into(), source });
                    w.container().mounts.push(Mount { volume: "d".into(), path: "/data".into(), ..Mount::default() });
                })
                .with(change)
                .diagnose();
            assert_eq!(found.reason, Reason::ConfigFileNotFound, "{}", found.summary);
            found.remediation.into_iter().map(|r| r.text).collect::<Vec<_>>().join(" ")
        };
        let alone = advice(|_| {});
        assert!(alone.contains("new and empty with each pod") && alone.contains("init container"), "{alone}");
        let shared = advice(|w| {
            let other = Container { name: "fill".into(), mounts: w.container().mounts.clone(), ..Container::default() };
            w.pod().containers.push(other);
        });
        assert!(shared.contains("fill of this pod mounts it too"), "{shared}");
        let claim = advice(|w| {
            w.pod().volumes[0].source = VolumeSource::Claim { name: "data".into(), read_only: false };
        });
        assert!(claim.contains("Put the file onto the volume"), "{claim}");
    }

    #[test]
    fn the_object_that_lacks_the_key_is_to_blame() {
        let world = |keys: &[&str]| {
            let object = ConfigObject {
                kind: "Secret".into(),
                namespace: "shop".into(),
                name: "token".into(),
                keys: Some(keys.iter().map(|k| (*k).to_owned()).collect()),
                ..ConfigObject::default()
            };
            World::new()
                .crashed(1, "Error", 1)
                .log("FATAL: open /etc/token/oauth: no such file or directory\n")
                .with(|w| {
                    let source = KeyedSource { name: "token".into(), ..KeyedSource::default() };
                    w.pod().volumes.push(PodVolume { name: "t".into(), source: VolumeSource::Secret(source) });
                    w.container().mounts.push(Mount {
                        volume: "t".into(),
                        path: "/etc/token".into(),
                        ..Mount::default()
                    });
                    w.cluster.configs.push(object);
                })
                .diagnose()
        };
        let found = world(&["secret"]);
        assert_eq!(found.reason, Reason::ConfigFileNotFound);
        assert_eq!(found.root_cause.map(|r| (r.kind, r.name)), Some(("Secret".into(), "token".into())));
        assert_eq!(world(&["oauth"]).root_cause, None);
    }
}
