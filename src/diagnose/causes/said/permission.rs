//! PermissionDenied: the process may not do something: bind a low port, write in its own image, use a capability.

use super::place;
use super::{Told, said, tell};
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::PermissionDenied, words)
}

fn words(case: &Case, failure: &Failure) -> Told {
    let quote = failure.quote.to_ascii_lowercase();
    if let Some(device) = absent_device(failure) {
        return Told::new(format!("the device {device} is not in its container ({})", said(failure)))
            .advise("A container gets no device of the node by itself: request it from a device plugin (resources.limits), or mount it as a hostPath and set privileged: true.")
            .advise("Keep the pod on the node that has the device (nodeSelector); paths such as /dev/serial/by-id stay the same when it is plugged in anew.");
    }
    let binds = is_bind(&quote) || failure.subject.is_none() && binds_in_trace(case);
    let what = what(failure, &quote, binds);
    let told = security(case, Told::new(format!("{what} ({})", said(failure))));
    if binds {
        return told
            .advise("Ports below 1024 need root or NET_BIND_SERVICE: let it listen on a port above (8080), and leave 80 or 443 to the Service.")
            .advise("Or add the capability: securityContext.capabilities.add: [NET_BIND_SERVICE].");
    }
    if ["iptables", "ip6tables", "nft"].iter().any(|w| quote.contains(w)) {
        return told.advise("It changes the pod's packet filter: that takes root and the capability NET_ADMIN (securityContext; on OpenShift an SCC that allows both). Service meshes can do it by a CNI plugin of the node instead.");
    }
    if quote.contains("root") && (quote.contains("must") || quote.contains("need") || quote.contains("require")) {
        return told
            .advise("It wants to be root: drop runAsUser/runAsNonRoot for it, or use an image made for other users.");
    }
    if quote.contains("as root") {
        return told
            .advise("It refuses to be root: set securityContext.runAsUser to the user that the image is made for.");
    }
    if ["setgroups", "setgid", "setuid", "switching to", "initgroups"].iter().any(|w| quote.contains(w)) {
        return told
            .advise("Its entrypoint switches to another user, which only root (or SETUID and SETGID) can: let it start as root (no runAsUser, no runAsNonRoot, these two capabilities kept), and it drops the rights itself.")
            .advise("Or start the program directly as that user, without the entrypoint's switch (command:).");
    }
    if quote.contains("exec ") && quote.contains("operation not permitted") {
        return told.advise("The kernel refuses to execute the program: it has file capabilities (setcap, such as cap_net_bind_service) that the container may not have. Add that capability in securityContext, or use an image without them; with allowPrivilegeEscalation: false old runtimes refuse it as well.");
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
        Some(path) if is_home_of_nobody(path) => told
            .advise(format!("{path} at the root means that this user has no home (HOME is /): set HOME, or the program's own variable for that folder, to one that it may write, such as an emptyDir at /tmp/home."))
            .advise("Or run as the user that the image is made for (securityContext.runAsUser)."),
        Some(path) if path.starts_with("/tmp/") => told
            .advise("Mount an emptyDir at /tmp: in this image the folder is not everybody's to write.")
            .advise("Or run as the user that the image is made for (securityContext.runAsUser)."),
        Some(path) => told
            .advise(format!("Let the image give {path} to the user that it runs as (chown in the Dockerfile; group 0 with g+w for random users of OpenShift), or mount an emptyDir there."))
            .advise("Or run as the user that the image is made for (securityContext.runAsUser)."),
        None => told.advise("Compare the user it runs as with the owner of what it touches; run as the user that the image is made for."),
    }
}

/// A device that is absent; no right is refused.
fn absent_device(failure: &Failure) -> Option<&str> {
    failure.subject.as_deref().filter(|p| failure.concept == Concept::FileMissing && place::is_device(p))
}

/// `/.cache`, `/.npm`: the folder of a user's settings, looked for at the root since the user id is in no passwd file.
fn is_home_of_nobody(path: &str) -> bool {
    path.strip_prefix("/.").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn is_bind(quote: &str) -> bool {
    let begins = |w: &str| w.starts_with("bind") || w.starts_with("listen");
    quote.split(|c: char| !c.is_ascii_alphanumeric()).any(begins)
        || ["eacces: permission denied 0.0.0.0", "make_sock", "socketexception (13)", "kestrel"]
            .iter()
            .any(|w| quote.contains(w))
}

/// The exception names no path, and its trace ends in a call that binds a socket.
fn binds_in_trace(case: &Case) -> bool {
    const CALLS: &[&str] = &["socket.bind(", "server_bind", ".Net.bind", "Socket.bind", "sock.bind("];
    case.crash_log().is_some_and(|l| l.text.lines().rev().take(8).any(|line| CALLS.iter().any(|c| line.contains(c))))
}

/// What it may not do, as far as the words tell.
fn what(failure: &Failure, quote: &str, binds: bool) -> String {
    if binds {
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
