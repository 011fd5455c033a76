//! MissingModule: a language module, package or class is not in the image.

use super::{Told, named, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::MissingModule, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let told =
        Told::new(format!("{} is not in the image ({})", named(failure, "a module that it needs"), said(failure)));
    told.advise(format!(
        "Install it when the image {} is built (requirements.txt, package.json, Gemfile, pom.xml), in the stage that is shipped, and build again.",
        case.container.image
    ))
    .advise("Check working directory and search path too (PYTHONPATH, NODE_PATH, CLASSPATH): a module of the program itself is then looked for in the wrong place.")
}
