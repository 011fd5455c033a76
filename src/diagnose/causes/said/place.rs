//! Where a path lies: below which mount, in which kind of volume.

use crate::diagnose::Case;
use crate::diagnose::facts::{Mount, VolumeSource};

/// What a path lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::diagnose::causes) enum Place {
    /// The image's own file system.
    Image,
    /// A ConfigMap, Secret, projected or downward volume.
    Config,
    /// A claim, a node's folder, an emptyDir or another volume that a program may write to.
    Volume,
}

const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The mount that holds a path: the longest one that is its prefix.
pub(in crate::diagnose::causes) fn mount_of<'a>(case: &Case<'a>, path: &str) -> Option<&'a Mount> {
    let path = path.trim_end_matches('/');
    case.container.mounts.iter().filter(|m| below(path, &m.path)).max_by_key(|m| m.path.len())
}

/// A mount at or below a path: making or changing the parent fails as well.
pub(super) fn mount_under<'a>(case: &Case<'a>, path: &str) -> Option<&'a Mount> {
    case.container.mounts.iter().filter(|m| m.path.len() > 1 && below(&m.path, path)).max_by_key(|m| m.path.len())
}

fn below(path: &str, parent: &str) -> bool {
    let parent = parent.trim_end_matches('/');
    path == parent || path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
}

/// The kind of place that a path lies on.
pub(super) fn of(case: &Case, path: &str) -> Place {
    // the kubelet mounts the token even where the spec as written shows no mount
    let token = is_token(path);
    match mount_of(case, path) {
        Some(mount) => kind_of(case, mount),
        None if token => Place::Config,
        None => Place::Image,
    }
}

/// The token of the service account, and what lies beside it.
pub(super) fn is_token(path: &str) -> bool {
    path.starts_with(TOKEN) || path.starts_with("/run/secrets/kubernetes.io")
}

pub(in crate::diagnose::causes) fn kind_of(case: &Case, mount: &Mount) -> Place {
    match case.pod.mounted(mount) {
        Some(VolumeSource::ConfigMap(_) | VolumeSource::Secret(_) | VolumeSource::Projected(_)) => Place::Config,
        Some(VolumeSource::Other(kind)) if kind == "downwardAPI" || kind == "serviceAccountToken" => Place::Config,
        _ => Place::Volume,
    }
}

/// `ConfigMap web-config mounted at /etc/web`, for evidence.
pub(in crate::diagnose::causes) fn describe(case: &Case, mount: &Mount) -> String {
    let source = match case.pod.mounted(mount) {
        Some(VolumeSource::ConfigMap(c)) => format!("ConfigMap {}", c.name),
        Some(VolumeSource::Secret(s)) => format!("Secret {}", s.name),
        Some(VolumeSource::Claim { name, .. }) => format!("PersistentVolumeClaim {name}"),
        Some(VolumeSource::HostPath { path, .. }) => format!("the node's {path} (hostPath)"),
        Some(VolumeSource::EmptyDir { memory: true, .. }) => "an emptyDir in memory".to_owned(),
        Some(VolumeSource::EmptyDir { .. }) => "an emptyDir".to_owned(),
        Some(VolumeSource::Projected(_)) => "a projected volume".to_owned(),
        Some(VolumeSource::Other(kind)) => format!("a volume of type {kind}"),
        Some(VolumeSource::Unknown) | None => format!("volume {}", mount.volume),
    };
    let sub = mount.sub_path.as_deref().map_or_else(String::new, |s| format!(" (subPath {s})"));
    let mode = if mount.read_only { ", read-only" } else { "" };
    format!("{source} is mounted at {}{sub}{mode}", mount.path)
}

/// A mount that lies over the folder a relative or program path belongs to: the working folder, or the folder of the command.
pub(super) fn mount_over_program<'a>(case: &Case<'a>, path: Option<&str>) -> Option<&'a Mount> {
    let folder = path.filter(|p| p.starts_with('/')).or(case.container.working_dir.as_deref());
    let command = case.container.command_line().find(|a| a.starts_with('/') && a.len() > 1);
    let wide = |m: &&Mount| m.sub_path.is_none() || !has_extension(&m.path);
    folder
        .into_iter()
        .chain(command)
        .find_map(|p| mount_of(case, p))
        .filter(wide)
        .filter(|m| m.path.len() > 1 && !m.path.starts_with("/etc") && !m.path.starts_with("/var/run/secrets"))
}

/// The file name has an extension, so it is a file and not a folder.
pub(super) fn has_extension(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.trim_start_matches('.').contains('.')
}

/// Extension in lower case.
pub(in crate::diagnose::causes) fn extension(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(String::new(), |(_, e)| e.to_ascii_lowercase())
}

/// Files that mark the root folder of a program's sources.
const NAMES: &[&str] = &[
    "package.json",
    "gemfile",
    "gemfile.lock",
    "artisan",
    "composer.json",
    "rakefile",
    "procfile",
    "makefile",
    "manage.py",
    "pyproject.toml",
    "go.mod",
    "cargo.toml",
    "index.html",
];

/// A ConfigMap or Secret lies over the program's own folder: what is missing is a file that nobody puts into one, or one
/// in a folder below the mount, which neither can have unless its items say so.
pub(super) fn hides_project(case: &Case, path: &str) -> bool {
    let Some(mount) = mount_over_program(case, Some(path)) else { return false };
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let below = path.strip_prefix(mount.path.trim_end_matches('/')).unwrap_or(path).trim_start_matches('/');
    NAMES.contains(&name.as_str()) || (is_program(path) && below.contains('/'))
}

/// A file that programs are made of.
pub(super) fn is_program(path: &str) -> bool {
    const CODE: &[&str] = &[
        "py", "pyc", "js", "mjs", "cjs", "ts", "rb", "php", "jar", "war", "class", "dll", "exe", "sh", "pl", "lua",
        "ru", "phar", "gemspec", "wasm",
    ];
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    CODE.contains(&extension(path).as_str())
        || NAMES.contains(&name.as_str())
        || path.contains("/node_modules/")
        || path.contains("/dist/")
        || path.contains("/bin/")
        || path.contains("/site-packages/")
}

/// A device of the node; not what every container has (`/dev/null`, `/dev/shm`, `/dev/stdout`).
pub(super) fn is_device(path: &str) -> bool {
    const OWN: &[&str] = &["std", "shm", "null", "zero", "full", "random", "urandom", "fd", "pts", "mqueue", "console"];
    path.strip_prefix("/dev/").is_some_and(|name| !name.is_empty() && !OWN.iter().any(|own| name.starts_with(own)))
}

/// Whether the container sees the node's devices at that path: by a hostPath over it, or since it is privileged.
pub(super) fn sees_devices(case: &Case, path: &str) -> bool {
    let host = |m: &Mount| matches!(case.pod.mounted(m), Some(VolumeSource::HostPath { .. }));
    case.container.security.privileged == Some(true) || mount_of(case, path).is_some_and(host)
}
