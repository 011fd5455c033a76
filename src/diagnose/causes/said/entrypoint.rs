//! EntrypointNotFound and EntrypointNotExecutable, as the log tells them (the kubelet's own words are read elsewhere).

use super::{Told, named, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source, words};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let mut found = tell(case, Reason::EntrypointNotFound, not_found);
    found.extend(tell(case, Reason::EntrypointNotExecutable, not_executable));
    found
}

/// What to do about a script whose first line is no `#!` line.
pub(in crate::diagnose::causes) fn name_its_interpreter(script: &str) -> String {
    format!(
        "Begin it with `#!/bin/sh` (no blank or empty line before it), or call it through its interpreter: command: [\"sh\", \"{script}\"]."
    )
}

/// What speaks against it.
pub(in crate::diagnose::causes) const OR_ANOTHER_CPU: &str =
    "an image for another CPU gives the same message: its interpreter cannot run either";

fn with_command(case: &Case, told: Told) -> Told {
    let line = case.container.command_line().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        told
    } else {
        told.evidence(Source::PodSpec, format!("command line: {}", words::cut(&line, 300)))
    }
}

fn not_found(case: &Case, failure: &Failure) -> Told {
    let what = named(failure, "a program that it starts");
    let told = with_command(case, Told::new(format!("{what} is not in the image ({})", said(failure))));
    let kernel = failure.quote.contains("exec user process") || failure.quote.starts_with("exec /");
    if failure.quote.contains("\\r") || kernel || failure.quote.contains("bad interpreter") {
        return told
            .advise("The interpreter in the script's first line does not exist; with Windows line ends its name ends in a carriage return: convert the script (dos2unix, or `*.sh text eol=lf` in .gitattributes) and build again.")
            .advise("If it is a binary, its dynamic loader is missing: build it static, or use a base image with the right C library.");
    }
    told.advise(format!("Check the spelling, and that {what} is in image {} and on its PATH.", case.container.image))
}

fn not_executable(case: &Case, failure: &Failure) -> Told {
    let what = named(failure, "the program");
    if failure.quote.to_ascii_lowercase().contains("exec format error") {
        let told = Told::new(format!(
            "{what} is a script without a first line that names its interpreter ({})",
            said(failure)
        ));
        return with_command(case, told).advise(name_its_interpreter(&what)).but(OR_ANOTHER_CPU);
    }
    with_command(case, Told::new(format!("{what} may not be executed ({})", said(failure)))).advise(format!(
        "Give it the x bit in the image (RUN chmod +x {what}) or in the volume (defaultMode: 0755), or call it through its interpreter (sh {what})."
    ))
}
