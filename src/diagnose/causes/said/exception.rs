//! UnhandledException: the program ended by an exception, panic or error of its own that has no more specific reason.

use super::{Told, place, said, tell};
use crate::diagnose::facts::{Mount, VolumeSource};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut found = tell(case, Reason::UnhandledException, words);
    // a plain error line that fits no concept is less than a stack trace
    let plain = case.log().failures.iter().find(|f| super::assign::reason(case, f) == Some(Reason::UnhandledException));
    if plain.is_some_and(|f| f.concept == Concept::OtherError) {
        // It went on after that, and ended well by its own word.
        if case.crash().is_some_and(|c| c.exit_code == 0) && case.pod.must_run(case.container) {
            return Vec::new();
        }
        for finding in &mut found {
            finding.basis = finding.basis.min(crate::diagnose::Basis::Inferred);
            finding.confidence = crate::diagnose::Confidence::Possible;
        }
    }
    found
}

fn words(case: &Case, failure: &Failure) -> Told {
    match failure.concept {
        Concept::BadData => claims(case, Told::new(format!("it cannot work with the data that it finds ({})", said(failure))))
            .advise(data_advice(&failure.quote.to_ascii_lowercase())),
        Concept::OtherError => Told::new(format!("it gave up with: {}", said(failure))).advise(
            "Look the message up in the program's documentation and issues; raise its log level for what led to it.",
        ),
        _ if is_lock(&failure.quote.to_ascii_lowercase()) => {
            Told::new(format!("somebody else holds a lock that it needs: {}", said(failure)))
                .advise("Look whether another replica or Job is at work; if not, the lock was left by one that was killed: release it in the store (liquibase release-locks, the lock's row or file).")
                .advise("So that it does not come back: one migration at a time (a Job, or strategy Recreate), and a start that no probe cuts short.")
        }
        _ if is_runtime_version(&failure.quote.to_ascii_lowercase()) => {
            Told::new(format!("the runtime in its image has another version than it wants: {}", said(failure))).advise(
                "Build it on a base image of the version that the message names, or run the release that fits this runtime; pin both tags.",
            )
        }
        _ => Told::new(format!("an error that it does not handle: {}", said(failure)))
            .advise(match case.crash_log().and_then(|l| super::frame::own(&l.text)) {
                Some(place) => format!("The stack leads to {place}: fix it there, or go back to the version that worked."),
                None => "Look at the lines before it for the place in the code: fix it there, or go back to the version that worked.".to_owned(),
            })
            .advise("If it began with new data or a new setting, that is what the code does not handle."),
    }
}

/// The claims on which the data may lie.
fn claims(case: &Case, told: Told) -> Told {
    let claim = |m: &&Mount| matches!(case.pod.volume(&m.volume).map(|v| &v.source), Some(VolumeSource::Claim { .. }));
    case.container
        .mounts
        .iter()
        .filter(claim)
        .take(3)
        .fold(told, |told, mount| told.evidence(Source::PodSpec, place::describe(case, mount)))
}

/// A program, or its libraries, that ask for another version of the language's runtime.
fn is_runtime_version(quote: &str) -> bool {
    let any = |words: &[&str]| words.iter().any(|w| quote.contains(w));
    any(&["require", "specified", "incompatible", "more recent version", "unsupported"])
        && any(&[
            "php version",
            "node.js",
            "node version",
            "ruby version",
            "python version",
            "python >=",
            "java runtime",
            "class file",
        ])
}

/// A lock that another holds, as stores and migration tools say it.
fn is_lock(quote: &str) -> bool {
    if ["another migration", "migration lock", "migrations lock", "changelog lock", "change log lock"]
        .iter()
        .any(|w| quote.contains(w))
    {
        return true;
    }
    quote.contains("lock")
        && [
            "currently locked by",
            "could not acquire",
            "cannot acquire",
            "unable to acquire",
            "failed to acquire",
            "already locked",
            "is locked",
        ]
        .iter()
        .any(|w| quote.contains(w))
        && !quote.contains("lease")
}

/// What to do about data that a program cannot work with.
fn data_advice(quote: &str) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|w| quote.contains(w));
    if any(&["i/o error", "input/output error"]) {
        return "Look at the volume and the node's kernel log (dmesg) for I/O errors. A database file does not belong on NFS or SMB, which lack the locks that it needs: use a block volume.";
    }
    if any(&["not matching with", "clusterid", "cluster.id", "cookie"]) {
        return "The volume holds the data of another (or an earlier) installation: where nothing on it is needed, let this member start on an empty one (delete its claim and pod); else give it back the metadata of its own.";
    }
    if any(&["truncate", "closed properly", "recovery"]) {
        return "An unclean stop left the files so: copy them first, then let the program repair them by the flag or tool that the message names; give it a longer terminationGracePeriodSeconds, so that it can close them.";
    }
    if any(&["file exists"]) {
        return "What an earlier run left in the volume stands in the way (an emptyDir outlives a restart of the container): let the command bear it (mkdir -p, ln -sfn, cp -f), or delete the pod, which begins with an empty one.";
    }
    if any(&["no migration found for version", "locate revision", "newer", "downgrad"]) {
        return "The data has been migrated further than this version knows: run the version that did it (or a newer one), or restore the backup from before the upgrade.";
    }
    if any(&["no schema history table"]) {
        return "The schema was not made by this tool: give it an empty database, or tell it where the existing one stands (flyway baseline, baselineOnMigrate).";
    }
    if any(&["migration checksum", "have failed validation", "failed migration", "dirty"]) {
        "Put the migration file back as it was applied, or mend the migration history (flyway repair, migrate force), then start again."
    } else if any(&["relation", "no such table", "table '", "schema version", "version mismatch", "migration"]) {
        "Bring the schema to the version that this program wants: run its migrations first (a Job, an init container or the chart's hook), and look at how that ended if it ran already."
    } else if any(&["bootstrap"]) {
        "Find the member with the newest data (the highest position), let that one bootstrap the cluster, and let the others join it with empty or older data."
    } else {
        "Restore or repair the data, or run the version that wrote it; keep a copy before you delete anything."
    }
}
