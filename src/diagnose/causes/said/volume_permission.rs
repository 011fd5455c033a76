//! VolumePermissionDenied: the process's user may not use the volume's files.

use super::{Told, named, place, said, tell};
use crate::diagnose::facts::VolumeSource;
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::VolumePermissionDenied, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let quote = failure.quote.to_ascii_lowercase();
    let unable = ["not supported", "not implemented"].iter().any(|w| quote.contains(w));
    let told = if unable {
        Told::new(format!("the file system of a volume cannot do what it asks ({})", said(failure)))
    } else if is_too_open(&quote) {
        Told::new(format!("the mode of {} on a volume is too open ({})", named(failure, "a file"), said(failure)))
    } else {
        Told::new(format!("its user may not use {} on a volume ({})", named(failure, "the files"), said(failure)))
    };
    let mount =
        failure.subject.as_deref().and_then(|p| place::mount_of(case, p).or_else(|| place::mount_under(case, p)));
    let host = mount.and_then(|m| case.pod.volume(&m.volume)).is_some_and(|v| {
        matches!(&v.source, VolumeSource::HostPath { .. }) || matches!(&v.source, VolumeSource::Other(k) if k == "nfs")
    });
    let mut told = match mount {
        Some(m) => told.evidence(Source::PodSpec, place::describe(case, m)),
        None => told,
    };
    if unable {
        return told.advise("Shares such as SMB (azurefile) and some NFS and FUSE file systems have no hard links, owners or locks: use a class of block volumes for this claim, or let the program copy without them.");
    }
    let user = case.pod.effective_user(case.container);
    let group = case.pod.security.fs_group;
    told = told.evidence(
        Source::PodSpec,
        format!(
            "runAsUser: {}, fsGroup: {}",
            user.map_or_else(|| "not set (the image decides)".to_owned(), |u| u.to_string()),
            group.map_or_else(|| "not set".to_owned(), |g| g.to_string())
        ),
    );
    if is_too_open(&quote) {
        return told.advise("The file's mode is too open, not too narrow: fsGroup adds group rights to every file at each mount. Set it to 0600 at the start (chmod in an init container), or set fsGroupChangePolicy: OnRootMismatch.");
    }
    let folder = mount.map_or("the folder", |m| m.path.as_str());
    let owner =
        user.map_or_else(|| "the image's user, which `id` in the container tells".to_owned(), |u| u.to_string());
    if host || group.is_some() {
        return told.advise(format!(
            "fsGroup does not change folders of hostPath, NFS and some local provisioners: give {folder} to {owner} in an init container that runs as root (chown -R), or on the server."
        ));
    }
    told.advise(format!("Set securityContext.fsGroup of the pod to the process's group ({owner}): the kubelet then gives the volume to that group."))
        .advise("Where the driver does not support it, chown the folder once in an init container that runs as root.")
}

/// A file that others may read as well, which the program does not accept.
fn is_too_open(quote: &str) -> bool {
    ["owner only", "too open", "group or world access", "invalid permissions", "bad permissions"]
        .iter()
        .any(|w| quote.contains(w))
}
