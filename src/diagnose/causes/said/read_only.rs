//! ReadOnlyFilesystem: the program writes where the file system is read-only.

use super::place::{self, Place};
use super::{Told, named, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::ReadOnlyFilesystem, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let told =
        Told::new(format!("it writes to {}, which is read-only ({})", named(failure, "a file system"), said(failure)));
    let root = case.container.security.read_only_root == Some(true);
    if let Some(mount) = failure.subject.as_deref().and_then(|p| place::mount_of(case, p)) {
        let told = told.evidence(Source::PodSpec, place::describe(case, mount));
        return if place::kind_of(case, mount) == Place::Config {
            told.advise("Files of a ConfigMap or Secret cannot be written: copy them into an emptyDir in an init container, and let the program use that.")
        } else {
            told.advise(format!("Mount {} without readOnly; if it is not set, look whether the volume went read-only after an I/O error (dmesg of the node).", mount.path))
        };
    }
    if root {
        let folder = failure.subject.as_deref().map_or("the folder that it writes to", folder);
        return told.evidence(Source::PodSpec, "readOnlyRootFilesystem: true").advise(format!(
            "Mount an emptyDir at {folder}{}, filled by an init container where the image has files there; or set readOnlyRootFilesystem: false.",
            if folder == "/tmp" { "" } else { " (often also at /tmp)" }
        ));
    }
    if let Some(mount) = failure.subject.as_deref().and_then(|p| place::mount_under(case, p)) {
        let told = told.evidence(Source::PodSpec, place::describe(case, mount));
        let told = told.advise(format!("{} lies in it, a mount that cannot be removed, replaced or given away: let the program leave that folder alone, or mount elsewhere.", mount.path));
        return if place::is_token(&mount.path) {
            told.advise(
                "If it does not need the API server, automountServiceAccountToken: false takes that mount away.",
            )
        } else {
            told
        };
    }
    if let Some(mount) = case.container.mounts.iter().find(|m| m.read_only && place::kind_of(case, m) == Place::Volume)
    {
        return told
            .evidence(Source::PodSpec, place::describe(case, mount))
            .advise(format!("Mount {} without readOnly: the program keeps its data there.", mount.path));
    }
    told.but("readOnlyRootFilesystem is not set")
        .advise("Look whether the node's disk went read-only after an error (dmesg), or mount a writable volume there.")
}

/// The folder that a path lies in, as far down as a volume can well be mounted.
fn folder(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some((parent, _)) if parent.len() > 1 => parent,
        _ => path,
    }
}
