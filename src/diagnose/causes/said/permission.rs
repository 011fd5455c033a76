//! PermissionDenied: the process may not do something: bind a low port, write in its own image, use a capability.

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::PermissionDenied, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let quote = failure.quote.to_ascii_lowercase();
    let told = security(case, Told::new(format!("{} ({})", what(failure, &quote), said(failure))));
    if is_bind(&quote) {
        return told
            .advise("Ports below 1024 need root or NET_BIND_SERVICE: let it listen on a port above (8080), and leave 80 or 443 to the Service.")
            .advise("Or add the capability: securityContext.capabilities.add: [NET_BIND_SERVICE].");
    }
    if quote.contains("root") && (quote.contains("must") || quote.contains("need") || quote.contains("require")) {
        return told
            .advise("It wants to be root: drop runAsUser/runAsNonRoot for it, or use an image made for other users.");
    }
    if quote.contains("as root") {
        return told
            .advise("It refuses to be root: set securityContext.runAsUser to the user that the image is made for.");
    }
    if quote.contains("operation not permitted")
        || quote.contains("eperm")
        || quote.contains("cap")
        || quote.contains("lock")
    {
        return told.advise("Find the capability behind it (chown: CHOWN, mount: SYS_ADMIN, iptables: NET_ADMIN, mlock: IPC_LOCK, setuid: SETUID/SETGID) and add that one, or switch off what needs it.");
    }
    match failure.subject.as_deref() {
        Some(path) if path.starts_with("/proc/") || path.starts_with("/sys/") => told.advise(format!(
            "Only the node may write {path}: set it there (sysctl), let the program leave it alone (a setting such as conntrack.maxPerCore: 0), or run it privileged where the node itself is no container."
        )),
        Some(path) => told
            .advise(format!("Let the image give {path} to the user that it runs as (chown in the Dockerfile; group 0 with g+w for random users of OpenShift), or mount an emptyDir there."))
            .advise("Or run as the user that the image is made for (securityContext.runAsUser)."),
        None => told.advise("Compare the user it runs as with the owner of what it touches; run as the user that the image is made for."),
    }
}

fn is_bind(quote: &str) -> bool {
    let begins = |w: &str| w.starts_with("bind") || w.starts_with("listen");
    quote.split(|c: char| !c.is_ascii_alphanumeric()).any(begins)
        || ["eacces: permission denied 0.0.0.0", "make_sock", "socketexception (13)", "kestrel"]
            .iter()
            .any(|w| quote.contains(w))
}

/// What it may not do, as far as the words tell.
fn what(failure: &Failure, quote: &str) -> String {
    if is_bind(quote) {
        return "it may not listen on the port that it wants".to_owned();
    }
    if quote.contains("as root") {
        return "it refuses to run as root".to_owned();
    }
    if quote.contains("lock memory") || quote.contains("mlock") {
        return "it may not lock its memory".to_owned();
    }
    match failure.subject.as_deref() {
        Some(path) => format!("it may not use {path}"),
        None => "the process may not do what it needs".to_owned(),
    }
}

/// The settings that take rights away.
fn security(case: &Case, mut told: Told) -> Told {
    if let Some(uid) = case.pod.effective_user(case.container) {
        told = told.evidence(Source::PodSpec, format!("runAsUser: {uid}"));
    }
    if case.pod.refuses_root(case.container) {
        told = told.evidence(Source::PodSpec, "runAsNonRoot: true");
    }
    let dropped = &case.container.security.drop_capabilities;
    if !dropped.is_empty() {
        told = told.evidence(Source::PodSpec, format!("capabilities dropped: {}", dropped.join(", ")));
    }
    told
}
