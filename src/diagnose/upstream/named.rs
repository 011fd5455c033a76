//! Where the log names no peer: the Services that the spec names, in variables, arguments and probes. The one that is at fault
//! is to blame, if it is only one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use super::super::Target;
use super::super::facts::{Container, ProbeAction};
use super::super::wants::Want;
use super::{Fault, Search, Way, peer, service};

/// At most so many addresses are looked at.
const MOST: usize = 60;

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        // an address may have a word for its protocol before it: `v2:10.0.0.1:3300`
        r"(?i)(?:[a-z][a-z0-9]{0,9}:)?(?P<ip>\d{1,3}(?:\.\d{1,3}){3})(?::(?P<at>\d{2,5})\b)?|(?P<host>[a-z0-9_][a-z0-9._-]*)(?P<scheme>://)?(?::(?P<port>\d{2,5})\b)?",
    )
    .ok()
});

/// Words in the name of a variable or flag that say that its value is an address.
const ADDRESS_WORDS: &[&str] = &[
    "host",
    "addr",
    "url",
    "uri",
    "server",
    "endpoint",
    "broker",
    "dsn",
    "conn",
    "peer",
    "seed",
    "node",
    "upstream",
    "backend",
    "service",
    "bootstrap",
    "master",
    "database",
    "target",
];

fn is_address(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ADDRESS_WORDS.iter().any(|w| lower.contains(w))
}

/// Addresses in a text. `sure`: it is known to hold one; else only what has a port or a domain counts.
fn addresses(text: &str, sure: bool, into: &mut Vec<Target>) {
    let Some(shape) = ADDRESS.as_ref() else { return };
    for c in shape.captures_iter(text) {
        let host = c.name("ip").or(c.name("host")).map_or("", |h| h.as_str()).trim_matches(['.', '-', '_']);
        let port = c.name("at").or(c.name("port")).and_then(|p| p.as_str().parse().ok());
        if c.name("scheme").is_some()
            || host.is_empty()
            || into.len() >= MOST
            || !(sure || port.is_some() || host.contains('.'))
        {
            continue;
        }
        let target = Target { host: host.to_owned(), port };
        if !into.contains(&target) {
            into.push(target);
        }
    }
}

fn of_spec(container: &Container) -> Vec<Target> {
    let mut all = Vec::new();
    for e in &container.env {
        if let Some(value) = &e.value {
            addresses(value, is_address(&e.name), &mut all);
        }
    }
    let mut flag = false;
    for word in container.command_line() {
        let named = word.split_once('=').is_some_and(|(name, _)| is_address(name));
        addresses(word.split_once('=').map_or(word, |(_, v)| v), flag || named, &mut all);
        flag = word.starts_with('-') && !word.contains('=') && is_address(word);
    }
    for probe in [&container.startup, &container.liveness, &container.readiness].into_iter().flatten() {
        match &probe.action {
            ProbeAction::Exec(command) => command.iter().for_each(|w| addresses(w, false, &mut all)),
            ProbeAction::Http { host: Some(host), .. } => addresses(host, true, &mut all),
            _ => {}
        }
    }
    all
}

/// The fault of the one named peer that has one.
pub(super) fn only_faulty(search: &Search, container: &Container, way: Way) -> Option<Fault> {
    let own = search.asker();
    let named = of_spec(container);
    if !named.is_empty() {
        let namespace = own.namespace.clone();
        search.ask(Want::Labelled { kind: "Service", namespace, labels: BTreeMap::new() });
    }
    let mut found: Option<Fault> = None;
    for target in named {
        let fault = match peer::resolve(&search.unheard(), &target) {
            peer::Peer::Service(s) if !service::is_of(s, own) => peer::fault(search, &target, way),
            peer::Peer::Pod(_) | peer::Peer::PodOf(..) => peer::fault(search, &target, way),
            _ => None,
        };
        let Some(fault) = fault else { continue };
        if found.as_ref().is_some_and(|f| f.root != fault.root) {
            return None;
        }
        found = Some(fault);
    }
    found
}
