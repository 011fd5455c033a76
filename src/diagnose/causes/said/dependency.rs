//! DependencyUnavailable: another service could not be reached: refused, not resolved, timed out.

use super::{Told, named, said, tell};
use crate::diagnose::facts::Terminated;
use crate::diagnose::log::{Concept, Failure};
use crate::diagnose::{Case, Finding, Reason, Source, Target};

/// A run of this many seconds shows that the way to the peer was open.
const LONG: i64 = 600;

/// Advice for a peer that is only late.
pub(in crate::diagnose) const LATER: &str =
    "If it only starts later than this program, let the program wait and retry, or wait for it in an init container.";

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
        (Concept::NameNotResolved, Some(_)) => {
            format!("the name {} does not resolve", failure.target.as_ref().map_or("", |t| &t.host))
        }
        (Concept::NameNotResolved, None) => format!("a host name does not resolve ({})", said(failure)),
        (Concept::FileMissing, _) => format!("the socket {} is not there", named(failure, "of its peer")),
        (_, None) if socket(failure).is_some() => {
            format!("cannot reach the socket {} ({})", socket(failure).unwrap_or_default(), said(failure))
        }
        (_, Some(p)) if is_api_server(failure) => format!("cannot reach the API server at {p} ({})", said(failure)),
        (_, Some(p)) => format!("cannot reach {p} ({})", said(failure)),
        (_, None) => format!("cannot reach a service that it needs ({})", said(failure)),
    };
    let told = advice(case, failure, peer.as_deref(), Told::new(sentence));
    given(case, failure, told)
}

/// A peer on this machine, reached by a socket file.
fn socket(failure: &Failure) -> Option<&str> {
    failure.subject.as_deref().filter(|s| s.starts_with('/'))
}

fn advice(case: &Case, failure: &Failure, peer: Option<&str>, told: Told) -> Told {
    let ns = &case.pod.namespace;
    let local = failure.target.as_ref().is_some_and(|t| t.host == "localhost" || t.host.starts_with("127."));
    if local {
        return told
            .advise("localhost is this pod: the server must run in another container of it, or the address must name the Service of the real server.")
            .advise("Where a sidecar serves it, start that first: make it a native sidecar (an init container with restartPolicy: Always) with a startup probe.");
    }
    if failure.target.is_none() && socket(failure).is_some() {
        return told.advise("A socket file is there only where its server runs and its folder is mounted: mount it (hostPath for one of the node), and check that the node has that server: nodes with containerd have no Docker.");
    }
    if is_api_server(failure) {
        let overloaded =
            "If it comes and goes, the API server or etcd is overloaded or restarting: look at their pods and logs.";
        // what could reach it for long has a way to it
        if case.crash().and_then(Terminated::ran_for).is_some_and(|s| s >= LONG) {
            return told
                .advise(overloaded)
                .advise("It had worked until then. If other pods on its node cannot reach the API server either, it is that node's network: look at its CNI and kube-proxy pods.");
        }
        return told
            .advise("Other pods on the same node tell whether it is the node's network: look at its CNI and kube-proxy pods, and at NetworkPolicies that forbid the way to the API server.")
            .advise(overloaded);
    }
    let host = failure.target.as_ref().map_or("", |t| t.host.as_str());
    let (service, ns) = match service(host, ns) {
        Some(found) => found,
        None if host.is_empty() || is_address(host) => ("", ns.as_str()),
        None => return outside(failure, peer.unwrap_or(host), host, told),
    };
    if let Some(set) = member_of_own_set(case, host) {
        return member(case, host, set, told);
    }
    let told = match failure.concept {
        Concept::NameNotResolved => told.advise_command(
            "Check the spelling of the name, and that the Service exists in that namespace (across namespaces the name is SERVICE.NAMESPACE):",
            (!service.is_empty()).then(|| format!("kubectl get services -A | grep -i -- '{service}'")),
        ),
        _ if !service.is_empty() => told.advise_command(
            format!("Check that {} has ready endpoints, and that its pods run:", peer.unwrap_or(host)),
            Some(format!("kubectl -n {ns} get service,endpointslices -l kubernetes.io/service-name={service}")),
        ),
        _ => told.advise(peer.map_or_else(
            || "Find the address in its environment, arguments or configuration; then check that the server is up and that no NetworkPolicy stands between.".to_owned(),
            |p| format!("Check that what listens at {p} is up and that no NetworkPolicy stands between."),
        )),
    };
    told.advise(LATER)
}

/// The pod's own StatefulSet, where the host is the name of one of its pods.
fn member_of_own_set<'a>(case: &'a Case, host: &str) -> Option<&'a str> {
    let set = &case.pod.workload;
    let number = ordinal(host.split('.').next()?, &set.name)?;
    let own = ordinal(&case.pod.name, &set.name)?;
    (set.kind == "StatefulSet" && number != own).then_some(set.name.as_str())
}

fn ordinal(pod: &str, set: &str) -> Option<u32> {
    pod.strip_prefix(set)?.strip_prefix('-')?.parse().ok()
}

/// Members of a StatefulSet that wait for each other: by default the next pod is made only once the one before is ready, and a
/// headless Service has names for ready pods only.
fn member(case: &Case, host: &str, set: &str, told: Told) -> Told {
    let peer = host.split('.').next().unwrap_or(host);
    let later = ordinal(peer, set) > ordinal(&case.pod.name, set);
    let there = case.cluster.pod(&case.pod.namespace, peer).is_some();
    let told = told.advise_command(
        format!("{peer} is a pod of the same StatefulSet: see whether it is there and runs."),
        Some(format!("kubectl -n {} get pods", case.pod.namespace)),
    );
    let told = if later && !there {
        told.advise_command(
            format!("By default {peer} is made only once this one is ready. Where the members need each other for that, set podManagementPolicy: Parallel (it cannot be changed in place: delete the StatefulSet with --cascade=orphan and apply it anew). What it is now:"),
            Some(format!("kubectl -n {} get statefulset {set} -o jsonpath='{{.spec.podManagementPolicy}}'", case.pod.namespace)),
        )
    } else {
        told
    };
    told.advise("A headless Service has names for ready pods only: set publishNotReadyAddresses: true on it, so that members find each other before they are ready.")
}

/// The peer is this cluster's API server, as the path of the request or the name tells.
fn is_api_server(failure: &Failure) -> bool {
    let Some(target) = failure.target.as_ref().filter(|t| matches!(t.port, Some(443 | 6443) | None)) else {
        return false;
    };
    let path = |p: &str| failure.quote.contains(&format!("{}{p}", address(target)));
    target.host.starts_with("kubernetes.default") || path("/api") || path("/version") || path("/healthz")
}

fn is_address(host: &str) -> bool {
    host.contains(':') || host.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Last parts of names that are never a namespace.
const OUTSIDE: &[&str] = &[
    "com", "net", "org", "io", "dev", "cloud", "app", "local", "lan", "internal", "corp", "intern", "de", "eu", "uk",
    "fr", "us", "cn", "in", "co", "ai", "info", "biz", "gov", "edu", "example", "test", "home", "arpa",
];

/// The Service that a name means, and its namespace; `None` for names from outside the cluster.
fn service<'a>(host: &'a str, ns: &'a str) -> Option<(&'a str, &'a str)> {
    if host.is_empty() || is_address(host) {
        return None;
    }
    let parts: Vec<&str> = host.split('.').collect();
    let numbered = |pod: &str| pod.rsplit('-').next().is_some_and(|n| n.parse::<u16>().is_ok());
    match parts.as_slice() {
        [name] => Some((name, ns)),
        [_, last] if OUTSIDE.contains(last) => None,
        [pod, name] if numbered(pod) => Some((name, ns)),
        // with a pod of a StatefulSet before it, or without
        [name, space] | [name, space, "svc", ..] | [_, name, space, "svc", ..] => Some((name, space)),
        _ => None,
    }
}

/// A peer that is no Service of this cluster.
fn outside(failure: &Failure, peer: &str, host: &str, told: Told) -> Told {
    let told = if failure.concept == Concept::NameNotResolved {
        told.advise_command(
            "Check the spelling of the name, and that the cluster's DNS resolves names from outside:",
            Some(format!("kubectl run dns-test -it --rm --restart=Never --image=busybox:1.36 -- nslookup {host}")),
        )
    } else {
        told.advise(format!(
            "Check that {peer} is up and may be reached from the cluster's nodes: firewall or security group, NetworkPolicy, proxy settings."
        ))
    };
    told.advise("If it is down only for a while, let the program wait and retry.")
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

#[cfg(test)]
mod tests {
    use crate::diagnose::testing::World;

    #[test]
    fn members_of_a_set_that_wait_for_each_other() {
        let advice = |peer: &str| {
            let log = format!("FATAL: lookup {peer}: no such host\n");
            let world = World::new().crashed(1, "Error", 9).log(&log).with(|w| {
                w.pod().name = "kv-store-0".into();
                w.pod().workload.kind = "StatefulSet".into();
                w.pod().workload.name = "kv-store".into();
                w.cluster.logs[0].pod = "kv-store-0".into();
            });
            world.diagnose().remediation.into_iter().map(|r| r.text).collect::<Vec<_>>().join(" ")
        };
        for peer in ["kv-store-1.kv-headless", "kv-store-2.kv-headless.shop.svc.cluster.local"] {
            let text = advice(peer);
            assert!(text.contains("Parallel") && text.contains("publishNotReadyAddresses"), "{peer}: {text}");
            assert!(!text.contains("If it only starts later"), "{text}");
        }
        for peer in ["kv-store.shop.svc.cluster.local", "other-1.kv-headless", "kv-store-0.kv-headless"] {
            assert!(!advice(peer).contains("Parallel"), "{peer}");
        }
    }
}
