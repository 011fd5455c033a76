//! Why a file and a directory got mixed up at a mount: a subPath that is no key of its ConfigMap or Secret is made as a directory.

use crate::diagnose::facts::VolumeSource;
use crate::diagnose::words::cut;
use crate::diagnose::{Case, Evidence, Finding, Source, near};

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
    let (Some(sub), Some(volume)) = (sub, case.pod.volume(&mount.volume)) else { return finding };
    let (kind, source) = match &volume.source {
        VolumeSource::ConfigMap(s) => ("ConfigMap", s),
        VolumeSource::Secret(s) => ("Secret", s),
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
    fn where_keys_are_not_known_it_says_what_to_check() {
        let found = world(None).diagnose();
        assert!(found.remediation[0].text.contains("has the key app.yml"), "{:?}", found.remediation);
        let fits = world(Some(vec!["app.yml".into()])).diagnose();
        assert!(!fits.summary.contains("has no key"), "{}", fits.summary);
    }
}
