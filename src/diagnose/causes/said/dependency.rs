//! DependencyUnavailable: another service could not be reached: refused, not resolved, timed out.

use super::{Told, named, said, tell};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason, Source, Target};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::DependencyUnavailable, words)
}

fn address(target: &Target) -> String {
    target.port.map_or_else(|| target.host.clone(), |p| format!("{}:{p}", target.host))
}

fn words(case: &Case, failure: &Failure) -> Told {
    let peer = failure.target.as_ref().map(address);
    let sentence = match (failure.concept, &peer) {
        (Concept::NameNotResolved, Some(p)) => format!("the name {p} does not resolve"),
        (Concept::NameNotResolved, None) => format!("a host name does not resolve ({})", said(failure)),
        (Concept::FileMissing, _) => format!("the socket {} is not there", named(failure, "of its peer")),
        (_, Some(p)) => format!("cannot reach {p} ({})", said(failure)),
        (_, None) => format!("cannot reach a service that it needs ({})", said(failure)),
    };
    let told = advice(case, failure, peer.as_deref(), Told::new(sentence));
    given(case, failure, told)
}

fn advice(case: &Case, failure: &Failure, peer: Option<&str>, told: Told) -> Told {
    let ns = &case.pod.namespace;
    let local = failure.target.as_ref().is_some_and(|t| t.host == "localhost" || t.host.starts_with("127."));
    if local {
        return told
            .advise("localhost is this pod: the server must run in another container of it, or the address must name the Service of the real server.")
            .advise("Where a sidecar serves it, start that first: make it a native sidecar (an init container with restartPolicy: Always) with a startup probe.");
    }
    let host = failure.target.as_ref().map_or("", |t| t.host.as_str());
    let service = host.split('.').next().unwrap_or(host);
    let told = match failure.concept {
        Concept::NameNotResolved => told.advise_command(
            "Check the spelling of the name, and that the Service exists in that namespace (across namespaces the name is SERVICE.NAMESPACE):",
            Some(format!("kubectl get services -A | grep -i -- '{}'", if service.is_empty() { "NAME" } else { service })),
        ),
        _ if !service.is_empty() && !host.bytes().all(|b| b.is_ascii_digit() || b == b'.') => told.advise_command(
            format!("Check that {} has ready endpoints, and that its pods run:", peer.unwrap_or(host)),
            Some(format!("kubectl -n {ns} get service,endpointslices -l kubernetes.io/service-name={service}")),
        ),
        _ => told.advise(format!("Check that what listens at {} is up and that no NetworkPolicy stands between.", peer.unwrap_or("the peer"))),
    };
    told.advise("If it only starts later than this program, let the program wait and retry, or wait for it in an init container.")
}

/// The variable or argument that gives the address, where the spec shows it.
fn given(case: &Case, failure: &Failure, told: Told) -> Told {
    let Some(host) = failure.target.as_ref().map(|t| t.host.as_str()).filter(|h| h.len() > 2) else { return told };
    let by_env = case.container.env.iter().find(|e| e.value.as_deref().is_some_and(|v| v.contains(host)));
    if let Some(env) = by_env {
        let value = env.value.as_deref().unwrap_or_default();
        return told.evidence(Source::PodSpec, format!("env {}={value}", env.name));
    }
    match case.container.command_line().find(|a| a.contains(host)) {
        Some(arg) => told.evidence(Source::PodSpec, format!("argument: {}", crate::diagnose::words::cut(arg, 200))),
        None => told,
    }
}
