//! PortConflict: the address to listen on is already in use.

use std::sync::LazyLock;

use regex::Regex;

use super::{Told, said, tell};
use crate::diagnose::log::Failure;
use crate::diagnose::{Case, Finding, Reason, Source};

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    tell(case, Reason::PortConflict, words)
}

static PORT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(?:[\w.\]*]:|\s:|port:? |\()(?P<port>\d{2,5})(?:\D|$)").ok());

fn port(failure: &Failure) -> Option<u16> {
    let shape = PORT.as_ref()?;
    // the brief first: it has no logger's time in it
    [&failure.brief, &failure.quote].into_iter().find_map(|text| {
        shape
            .captures_iter(text)
            .filter_map(|c| c.name("port"))
            .filter(|port| !is_line_number(&text[..port.start()]))
            .filter_map(|port| port.as_str().parse().ok())
            .find(|p: &u16| *p >= 20)
    })
}

/// Before it stands a source file, or such a file and its line: `src/main.rs:22:10`.
fn is_line_number(before: &str) -> bool {
    const SOURCES: &[&str] = &[
        "rs", "go", "py", "js", "ts", "mjs", "cjs", "java", "kt", "scala", "cs", "rb", "php", "c", "cc", "cpp", "ex",
        "erl", "lua",
    ];
    let place = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == ':' || c == '(');
    place.rsplit_once('.').is_some_and(|(_, extension)| SOURCES.contains(&extension))
}

fn words(case: &Case, failure: &Failure) -> Told {
    let port = port(failure);
    let what = port.map_or_else(|| "the address that it listens on".to_owned(), |p| format!("port {p}"));
    let told = Told::new(format!("{what} is already in use ({})", said(failure)));
    let neighbour = case
        .pod
        .containers
        .iter()
        .find(|c| c.name != case.container.name && c.ports.iter().any(|p| Some(p.number) == port));
    if let Some(other) = neighbour {
        return told
            .evidence(
                Source::PodSpec,
                format!("container {} of the same pod declares port {}", other.name, port.unwrap_or_default()),
            )
            .advise(format!(
                "The containers of a pod share one network: give {} or {} another port.",
                case.container.name, other.name
            ));
    }
    if case.pod.host_network {
        return told
            .evidence(Source::PodSpec, "hostNetwork: true")
            .advise("With hostNetwork the port must be free on the node: find who holds it there (ss -ltnp), or use another port.")
            .advise("A node port of the same number, or an older copy of the same program, holds it just as well.");
    }
    told.advise("Another container of the pod, or a second process of this one (a forked worker, a run before that did not end), listens there: give each its own port.")
}
