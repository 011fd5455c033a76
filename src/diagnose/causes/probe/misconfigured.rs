//! ProbeMisconfigured: the probe asks where, or in a way that, the program can never answer.

use super::Killed;
use super::course::Listen;
use super::failure::Failure;
use crate::diagnose::facts::ProbeAction;

/// What is wrong, and which line or fact shows it.
pub struct Fault {
    /// In words, ends the sentence `… because`.
    pub what: String,
    /// The log's line that shows it, if one does.
    pub line: Option<String>,
    /// What to change.
    pub fix: String,
}

impl Fault {
    fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), line: None, fix: fix.into() }
    }
}

/// The port number that the probe asks; a name is looked up among the container's ports.
pub fn port(kill: &Killed) -> Option<u16> {
    let text = match &kill.probe.action {
        ProbeAction::Http { port, .. } | ProbeAction::Tcp { port } => port,
        ProbeAction::Grpc { port, .. } => return Some(*port),
        ProbeAction::Exec(_) | ProbeAction::Unknown => return None,
    };
    let named = || kill.case.container.ports.iter().find(|p| p.name.as_deref() == Some(text)).map(|p| p.number);
    text.parse().ok().or_else(named)
}

/// Whether the probe cannot work as it stands.
pub fn find(kill: &Killed) -> Option<Fault> {
    let asks = super::words::cut(kill.kill.text(), 160);
    let fault = match kill.failure {
        Failure::ToolMissing if unset(kill).is_some() => variable(unset(kill).unwrap_or_default(), &asks),
        Failure::ToolMissing => Fault::new(
            format!("its command is not in the image ({asks})"),
            "Call a tool that is in the image, or use an httpGet, tcpSocket or grpc probe, which the kubelet runs itself.",
        ),
        Failure::BadCommand => Fault::new(
            format!("its command fails by itself ({asks})"),
            "Run the probe's command by hand in the container (kubectl exec) and correct it: options, credentials, permissions.",
        ),
        Failure::WrongProtocol if wants_certificate(kill.kill.text()) => Fault::new(
            format!("the port wants a client certificate, which no kubelet sends ({asks})"),
            "Serve health on a port without client certificates, or check from inside with an exec probe (or only the port, with tcpSocket).",
        ),
        Failure::WrongProtocol => Fault::new(
            format!("it speaks another protocol than the port ({asks})"),
            "Set the probe's scheme to what the port speaks (scheme: HTTPS or HTTP), or ask the plain port; use grpc for a gRPC port.",
        ),
        Failure::NoSuchHost => Fault::new(
            "its host does not resolve on the node",
            "Leave httpGet.host out: then the pod's own address is asked.",
        ),
        Failure::NotImplemented => Fault::new(
            "the server has no gRPC health service of that name",
            "Register grpc.health.v1.Health in the server, correct grpc.service, or use a tcpSocket probe.",
        ),
        Failure::Status(404) if answered(kill) => path(kill, 404),
        Failure::Status(code @ (404 | 405 | 410)) if !kill.starting() || code != 404 => path(kill, code),
        Failure::Status(404) if !kill.progressing() => path(kill, 404),
        Failure::Status(code @ (401 | 403 | 407)) => Fault::new(
            format!("the path wants credentials (HTTP {code})"),
            "Ask a path that needs no login, or send the header it wants (httpGet.httpHeaders).",
        ),
        Failure::Status(400) if is_tls(kill) => Fault {
            line: says_tls(kill),
            ..Fault::new(
                "it asks an HTTPS port in plain HTTP (HTTP 400)",
                "Set scheme: HTTPS in the probe's httpGet (the kubelet does not verify the certificate).",
            )
        },
        Failure::Status(400 | 421) => bad_request(kill),
        Failure::Refused | Failure::Unknown => return address(kill),
        _ => return None,
    };
    Some(fault)
}

fn wants_certificate(text: &str) -> bool {
    ["bad certificate", "certificate required", "handshake failure"].iter().any(|w| text.contains(w))
}

/// The server's own access log has the kubelet's request and its answer: it is up, and knows its paths.
fn answered(kill: &Killed) -> bool {
    let ProbeAction::Http { path, .. } = &kill.probe.action else { return false };
    let asked = format!("\"GET {path} HTTP/");
    let says = |l: &str| l.contains(" 404 ") && (l.contains("kube-probe/") || l.contains(&asked));
    kill.case.crash_log().is_some_and(|log| log.text.lines().any(says))
}

fn path(kill: &Killed, code: u16) -> Fault {
    let path = match &kill.probe.action {
        ProbeAction::Http { path, .. } => path.as_str(),
        _ => "that path",
    };
    let readiness = match kill.case.container.readiness.as_ref().map(|r| &r.action) {
        Some(ProbeAction::Http { path: other, .. }) if other != path && kill.case.container.status.ready => {
            format!(" The readiness probe, which passes, asks {other}.")
        }
        _ => String::new(),
    };
    let what = if code == 405 { "does not allow GET on" } else { "does not serve" };
    Fault::new(
        format!("the program {what} {path} (HTTP {code})"),
        format!(
            "Ask a path that it serves instead of {path}: check with kubectl exec … curl, or in its documentation; context paths and base URLs count.{readiness}"
        ),
    )
}

/// Refused as such: often for the Host header, which is the pod's IP.
fn bad_request(kill: &Killed) -> Fault {
    const HOST: &[&str] =
        &["allowed_hosts", "invalid host", "http_host", "host header", "blocked host", "untrusted host"];
    let says = |l: &&str| HOST.iter().any(|w| l.to_lowercase().contains(w));
    let line = kill.case.crash_log().and_then(|log| log.text.lines().rev().take(400).find(says));
    let what = match line {
        Some(_) => "the server refuses its Host header, which is the pod's IP (HTTP 400)",
        None => "the server refuses the request as such (HTTP 400): often for its Host header, which is the pod's IP",
    };
    Fault {
        line: line.map(|l| super::words::cut(l, 300)),
        ..Fault::new(
            what,
            "Send the host that the server accepts (httpGet.httpHeaders: Host), or let it accept the pod's IP.",
        )
    }
}

fn is_tls(kill: &Killed) -> bool {
    let ProbeAction::Http { port: text, scheme, .. } = &kill.probe.action else { return false };
    let number = port(kill);
    scheme != "HTTPS"
        && (says_tls(kill).is_some() || text.contains("https") || matches!(number, Some(443 | 6443 | 8443 | 9443)) || {
            kill.course.listens.iter().any(|l| Some(l.port) == number && l.line.to_lowercase().contains("https"))
        })
}

/// What a server of TLS says of a client that speaks plain HTTP: Go, nginx, OpenSSL.
fn says_tls(kill: &Killed) -> Option<String> {
    const WORDS: &[&str] = &[
        "first record does not look like a tls handshake",
        "http request to an https",
        "plain http request was sent to https",
        "ssl routines::http request",
        "ssl: http_request",
        "[ssl: http_request]",
        "not an ssl/tls record",
    ];
    let says = |l: &&str| {
        let lower = l.to_lowercase();
        WORDS.iter().any(|w| lower.contains(w))
    };
    let line = kill.case.crash_log()?.text.lines().rev().take(400).find(says)?;
    Some(super::words::cut(line, 300))
}

/// The name in `$(NAME)` of an exec probe's command that its shell took for a command and did not find.
fn unset<'a>(kill: &'a Killed) -> Option<&'a str> {
    let ProbeAction::Exec(command) = &kill.probe.action else { return None };
    let names = command.iter().flat_map(|c| c.split("$(").skip(1)).filter_map(|rest| Some(rest.split_once(')')?.0));
    let variable =
        |n: &&str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let text = kill.kill.text();
    names
        .filter(variable)
        .find(|n| text.contains(&format!("{n}: not found")) || text.contains(&format!("{n}: command not found")))
}

fn variable(name: &str, asks: &str) -> Fault {
    Fault::new(
        format!(
            "$({name}) in its command is no variable that the kubelet could put in, so the shell runs {name} as a command ({asks})"
        ),
        format!(
            "Give the container an env {name} (the pod's address: valueFrom.fieldRef status.podIP), and write ${{{name}}} in the probe's command, which its shell puts in: the kubelet replaces $({name}) in a probe only where env gives a literal value."
        ),
    )
}

/// Refused: is it that the program listens elsewhere?
fn address(kill: &Killed) -> Option<Fault> {
    let asked = port(kill)?;
    let listens = &kill.course.listens;
    if let Some(l) = listens.iter().find(|l| l.port == asked) {
        return if is_loopback(l) && !asks_loopback(kill) { Some(loopback(l, asked)) } else { None };
    }
    let settled = kill.was_up() == Some(true) || (kill.course.ready.is_some() && kill.was_up().is_none());
    let declared = kill.case.container.ports.iter().any(|p| p.number == asked);
    if let Some(other) = listens.last().filter(|_| settled || !declared) {
        return Some(Fault {
            what: format!("the program listens on port {}, the probe asks {asked}", other.port),
            line: Some(other.line.clone()),
            fix: format!("Ask the port where it listens (port: {}), or let the program listen on {asked}.", other.port),
        });
    }
    let ports = &kill.case.container.ports;
    if !declared && !ports.is_empty() && !kill.starting() && kill.never_passed() {
        let list: Vec<String> = ports.iter().map(|p| p.number.to_string()).collect();
        return Some(Fault::new(
            format!("nothing listens on port {asked}; the container declares {}", list.join(", ")),
            format!("Ask the port where the program listens (declared: {}).", list.join(", ")),
        ));
    }
    if settled && kill.never_passed() {
        let mark = kill.course.ready.as_ref();
        return Some(Fault {
            what: format!(
                "the program says that it is up, yet nothing answers on the pod's address at port {asked}: it listens on another port or on 127.0.0.1 only"
            ),
            line: mark.map(|m| m.line.clone()),
            fix: format!(
                "Let it listen on 0.0.0.0:{asked} (or the pod's address), or ask the port where it does listen: kubectl exec … ss -ltn shows it."
            ),
        });
    }
    None
}

fn loopback(listen: &Listen, asked: u16) -> Fault {
    Fault {
        what: format!("the program listens on {}:{asked} only, and the kubelet asks the pod's address", listen.host),
        line: Some(listen.line.clone()),
        fix: format!(
            "Let it listen on 0.0.0.0:{asked} (or the pod's address), or check from inside with an exec probe."
        ),
    }
}

fn is_loopback(listen: &Listen) -> bool {
    listen.host.starts_with("127.") || listen.host == "::1"
}

fn asks_loopback(kill: &Killed) -> bool {
    match &kill.probe.action {
        ProbeAction::Http { host: Some(host), .. } => host == "localhost" || host.starts_with("127."),
        _ => false,
    }
}
