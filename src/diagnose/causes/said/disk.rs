//! DiskFull: no space left on a volume or file system.

use super::{Told, named, place, said, tell};
use crate::diagnose::facts::{Mount, VolumeSource};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::DiskFull, words)
}

fn claim_of<'a>(case: &Case<'a>, mount: &Mount) -> Option<&'a str> {
    case.pod.mounted(mount)?.claim()
}

fn bound_of(case: &Case, mount: &Mount) -> Option<u64> {
    case.pod.mounted(mount)?.size_limit()
}

/// Where the line gives a path that begins nowhere (`pg_wal/…`), or none: the one claim that the container mounts.
fn only_claim<'a>(case: &Case<'a>, failure: &Failure) -> Option<&'a Mount> {
    let elsewhere = failure.subject.as_deref().is_some_and(|p| p.starts_with('/'))
        || ["shared memory", "/dev/shm", "shm_open", "shmget", "/tmp"].iter().any(|w| failure.quote.contains(w));
    let mounts = &case.container.mounts;
    let mut claims = mounts.iter().filter(|m| claim_of(case, m).is_some());
    let first = claims.next().filter(|_| !elsewhere && !mounts.iter().any(|m| bound_of(case, m).is_some()))?;
    claims.all(|m| m.volume == first.volume).then_some(first)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let told = Told::new(format!("no space is left for {} ({})", named(failure, "what it writes"), said(failure)));
    let named_mount = failure.subject.as_deref().and_then(|p| place::mount_of(case, p));
    let mount = named_mount.or_else(|| only_claim(case, failure));
    let claim = mount.and_then(|m| claim_of(case, m));
    let told = match mount {
        Some(m) => told.evidence(Source::PodSpec, place::describe(case, m)),
        None => told,
    };
    // Where the path is not told: a volume that is bounded is the first to be full.
    let small = mount.into_iter().chain(&case.container.mounts).find_map(|m| Some((m, bound_of(case, m)?)));
    if let (None, Some((small, limit))) = (claim, small) {
        let memory = matches!(case.pod.mounted(small), Some(VolumeSource::EmptyDir { memory: true, .. }));
        let kind = if memory { "emptyDir in memory" } else { "emptyDir" };
        let limit = words::bytes(limit);
        return told
            .evidence(Source::PodSpec, format!("volume {} ({kind}) has sizeLimit {limit} and is mounted at {}", small.volume, small.path))
            .advise(format!("Raise the sizeLimit of {limit} of volume {} (what lies in memory counts against the memory limit), or find what fills {}.", small.volume, small.path));
    }
    let quote = failure.quote.to_ascii_lowercase();
    if mount.is_none() && ["shared memory", "/dev/shm", "shm_open", "shmget"].iter().any(|w| quote.contains(w)) {
        return told.advise("/dev/shm holds 64 MiB unless a volume is mounted there: mount an emptyDir with medium: Memory (and a sizeLimit) at /dev/shm; what lies in it counts as memory of the container.");
    }
    let Some(claim) = claim else {
        return told.advise("Find what fills it (du in the container, df on the node), and give that data a volume of its own or a limit.");
    };
    let size = case.cluster.claim(&case.pod.namespace, claim).and_then(|c| c.request);
    let told = match size {
        Some(bytes) => {
            told.evidence(Source::Volume, format!("PersistentVolumeClaim {claim} asks for {}", words::bytes(bytes)))
        }
        None => told,
    };
    told.advise_command(
        "Enlarge the claim (its StorageClass must allow volume expansion), or free space on it:",
        size.map(|b| format!("kubectl -n {} patch pvc {claim} -p '{{\"spec\":{{\"resources\":{{\"requests\":{{\"storage\":\"{}\"}}}}}}}}'", case.pod.namespace, words::bytes(b * 2))),
    )
}
