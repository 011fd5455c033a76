//! UnhandledException: the program ended by an exception, panic or error of its own that has no more specific reason.

use super::{Told, said, tell};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut found = tell(case, Reason::UnhandledException, words);
    // a plain error line that fits no concept is less than a stack trace
    let plain = case.log().failures.iter().find(|f| super::assign::reason(case, f) == Some(Reason::UnhandledException));
    if plain.is_some_and(|f| f.concept == Concept::OtherError) {
        for finding in &mut found {
            finding.basis = finding.basis.min(crate::diagnose::Basis::Inferred);
            finding.confidence = crate::diagnose::Confidence::Possible;
        }
    }
    found
}

fn words(case: &Case, failure: &Failure) -> Told {
    match failure.concept {
        Concept::BadData => Told::new(format!("it cannot work with the data that it finds ({})", said(failure)))
            .advise(data_advice(&failure.quote.to_ascii_lowercase())),
        Concept::OtherError => Told::new(format!("it gave up with: {}", said(failure))).advise(
            "Look the message up in the program's documentation and issues; raise its log level for what led to it.",
        ),
        _ => Told::new(format!("an error that it does not handle: {}", said(failure)))
            .advise(match case.crash_log().and_then(|l| super::frame::own(&l.text)) {
                Some(place) => format!("The stack leads to {place}: fix it there, or go back to the version that worked."),
                None => "Look at the lines before it for the place in the code: fix it there, or go back to the version that worked.".to_owned(),
            })
            .advise("If it began with new data or a new setting, that is what the code does not handle."),
    }
}

/// What to do about data that a program cannot work with.
fn data_advice(quote: &str) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|w| quote.contains(w));
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
