//! From a host name or address to the Service or pod that it stands for.

use super::super::facts::{Endpoint, Pod, Service};
use super::super::wants::Want;
use super::service::selects;
use super::{Fault, Search, Target, Way, dns, empty, pod, service};

/// What a host stands for.
#[derive(Debug)]
pub(super) enum Peer<'a> {
    /// A Service, by name or cluster IP.
    Service(&'a Service),
    /// One pod, by IP or by its name under a headless Service.
    Pod(&'a Pod),
    /// A pod by its name under a headless Service, that is not there (or not known).
    PodOf(&'a Service, String),
    /// A Service that is only another word for a name outside of the cluster.
    Alias(&'a Service),
    /// A Service of that name, but in other namespaces only.
    Elsewhere(Vec<&'a Service>),
    /// A name of a Service that nothing at hand has: namespace and name.
    NoService(String, String),
    /// The pod itself.
    Own,
    /// Nothing in the cluster, or not known.
    Outside,
    /// Not a host at all.
    Nothing,
}

/// The parts of a Service's DNS name.
struct Name {
    pod: Option<String>,
    service: String,
    namespace: Option<String>,
    /// It can be nothing but a Service: one label, or `.svc`.
    local: bool,
}

/// What a target stands for, as seen from the asking pod.
pub(super) fn resolve<'a>(search: &Search<'a>, target: &Target) -> Peer<'a> {
    let host = target.host.trim_end_matches('.').to_ascii_lowercase();
    at(search, &host, target.port, 0)
}

fn at<'a>(search: &Search<'a>, host: &str, port: Option<u16>, depth: u8) -> Peer<'a> {
    let asker = search.asker();
    if host.is_empty() || host.starts_with("unix:") {
        return Peer::Nothing;
    }
    if host == "localhost" || host.starts_with("127.") || host == "::1" || asker.ips.iter().any(|ip| ip == host) {
        return Peer::Own;
    }
    if host.parse::<std::net::IpAddr>().is_ok() {
        return by_address(search, host, port);
    }
    match by_name(search, host) {
        // Two aliases deep at most: a Service may name itself.
        Peer::Service(s) if s.kind == "ExternalName" && depth < 2 => match s.external_name.as_deref() {
            Some(outer) => match at(search, &outer.trim_end_matches('.').to_ascii_lowercase(), port, depth + 1) {
                Peer::Outside => Peer::Alias(s),
                peer => peer,
            },
            None => Peer::Outside,
        },
        peer => peer,
    }
}

fn by_address<'a>(search: &Search<'a>, ip: &str, port: Option<u16>) -> Peer<'a> {
    let cluster = search.cluster;
    if let Some(s) = cluster.services.iter().find(|s| s.cluster_ips.iter().any(|c| c == ip)) {
        return Peer::Service(s);
    }
    let mut pods = cluster.pods.iter().filter(|p| p.ips.iter().any(|i| i == ip));
    // The pods of a node's network share its address: the port tells them apart.
    let listens =
        |p: &&Pod| !p.host_network || p.containers.iter().flat_map(|c| &c.ports).any(|own| Some(own.number) == port);
    if let Some(p) = pods.find(listens) {
        return Peer::Pod(p);
    }
    let has = |e: &Endpoint| e.addresses.iter().any(|a| a == ip);
    let behind = cluster.services.iter().find(|s| s.endpoints.iter().flatten().any(has));
    if let Some(s) = behind {
        return Peer::Service(s);
    }
    if search.ask(Want::At { kind: "Service", ip: ip.to_owned() }) {
        search.ask(Want::At { kind: "Pod", ip: ip.to_owned() });
    }
    Peer::Outside
}

fn service<'a>(search: &Search<'a>, namespace: &str, name: &str) -> Option<&'a Service> {
    search.cluster.services.iter().find(|s| s.namespace == namespace && s.name == name)
}

/// A namespace that any object at hand lives in.
fn is_namespace(search: &Search, name: &str) -> bool {
    let c = search.cluster;
    c.pods.iter().any(|p| p.namespace == name) || c.services.iter().any(|s| s.namespace == name)
}

fn by_name<'a>(search: &Search<'a>, host: &str) -> Peer<'a> {
    let own = search.asker().namespace.as_str();
    let readings = readings(host);
    for n in &readings {
        let namespace = n.namespace.as_deref().unwrap_or(own);
        let Some(s) = service(search, namespace, &n.service) else {
            let (namespace, name) = (namespace.to_owned(), n.service.clone());
            search.ask(Want::Object { kind: "Service", namespace, name });
            continue;
        };
        return match &n.pod {
            None => Peer::Service(s),
            // a pod has a name below a Service only where that selects it
            Some(pod) => match search.cluster.pod(namespace, pod) {
                Some(p) if s.selector.is_empty() || selects(s, &p.labels) => Peer::Pod(p),
                _ => Peer::PodOf(s, pod.clone()),
            },
        };
    }
    let Some(n) =
        readings.iter().find(|n| n.local || n.namespace.as_deref().is_some_and(|ns| is_namespace(search, ns)))
    else {
        return Peer::Outside;
    };
    let namespace = n.namespace.clone().unwrap_or_else(|| own.to_owned());
    let others: Vec<&Service> =
        search.cluster.services.iter().filter(|s| s.name == n.service && s.namespace != namespace).collect();
    if others.is_empty() { Peer::NoService(namespace, n.service.clone()) } else { Peer::Elsewhere(others) }
}

/// How a name may be read, the most likely first. Labels of SRV lookups (`_http._tcp.web`) are left out.
fn readings(host: &str) -> Vec<Name> {
    let labels: Vec<&str> = host.split('.').filter(|l| !l.starts_with('_') && !l.is_empty()).collect();
    let name = |pod: Option<&str>, service: &str, namespace: Option<&str>, local: bool| Name {
        pod: pod.map(str::to_owned),
        service: service.to_owned(),
        namespace: namespace.map(str::to_owned),
        local,
    };
    if let Some(svc) = labels.iter().position(|l| *l == "svc").filter(|i| *i >= 2) {
        let pod = svc.checked_sub(3).map(|i| labels[i]);
        return vec![name(pod, labels[svc - 2], Some(labels[svc - 1]), true)];
    }
    match labels.as_slice() {
        [one] => vec![name(None, one, None, true)],
        [a, b] => vec![name(None, a, Some(b), false), name(Some(a), b, None, false)],
        [a, b, c] => vec![name(Some(a), b, Some(c), false)],
        _ => Vec::new(),
    }
}

/// What is wrong with the peer, as far as evidence reaches.
pub(super) fn fault(search: &Search, target: &Target, way: Way) -> Option<Fault> {
    let peer = resolve(search, target);
    match peer {
        Peer::Service(s) => service::fault(search, s, target.port, way)
            .or_else(|| dns::fault(search, way))
            .or_else(|| dns::other_domain(search, s, &target.host, way)),
        Peer::Pod(p) => pod::of_peer(search, p, &target.host).or_else(|| dns::fault(search, way)),
        Peer::PodOf(s, name) => empty::lacks_pod(search, s, &name).or_else(|| dns::fault(search, way)),
        Peer::Elsewhere(all) => dns::fault(search, way).or_else(|| dns::elsewhere(search, &all, way)),
        Peer::NoService(ns, name) => dns::fault(search, way).or_else(|| dns::no_service(search, &ns, &name, way)),
        Peer::Alias(s) => dns::fault(search, way).or_else(|| service::alias(search, s, way)),
        Peer::Outside => dns::fault(search, way),
        Peer::Own | Peer::Nothing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(host: &str) -> Vec<String> {
        let text = |n: &Name| {
            format!("{}/{}/{}", n.pod.as_deref().unwrap_or(""), n.service, n.namespace.as_deref().unwrap_or(""))
        };
        readings(host).iter().map(text).collect()
    }

    #[test]
    fn names_of_services_in_all_their_forms() {
        assert_eq!(read("db"), ["/db/"]);
        assert_eq!(read("db.data"), ["/db/data", "db/data/"]);
        assert_eq!(read("db-0.db.data"), ["db-0/db/data"]);
        assert_eq!(read("db.data.svc.cluster.local"), ["/db/data"]);
        assert_eq!(read("db-0.db.data.svc"), ["db-0/db/data"]);
        assert_eq!(read("_pg._tcp.db"), ["/db/"]);
        assert!(read("a.b.example.com").is_empty());
    }
}
