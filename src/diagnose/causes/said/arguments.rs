//! InvalidArguments: a flag, argument or subcommand is not accepted.

use super::{Told, named, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::InvalidArguments, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let quote = failure.quote.to_ascii_lowercase();
    let lacks =
        ["required", "requires", "needs an argument", "expected at least", "missing"].iter().any(|w| quote.contains(w));
    let what = named(failure, if lacks { "an argument" } else { "its arguments" });
    let told = if lacks {
        Told::new(format!("it is started without {what}, which it requires ({})", said(failure)))
    } else {
        Told::new(format!("it does not accept {what} ({})", said(failure)))
    };
    let line = case.container.command_line().collect::<Vec<_>>().join(" ");
    let mut told = if line.is_empty() {
        told
    } else {
        told.evidence(Source::PodSpec, format!("command line: {}", words::cut(&line, 400)))
    };
    // flag and value in one list item, with a blank between, are one unknown flag to the program
    let glued = case
        .container
        .args
        .iter()
        .chain(&case.container.command)
        .find(|a| a.starts_with("--") && a.contains(' ') && !a.contains('='));
    if let Some(glued) = glued {
        told = told.advise(format!(
            "`{glued}` is one item of the list: join flag and value with an equals sign, or make them two items."
        ));
    }
    told.advise(
        "Compare the arguments with the --help of this very image version: options come and go between versions.",
    )
}
