//! CorruptImage, as the log tells it: a broken archive, byte code of another version.

use super::{Told, named, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::CorruptImage, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    Told::new(format!("{} in the image is broken ({})", named(failure, "a file"), said(failure)))
        .advise(format!("Build {} again and look at how the file gets into it (a failed download, a partial copy, a jar without its manifest).", case.container.image))
}
