//! Services, and what stands behind them (EndpointSlices, or the older Endpoints).

use k8s_openapi::api::{core::v1 as core, discovery::v1 as discovery};

use crate::diagnose::facts::{Endpoint, Service, ServicePort};

use super::container::int_or_string;
use super::text::word;

/// The endpoints of one Service: its namespace and name, and the endpoints.
pub type Behind = (String, String, Vec<Endpoint>);

/// A Service without its endpoints.
pub fn facts(s: &core::Service) -> Service {
    let spec = s.spec.as_ref();
    let ips = spec.map(|s| s.cluster_ips.clone().unwrap_or_else(|| s.cluster_ip.iter().cloned().collect()));
    Service {
        namespace: word(s.metadata.namespace.as_deref().unwrap_or_default()),
        name: word(s.metadata.name.as_deref().unwrap_or_default()),
        kind: word(spec.and_then(|s| s.type_.as_deref()).unwrap_or("ClusterIP")),
        cluster_ips: ips
            .into_iter()
            .flatten()
            .filter(|ip| !ip.is_empty() && ip != "None")
            .map(|ip| word(&ip))
            .collect(),
        external_name: spec.and_then(|s| s.external_name.as_deref()).map(word),
        selector: spec
            .and_then(|s| s.selector.as_ref())
            .into_iter()
            .flatten()
            .map(|(k, v)| (word(k), word(v)))
            .collect(),
        ports: spec.and_then(|s| s.ports.as_ref()).into_iter().flatten().map(port).collect(),
        endpoints: None,
    }
}

fn port(p: &core::ServicePort) -> ServicePort {
    ServicePort {
        name: p.name.as_deref().map(word),
        port: number(p.port),
        target: p.target_port.as_ref().map_or_else(|| p.port.to_string(), int_or_string),
        protocol: p.protocol.as_deref().map_or_else(|| "TCP".into(), word),
    }
}

fn number(n: i32) -> u16 {
    u16::try_from(n).unwrap_or(0)
}

fn pod_of(target: Option<&core::ObjectReference>) -> Option<String> {
    target.filter(|t| t.kind.as_deref() == Some("Pod")).and_then(|t| t.name.as_deref()).map(word)
}

/// An EndpointSlice; `None` where it names no Service.
pub fn slice(s: &discovery::EndpointSlice) -> Option<Behind> {
    let service = s.metadata.labels.as_ref()?.get("kubernetes.io/service-name")?;
    let ports: Vec<u16> = s.ports.iter().flatten().filter_map(|p| p.port).map(number).collect();
    let endpoint = |e: &discovery::Endpoint| Endpoint {
        addresses: e.addresses.iter().map(|a| word(a)).collect(),
        // "nil should be interpreted as true" (API documentation)
        ready: e.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true),
        pod: pod_of(e.target_ref.as_ref()),
        ports: ports.clone(),
    };
    let all = s.endpoints.iter().flatten().map(endpoint).collect();
    Some((word(s.metadata.namespace.as_deref().unwrap_or_default()), word(service), all))
}

/// An Endpoints object.
pub fn endpoints(e: &core::Endpoints) -> Behind {
    let mut all = Vec::new();
    for subset in e.subsets.iter().flatten() {
        let ports: Vec<u16> = subset.ports.iter().flatten().map(|p| number(p.port)).collect();
        let make = |a: &core::EndpointAddress, ready: bool| Endpoint {
            addresses: vec![word(&a.ip)],
            ready,
            pod: pod_of(a.target_ref.as_ref()),
            ports: ports.clone(),
        };
        all.extend(subset.addresses.iter().flatten().map(|a| make(a, true)));
        all.extend(subset.not_ready_addresses.iter().flatten().map(|a| make(a, false)));
    }
    let meta = &e.metadata;
    (word(meta.namespace.as_deref().unwrap_or_default()), word(meta.name.as_deref().unwrap_or_default()), all)
}
