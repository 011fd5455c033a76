//! What a failure is about: its peer and its subject, from the line itself or from those beside it.

use super::concepts::Meaning;
use super::records::{self, Kind};
use super::{Concept, subject, target};
use crate::diagnose::Target;

/// Concepts that have a peer.
pub(super) fn is_network(concept: Concept) -> bool {
    matches!(
        concept,
        Concept::CannotConnect | Concept::NameNotResolved | Concept::AuthRefused | Concept::CertificateInvalid
    )
}

/// The peer: as the row captured it, else from the line, else from the rest of the record.
pub(super) fn peer(meaning: &Meaning, line: &str, parts: &[&str]) -> Option<Target> {
    if !is_network(meaning.concept) {
        return None;
    }
    let in_line = target::in_line(line);
    let fuller = |t: &Target| {
        meaning.host.as_deref().is_some_and(|h| t.host.strip_prefix(h).is_some_and(|rest| rest.starts_with('.')))
    };
    if let Some(full) = in_line.as_ref().filter(|t| fuller(t)) {
        return Some(full.clone());
    }
    if let Some(host) = meaning.host.as_deref().filter(|h| target::plausible(h)) {
        let port = meaning.port.or_else(|| {
            let t = in_line.as_ref()?;
            (t.host == host || meaning.concept == Concept::NameNotResolved).then_some(t.port).flatten()
        });
        return Some(Target {
            host: host.trim_end_matches('.').to_owned(),
            port: port.or_else(|| url_port(line, host)),
        });
    }
    in_line.or_else(|| parts.iter().filter(|p| !records::is_frame(p)).take(40).find_map(|p| target::in_line(p)))
}

/// The port beside a host that stands in the line a second time: `Get "http://shop:8080/": lookup shop on ...`.
fn url_port(line: &str, host: &str) -> Option<u16> {
    let mut rest = line;
    while let Some(at) = rest.find(host) {
        rest = &rest[at + host.len()..];
        if let Some(port) = rest.strip_prefix(':') {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            if let Ok(port) = port[..digits].parse() {
                return Some(port);
            }
        }
    }
    None
}

/// The subject, where the row captured none: from the line, else from those beside it.
pub(super) fn subject_near(concept: Concept, at: usize, parts: &[&str], kind: Kind) -> Option<String> {
    let own = subject::of(concept, parts.get(at)?);
    if own.is_some() || kind == Kind::Plain && parts.len() == 1 {
        return own;
    }
    parts
        .iter()
        .skip(at + 1)
        .take(3)
        .chain(parts[..at].iter().rev().take(3))
        .filter(|p| !records::is_frame(p))
        .find_map(|p| subject::beside(concept, p))
}
