//! A peer in the same pod: on localhost, or behind a socket file in a volume that both mount. Where that container fails itself, it
//! is the one to look at.

use super::super::facts::{Container, ContainerKind, Pod};
use super::super::log::{Concept, Failure};
use super::super::{Case, Target};
use super::{Fault, Search, peer, pod};

/// Blames the one container of the pod that serves the peer and fails itself.
pub(super) fn fault(case: &Case, search: &Search, peers: &[(Target, &Failure)]) -> Option<Fault> {
    let asker = search.asker();
    let local = peers.iter().find(|(t, _)| matches!(peer::resolve(search, t), peer::Peer::Own));
    let socket = case.log().terminal().filter(|f| f.concept == Concept::CannotConnect && f.target.is_none());
    let serves = |c: &&Container| match (local, socket.and_then(|f| f.subject.as_deref())) {
        (Some((target, _)), _) => declares(c, target.port),
        (None, Some(path)) => shares(case.container, c, path),
        (None, None) => false,
    };
    let mut failing = asker.containers.iter().filter(|c| {
        c.name != case.container.name && c.kind != ContainerKind::Init && serves(c) && pod::fails(search, c)
    });
    let sibling = failing.next().filter(|_| failing.next().is_none())?;
    let mut fault = pod::failing(search, asker, sibling);
    let name = &sibling.name;
    fault.sentence = format!("Container {name} of this pod, which is to serve it, {}", what(&fault, asker));
    if fault.root.kind == "Pod" && fault.root.name == asker.name {
        fault.root.summary = format!("its container {name} {}", fault.root.summary);
    }
    Some(fault)
}

fn what(fault: &Fault, asker: &Pod) -> String {
    match fault.sentence.split_once(&format!("pod {} ", asker.name)) {
        Some((_, rest)) => rest.to_owned(),
        None => fault.sentence.clone(),
    }
}

/// It declares that port, or declares none at all.
fn declares(container: &Container, port: Option<u16>) -> bool {
    container.ports.is_empty() || port.is_none_or(|p| container.ports.iter().any(|own| own.number == p))
}

/// Both mount the volume that the socket is in.
fn shares(own: &Container, other: &Container, path: &str) -> bool {
    let mounts = own.mounts.iter().filter(|m| path.starts_with(m.path.trim_end_matches('/')));
    let nearest = mounts.max_by_key(|m| m.path.len());
    nearest.is_some_and(|m| other.mounts.iter().any(|o| o.volume == m.volume))
}
