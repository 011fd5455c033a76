//! Why a file and a directory got mixed up at a mount: a subPath that is no key of its ConfigMap or Secret is made as a directory.

use crate::diagnose::causes::said::place;
use crate::diagnose::facts::{Container, ContainerKind, Mount, VolumeSource};
use crate::diagnose::words::cut;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, near};

/// Adds what spec and objects tell of the mount at `path`.
pub fn explain(case: &Case, path: Option<&str>, mut finding: Finding) -> Finding {
    let wanted = path.map(|p| p.trim_matches('/'));
    let Some(mount) = case.container.mounts.iter().find(|m| Some(m.path.trim_matches('/')) == wanted) else {
        return finding;
    };
    let sub = mount.sub_path.as_deref();
    let with = sub.map_or_else(String::new, |s| format!(", subPath: {s}"));
    let text = format!("volumeMount {}: mountPath: {}{with}", mount.volume, mount.path);
    finding = finding.evidence(Evidence::new(Source::PodSpec, text));
    let inside = |m: &&crate::diagnose::facts::Mount| {
        m.volume != mount.volume
            && mount.path.strip_prefix(m.path.trim_end_matches('/')).is_some_and(|r| r.len() > 1 && r.starts_with('/'))
    };
    let around = case.container.mounts.iter().find(inside);
    if let Some(around) = around {
        let text = format!("volumeMount {}: mountPath: {}", around.volume, around.path);
        finding = finding.evidence(Evidence::new(Source::PodSpec, text));
        finding.summary =
            format!("{}: {} lies inside volume {}.", finding.summary.trim_end_matches('.'), mount.path, around.volume);
    }
    let (Some(sub), Some(volume)) = (sub, case.pod.volume(&mount.volume)) else { return finding };
    let (kind, source) = match &volume.source {
        VolumeSource::ConfigMap(s) => ("ConfigMap", s),
        VolumeSource::Secret(s) => ("Secret", s),
        VolumeSource::EmptyDir { .. } => return made_a_folder(finding, mount, sub, around),
        _ => return finding,
    };
    let read = case.cluster.config(kind, &case.pod.namespace, &source.name).and_then(|c| c.keys.as_ref());
    let paths: Option<Vec<&str>> = if source.items.is_empty() {
        read.map(|keys| keys.iter().map(String::as_str).collect())
    } else {
        Some(source.items.iter().map(|(_, path)| path.as_str()).collect())
    };
    let object = format!("{kind} {}", source.name);
    let Some(paths) = paths else {
        return first(
            finding,
            format!(
                "Check that {object} has the key {sub}: where a subPath is no key, the kubelet makes an empty directory of that name."
            ),
        );
    };
    if paths.contains(&sub) {
        return finding;
    }
    let has = cut(&paths.join(", "), 200);
    finding.summary = format!(
        "{}: {object} has no key {sub}, so the kubelet made an empty directory for that subPath.",
        finding.summary.trim_end_matches('.')
    );
    let place = format!("{} {}/{}", kind.to_lowercase(), case.pod.namespace, source.name);
    finding = finding.evidence(Evidence::new(Source::Config, format!("keys: {has}")).of(place));
    let near = near::hint(sub, &paths);
    first(finding, format!("Name a key of {object} as subPath (it has {has}), or add {sub} to it.{near}"))
}

/// An emptyDir has no file of that name unless something wrote it first: the kubelet makes a directory for the subPath.
fn made_a_folder(finding: Finding, mount: &Mount, sub: &str, around: Option<&Mount>) -> Finding {
    let has = around.map_or_else(String::new, |a| format!(" (volume {} is mounted around it already)", a.volume));
    let text = format!(
        "Leave the mount at {} out{has}, or let an init container write {sub} into volume {} first: it is an emptyDir, in which the kubelet makes a directory for a subPath that is not there.",
        mount.path, mount.volume
    );
    first(finding, text)
}

/// The mount that hides the image's folder in which the program at `path` should be: of a volume that cannot hold a program
/// (a ConfigMap or Secret, where no script is looked for; an emptyDir that no init container fills).
pub fn hiding<'a>(case: &Case<'a>, path: &str) -> Option<&'a Mount> {
    const SCRIPTS: &[&str] = &["sh", "bash", "py", "pl", "rb", "js", "lua", "php"];
    let mount = place::mount_of(case, path)
        .filter(|m| m.sub_path.is_none() && m.path.trim_matches('/') != path.trim_matches('/'))?;
    let filled = || {
        let fills =
            |c: &Container| c.kind != ContainerKind::Regular && c.mounts.iter().any(|m| m.volume == mount.volume);
        case.pod.containers.iter().any(fills)
    };
    let hides = match &case.pod.volume(&mount.volume)?.source {
        VolumeSource::EmptyDir { .. } => !filled(),
        _ => place::kind_of(case, mount) == place::Place::Config && !SCRIPTS.contains(&place::extension(path).as_str()),
    };
    hides.then_some(mount)
}

/// The runtime finds no program because a mount lies over its folder.
pub fn hidden(case: &Case, path: &str, mount: &Mount) -> Finding {
    let text = format!(
        "{} cannot start: the mount at {} hides what the image has there, so {} is not found.",
        case.container.name,
        mount.path,
        cut(path, 120)
    );
    Finding::new(Reason::MountPathConflict, Confidence::Likely, Basis::Stated, text)
        .evidence(Evidence::new(Source::PodSpec, place::describe(case, mount)))
        .advise(format!(
            "Mount volume {} at a folder of its own (or single files of it with subPath), so that {} of the image stays visible.",
            mount.volume, mount.path
        ))
        .but("the image may lack the program as well")
}

/// Puts advice in place of what the runtime's words alone suggest.
fn first(mut finding: Finding, text: String) -> Finding {
    finding.remediation.clear();
    finding.advise(text)
}

#[cfg(test)]
mod tests {
    use crate::diagnose::Reason;
    use crate::diagnose::facts::{ConfigObject, KeyedSource, Mount, PodVolume, VolumeSource};
    use crate::diagnose::testing::World;

    fn world(keys: Option<Vec<String>>) -> World {
        let message = r#"OCI runtime create failed: runc create failed: unable to start container process: error during container init: error mounting "/var/lib/kubelet/pods/x/volume-subpaths/conf/app/0" to rootfs at "/etc/app.yaml": mount src=x, dst=/etc/app.yaml: not a directory"#;
        World::new().waiting("RunContainerError", message).with(|w| {
            let source = KeyedSource { name: "conf".into(), ..KeyedSource::default() };
            w.pod().volumes.push(PodVolume { name: "conf".into(), source: VolumeSource::ConfigMap(source) });
            w.container().mounts.push(Mount {
                volume: "conf".into(),
                path: "/etc/app.yaml".into(),
                sub_path: Some("app.yml".into()),
                read_only: false,
            });
            w.cluster.configs.push(ConfigObject {
                kind: "ConfigMap".into(),
                namespace: "shop".into(),
                name: "conf".into(),
                keys,
                ..ConfigObject::default()
            });
        })
    }

    #[test]
    fn a_sub_path_that_is_no_key_is_named() {
        let found = world(Some(vec!["app.yaml".into()])).diagnose();
        assert_eq!(found.reason, Reason::MountPathConflict);
        assert!(found.summary.contains("ConfigMap conf has no key app.yml"), "{}", found.summary);
        assert!(found.remediation[0].text.contains("app.yaml"), "{:?}", found.remediation);
    }

    #[test]
    fn a_folder_of_the_image_under_a_mount_hides_its_program_unless_something_fills_it() {
        let message = r#"OCI runtime create failed: runc create failed: unable to start container process: exec: "/app/server": stat /app/server: no such file or directory"#;
        let reason = |filled: bool| {
            let world = World::new().waiting("RunContainerError", message).with(|w| {
                let source = VolumeSource::EmptyDir { memory: false, size_limit: None };
                w.pod().volumes.push(PodVolume { name: "data".into(), source });
                let mount = Mount { volume: "data".into(), path: "/app".into(), sub_path: None, read_only: false };
                w.container().mounts.push(mount);
                if filled {
                    let mut copy = w.container().clone();
                    copy.kind = crate::diagnose::facts::ContainerKind::Init;
                    w.pod().containers.push(copy);
                }
            });
            world.diagnose().reason
        };
        assert_eq!((reason(false), reason(true)), (Reason::MountPathConflict, Reason::EntrypointNotFound));
    }

    #[test]
    fn dockers_old_words_name_the_place_inside_the_container() {
        let quote = r#"\\\\\\\""#;
        let root = "/var/lib/docker/overlay2/9250b991/merged";
        let message = format!(
            "oci runtime error: container_linux.go:247: starting container process caused \"rootfs_linux.go:53: mounting {quote}/var/lib/kubelet/pods/x/volume-subpaths/net/app/1{quote} to rootfs {quote}{root}{quote} at {quote}{root}/etc/net/conf.json{quote} caused {quote}not a directory{quote}\""
        );
        let found = World::new().waiting("RunContainerError", &message).with(|w| {
            let source = VolumeSource::EmptyDir { memory: false, size_limit: None };
            w.pod().volumes.push(PodVolume { name: "net".into(), source });
            for (volume, path, sub) in [("cfg", "/etc/net", None), ("net", "/etc/net/conf.json", Some("conf.json"))] {
                let sub_path = sub.map(str::to_owned);
                w.container().mounts.push(Mount {
                    volume: volume.into(),
                    path: path.into(),
                    sub_path,
                    read_only: false,
                });
            }
        });
        let found = found.diagnose();
        assert_eq!(found.reason, Reason::MountPathConflict);
        assert!(found.summary.contains("at \"/etc/net/conf.json\""), "{}", found.summary);
        assert!(found.summary.contains("lies inside volume cfg"), "{}", found.summary);
        assert!(
            found.remediation[0].text.contains("Leave the mount at /etc/net/conf.json out"),
            "{:?}",
            found.remediation
        );
    }

    #[test]
    fn where_keys_are_not_known_it_says_what_to_check() {
        let found = world(None).diagnose();
        assert!(found.remediation[0].text.contains("has the key app.yml"), "{:?}", found.remediation);
        let fits = world(Some(vec!["app.yml".into()])).diagnose();
        assert!(!fits.summary.contains("has no key"), "{}", fits.summary);
    }
}
