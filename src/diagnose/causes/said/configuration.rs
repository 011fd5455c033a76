//! InvalidConfiguration: a configuration is there, but wrong or unparsable.

use super::{Told, place, said, tell};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::InvalidConfiguration, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let quote = &failure.quote;
    if quote.contains("no matches for kind") || quote.contains("could not find the requested resource") {
        return Told::new(format!("the cluster does not know a kind of object that it needs ({})", said(failure))).advise_command(
            "Install the CustomResourceDefinitions of this version first (charts often have a switch such as installCRDs or a crds/ folder):",
            Some("kubectl get crds".to_owned()),
        );
    }
    let told = Told::new(format!("its configuration is not accepted: {}", said(failure)));
    let told = match failure.subject.as_deref().filter(|s| s.starts_with('/')).and_then(|p| place::mount_of(case, p)) {
        Some(mount) => told.evidence(Source::PodSpec, place::describe(case, mount)),
        None => told,
    };
    let env = failure.subject.as_deref().and_then(|s| case.container.env(s));
    let told = match env {
        Some(e) => told
            .evidence(Source::PodSpec, format!("env {}={}", e.name, e.value.as_deref().unwrap_or("(from elsewhere)"))),
        None => told,
    };
    let told = if failure.concept == Concept::EnvMissing { told.but("the variable is set in the spec") } else { told };
    told.advise("Correct the value that the message names, and check it with the program's own validation where it has one (nginx -t, promtool check config, haproxy -c, --dry-run).")
        .advise("If it came with an upgrade, read the release notes for renamed and removed settings.")
}
