//! Names that do not resolve: cluster DNS that is down, a Service of another namespace, a Service that does not exist.

use std::collections::BTreeMap;

use super::super::facts::{Pod, Service};
use super::super::wants::Want;
use super::super::{Evidence, Remedy, RootCause, Source, near};
use super::{Fault, Search, Way, called, evidence_of, pod};

/// Whether the resolver says that there is no such name (NXDOMAIN), rather than that it got no answer. The C library's
/// `Name or service not known`, Go's `no such host`, Node's ENOTFOUND; musl and Java use one word for both.
pub(super) fn says_none(quote: &str) -> bool {
    const NONE: &[&str] = &[
        "no such host",
        "enotfound",
        "nxdomain",
        "name or service not known",
        "nodename nor servname",
        "host not found",
        "name does not resolve",
        "not known",
        "could not resolve host",
        "unknown host",
        "unknownhostexception",
        "error -2 connecting",
    ];
    const NO_ANSWER: &[&str] =
        &["temporary failure", "try again", "eai_again", "timeout", "timed out", "servfail", "refused"];
    let lower = quote.to_ascii_lowercase();
    NONE.iter().any(|w| lower.contains(w)) && !NO_ANSWER.iter().any(|w| lower.contains(w))
}

/// The pods of the cluster's DNS: the label is the same for kube-dns, CoreDNS and `OpenShift`'s.
fn is_dns(pod: &Pod) -> bool {
    let label = |key: &str| pod.labels.get(key).map_or("", String::as_str);
    label("k8s-app") == "kube-dns"
        || label("k8s-app") == "coredns"
        || label("app.kubernetes.io/name") == "coredns"
        || label("dns.operator.openshift.io/daemonset-dns") == "default"
}

/// DNS is broken where none of its pods is ready.
pub(super) fn fault(search: &Search, way: Way) -> Option<Fault> {
    if !way.is_name() || search.trail.iter().any(|p| is_dns(p)) {
        return None;
    }
    let labels = BTreeMap::from([("k8s-app".to_owned(), "kube-dns".to_owned())]);
    search.ask(Want::Labelled { kind: "Pod", namespace: "kube-system".into(), labels });
    let pods: Vec<&Pod> = search.cluster.pods.iter().filter(|p| is_dns(p) && p.phase != "Succeeded").collect();
    if pods.is_empty() || pods.iter().any(|p| pod::was_ready(search, p)) {
        return None;
    }
    let fault = pod::worst(search, &pods)?;
    let count = format!("none of the {} pods of cluster DNS is ready", pods.len());
    let lead = if pods.len() == 1 { "cluster DNS is down".to_owned() } else { count };
    let evidence = Evidence::new(Source::Service, lead.clone()).of("cluster DNS");
    Some(fault.behind(&capital(&lead), evidence))
}

/// The Service is there and has an address, and yet its name in full is unknown: the domain behind `.svc.` is another cluster's.
pub(super) fn other_domain(search: &Search, service: &Service, host: &str, way: Way) -> Option<Fault> {
    const USUAL: &str = "cluster.local";
    let (_, domain) = host.trim_end_matches('.').split_once(".svc.")?;
    if way != Way::NoSuchName || service.cluster_ips.is_empty() || domain.eq_ignore_ascii_case(USUAL) {
        return None;
    }
    let name = called(search, "Service", &service.namespace, &service.name);
    let short = format!("{}.{}.svc", service.name, service.namespace);
    let summary =
        format!("exists and has an address, but not by that name: {domain} seems not to be this cluster's domain");
    let what = format!("clusterIP {}", service.cluster_ips.join(", "));
    Some(Fault {
        sentence: format!("{name} {summary}"),
        evidence: vec![evidence_of(Source::Service, "Service", &service.namespace, &service.name, what)],
        advice: vec![
            Remedy::text(format!(
                "Give the program the name {short}, which is right in every cluster, or correct the cluster domain in the chart's values ({USUAL} unless the kubelets' clusterDomain says otherwise)."
            )),
            Remedy::command(
                "See the domain that pods of this cluster search:",
                "kubectl run dns-test -it --rm --restart=Never --image=busybox:1.36 -- cat /etc/resolv.conf",
            ),
        ],
        root: service_root(&service.namespace, &service.name, summary),
    })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// The Service of that name lives in another namespace.
pub(super) fn elsewhere(search: &Search, all: &[&Service], way: Way) -> Option<Fault> {
    let first = all.first().filter(|_| way.is_name())?;
    let ns = &search.asker().namespace;
    let places: Vec<&str> = all.iter().map(|s| s.namespace.as_str()).take(3).collect();
    let address = format!("{}.{}", first.name, first.namespace);
    let summary = format!("lives in namespace {}, not in {ns}: from there its name is {address}", places.join(" and "));
    Some(Fault {
        sentence: format!("Service {} {summary}", first.name),
        evidence: vec![evidence_of(Source::Service, "Service", &first.namespace, &first.name, summary.clone())],
        advice: vec![Remedy::text(format!(
            "Use the name {address}: a short name is looked up in the pod's own namespace only."
        ))],
        root: service_root(&first.namespace, &first.name, summary),
    })
}

/// No Service has that name: known where the resolver says so or all Services were read.
pub(super) fn no_service(search: &Search, namespace: &str, name: &str, way: Way) -> Option<Fault> {
    let absent = search.ask(Want::Object { kind: "Service", namespace: namespace.to_owned(), name: name.to_owned() });
    let all_read = absent || search.cluster.complete("Service", Some(namespace));
    if way.is_name() {
        search.ask(Want::Named { kind: "Service", name: name.to_owned() });
        search.ask(Want::Labelled { kind: "Service", namespace: namespace.to_owned(), labels: BTreeMap::new() });
    }
    if way != Way::NoSuchName && !(all_read && way.is_name()) {
        return None;
    }
    let existing: Vec<&str> =
        search.cluster.services.iter().filter(|s| s.namespace == namespace).map(|s| s.name.as_str()).collect();
    let hint = near::hint(name, &existing);
    let service = called(search, "Service", namespace, name);
    let summary = format!("does not exist in namespace {namespace}");
    Some(Fault {
        sentence: format!("{service} {summary}"),
        evidence: vec![evidence_of(Source::Service, "Service", namespace, name, "no Service of that name")],
        advice: vec![Remedy::command(
            format!("Correct the name that the program is given, or create the Service.{hint}"),
            format!("kubectl -n {namespace} get services"),
        )],
        root: service_root(namespace, name, format!("{summary}.{hint}").trim_end_matches('.').to_owned()),
    })
}

/// A Service as the object to blame.
pub(super) fn service_root(namespace: &str, name: &str, summary: String) -> RootCause {
    RootCause {
        api_version: "v1".into(),
        kind: "Service".into(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        workload: None,
        summary,
    }
}
