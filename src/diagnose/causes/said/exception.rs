//! UnhandledException: the program ended by an exception, panic or error of its own that has no more specific reason.

use super::{Told, place, said, tell};
use crate::diagnose::facts::VolumeSource;
use crate::diagnose::log::{Concept, Failure, message};
use crate::diagnose::{Case, Finding, Reason, Source, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut found = tell(case, Reason::UnhandledException, told);
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

fn told(case: &Case, failure: &Failure) -> Told {
    if failure.concept == Concept::BadData
        && let Some(line) = disk_error_before(case, failure)
    {
        return unreadable(case, line);
    }
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

/// The line just before in which a disk gave an error: what cannot be read looks as if it were damaged.
fn disk_error_before<'a>(case: &Case<'a>, failure: &Failure) -> Option<&'a str> {
    const BEFORE: usize = 8;
    if is_disk_error(&failure.quote) {
        return None;
    }
    let text = &case.crash_log()?.text;
    text.lines().skip(failure.line.saturating_sub(BEFORE)).take(BEFORE.min(failure.line)).find(|l| is_disk_error(l))
}

fn is_disk_error(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    ["i/o error", "input/output error"].iter().any(|w| lower.contains(w))
}

/// Data on a volume that gives errors.
fn unreadable(case: &Case, line: &str) -> Told {
    let claims: Vec<&str> = case.container.mounts.iter().filter_map(|m| case.pod.mounted(m)?.claim()).collect();
    let place = match claims.as_slice() {
        [one] => format!("PersistentVolumeClaim {one}"),
        _ => "its volume".to_owned(),
    };
    let said = message(line);
    let quote = words::cut(said.strip_prefix("LOG:").unwrap_or(said).trim(), 200);
    Told::new(format!("it cannot read its data: {place} gives I/O errors ({quote})"))
        .evidence(Source::Log, words::cut(line.trim(), 300))
        .advise(data_advice("i/o error"))
        .advise("What then seems damaged may be whole: mend the storage first, and restore or reset nothing before.")
}

/// The claims on which the data may lie.
fn claims(case: &Case, told: Told) -> Told {
    case.container
        .mounts
        .iter()
        .filter(|m| case.pod.mounted(m).and_then(VolumeSource::claim).is_some())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{Mount, PodVolume};
    use crate::diagnose::testing::World;

    #[test]
    fn what_a_disk_cannot_read_is_not_damaged_data() {
        let world = |log: &str| {
            World::new()
                .crashed(1, "Error", 5)
                .log(log)
                .with(|w| {
                    let source = VolumeSource::Claim { name: "data-db-0".into(), read_only: false };
                    w.pod().volumes.push(PodVolume { name: "data".into(), source });
                    w.container().mounts.push(Mount {
                        volume: "data".into(),
                        path: "/data".into(),
                        ..Mount::default()
                    });
                })
                .diagnose()
        };
        for before in [
            "LOG:  could not read from log segment 0001, offset 0: Input/output error",
            "LOG:  could not fsync file \"pg_wal/0001\": I/O error",
        ] {
            let found = world(&format!("{before}\nPANIC:  could not locate a valid checkpoint record\n"));
            assert!(found.summary.contains("PersistentVolumeClaim data-db-0 gives I/O errors"), "{}", found.summary);
            assert!(found.remediation[0].text.contains("dmesg"), "{:?}", found.remediation);
        }
        let found =
            world("LOG:  database system was interrupted\nPANIC:  could not locate a valid checkpoint record\n");
        assert!(!found.summary.contains("data-db-0"), "{}", found.summary);
    }
}
