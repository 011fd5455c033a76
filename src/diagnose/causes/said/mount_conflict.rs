//! MountPathConflict: a mount hides or collides with files of the image.

use super::{Told, named, place, said, tell};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::MountPathConflict, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let path = failure.subject.as_deref();
    let mount = if failure.concept == Concept::NotDirectory {
        path.and_then(|p| place::mount_of(case, p).or_else(|| place::mount_under(case, p)))
            .or_else(|| case.container.mounts.iter().find(|m| m.sub_path.is_some()))
    } else {
        path.and_then(|p| place::mount_of(case, p)).or_else(|| place::mount_over_program(case, path))
    };
    let over = mount.map_or_else(|| "a mount".to_owned(), |m| format!("the mount at {}", m.path));
    let told = if failure.concept == Concept::NotDirectory {
        Told::new(format!(
            "{over} puts a folder where the program wants a file, or the other way round ({})",
            said(failure)
        ))
    } else {
        Told::new(format!(
            "{over} hides the image's own files: {} is not there ({})",
            named(failure, "a file of the program"),
            said(failure)
        ))
    };
    let told = match mount {
        Some(m) => told.evidence(Source::PodSpec, place::describe(case, m)),
        None => told,
    };
    if failure.concept == Concept::NotDirectory {
        return told
            .advise("To mount one file, give both mountPath and subPath the file's name, and check that the ConfigMap or Secret has that key: where it has not, an empty folder is mounted.")
            .advise("A file mounted by subPath cannot be renamed over or replaced: let the program write elsewhere.");
    }
    told.advise("Mount the volume at a folder of its own, or mount single files with subPath, so that what the image has there stays visible.")
}
