//! The user's own signatures: patterns over log, messages and exit code that only their programs have. They are data: whoever
//! calls the engine compiles them and lays them among the facts.
//!
//! How much a match counts goes by what it rests on (`docs/signatures.md` says the same to users):
//!
//! | matched | stands | because |
//! |---|---|---|
//! | `message` | above everything | the user says what kubelet's or runtime's own words mean |
//! | `log` | above what the log says to us, below what kubelet, kernel or runtime state | a line of the log cannot undo an OOM kill |
//! | `exitCode` alone | above what is inferred, below the program's own last words | a code has many meanings |

use std::sync::Arc;

use regex::Regex;

use super::facts::{State, Terminated};
use super::{Basis, Case, Confidence, Evidence, Finding, Reason, Remedy, Source, words};

/// Longest captured text put into a sentence, characters.
const MAX_CAPTURE: usize = 200;

/// All signatures, cheap to pass on.
#[derive(Clone, Debug, Default)]
pub struct Signatures(pub Arc<[Signature]>);

/// One signature. Every pattern that is given must match; at least one of `log`, `message`, `exit_codes` is.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Pattern of a place in the log of the crash.
    pub log: Option<Regex>,
    /// Pattern of what kubelet and runtime say: `REASON: MESSAGE` of state, end, pod and events.
    pub message: Option<Regex>,
    /// Exit codes; empty for any.
    pub exit_codes: Vec<i32>,
    /// Pattern of the container's name.
    pub container: Option<Regex>,
    /// Pattern of its image.
    pub image: Option<Regex>,
    /// What it means.
    pub reason: Reason,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence; may hold `$1`, `${name}`, `{name}` for what a pattern captured.
    pub summary: Option<String>,
    /// What to do; texts may hold captures, commands never do: what a log says must not come to stand in a shell.
    pub remediation: Vec<Remedy>,
    /// Where to read on.
    pub runbook: Option<String>,
}

/// A place that matched: what to quote, and from where.
struct Hit<'t> {
    evidence: Evidence,
    captures: Vec<(String, &'t str)>,
}

/// Findings of all signatures that match.
pub fn examine(case: &Case) -> Vec<Finding> {
    case.cluster.signatures.0.iter().filter_map(|s| s.examine(case)).collect()
}

impl Signature {
    fn examine(&self, case: &Case) -> Option<Finding> {
        let c = case.container;
        let fits = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|p| p.is_match(text));
        if !fits(&self.container, &c.name) || !fits(&self.image, &c.image) {
            return None;
        }
        let crash = case.crash();
        if !self.exit_codes.is_empty() && !crash.is_some_and(|end| self.exit_codes.contains(&end.exit_code)) {
            return None;
        }
        // Cheap ones first: messages are short, logs are not.
        let message = match &self.message {
            Some(pattern) => Some(in_messages(pattern, case)?),
            None => None,
        };
        let log = match &self.log {
            Some(pattern) => Some(in_log(pattern, case)?),
            None => None,
        };
        let basis = match (&message, &log) {
            (Some(_), _) => Basis::Overruling,
            (None, Some(_)) => Basis::Declared,
            (None, None) => Basis::Inferred,
        };
        Some(self.finding(case, basis, [message, log]))
    }

    fn finding(&self, case: &Case, basis: Basis, hits: [Option<Hit<'_>>; 2]) -> Finding {
        let captures: Vec<(String, &str)> = hits.iter().flatten().flat_map(|h| h.captures.iter().cloned()).collect();
        let summary = self.summary.as_ref().map_or_else(
            || format!("Matches the signature {}: {}.", self.name, self.reason.meaning()),
            |s| expand(s, &captures),
        );
        let mut found = Finding::new(self.reason, self.confidence, basis, summary);
        found.evidence = hits.into_iter().flatten().map(|h| h.evidence).collect();
        found.evidence.extend(case.crash().map(ended));
        if let Some(e) = found.evidence.first_mut() {
            e.detail = format!("{} (signature {})", e.detail, self.name);
        }
        let advice = |r: &Remedy| Remedy { text: expand(&r.text, &captures), command: r.command.clone() };
        found.remediation = self.remediation.iter().map(advice).collect();
        found.remediation.extend(self.runbook.iter().map(|url| Remedy::text(format!("Runbook: {url}"))));
        found.but("other evidence speaks more directly than this signature")
    }
}

fn ended(end: &Terminated) -> Evidence {
    let reason = if end.reason.is_empty() { "(none)" } else { end.reason.as_str() };
    let text = format!("terminated: reason {reason}, exitCode {}", end.exit_code);
    Evidence::new(Source::ContainerStatus, text).at(end.finished)
}

/// The last match in the log of the crash: what comes last is nearest to the end.
fn in_log<'a>(pattern: &Regex, case: &Case<'a>) -> Option<Hit<'a>> {
    let text = case.crash_log()?.text.as_str();
    let last = pattern.find_iter(text).last()?;
    let from = text[..last.start()].rfind('\n').map_or(0, |i| i + 1);
    let line = text[from..].lines().next().unwrap_or_default();
    let quote = if line.trim().is_empty() { last.as_str() } else { line };
    let evidence = Evidence::new(Source::Log, words::cut(quote.trim(), 400));
    Some(Hit { evidence, captures: captures(pattern, text, last.start()) })
}

/// The first match in what is said of the container, the present before the past.
fn in_messages<'a>(pattern: &Regex, case: &Case<'a>) -> Option<Hit<'a>> {
    for said in messages(case) {
        let line =
            if said.reason.is_empty() { said.text.to_owned() } else { format!("{}: {}", said.reason, said.text) };
        // Tried on the message alone as well, so that `^` can mean its beginning; captures are borrowed from there.
        let whole = pattern.is_match(said.text);
        if !whole && !pattern.is_match(&line) {
            continue;
        }
        let evidence = Evidence::new(said.source, words::cut(&line, 400)).at(said.time);
        return Some(Hit { evidence, captures: if whole { captures(pattern, said.text, 0) } else { Vec::new() } });
    }
    None
}

struct Said<'a> {
    reason: &'a str,
    text: &'a str,
    source: Source,
    time: Option<super::facts::Timestamp>,
}

/// State, last end, pod, and the events since the crashed run began.
fn messages<'a>(case: &Case<'a>) -> Vec<Said<'a>> {
    let status = |reason, text, time| Said { reason, text, source: Source::ContainerStatus, time };
    let mut all = Vec::new();
    if let State::Waiting { reason, message } = &case.container.status.state {
        all.push(status(reason.as_str(), message.as_str(), None));
    }
    let crash = case.crash();
    if let Some(end) = crash {
        all.push(status(end.reason.as_str(), end.message.as_str(), end.finished));
    }
    if let Some(reason) = case.pod.reason.as_deref() {
        all.push(status(reason, case.pod.message.as_deref().unwrap_or_default(), None));
    }
    let begun = crash.and_then(|end| end.started);
    let recent = case.events().rev().filter(|e| begun.is_none() || e.last.is_none() || e.last >= begun);
    all.extend(recent.map(|e| Said { reason: &e.reason, text: &e.message, source: Source::Event, time: e.last }));
    all
}

fn captures<'t>(pattern: &Regex, text: &'t str, from: usize) -> Vec<(String, &'t str)> {
    let Some(found) = pattern.captures_at(text, from) else { return Vec::new() };
    let named = pattern.capture_names().enumerate().filter_map(|(i, n)| Some((n?.to_owned(), found.get(i)?.as_str())));
    let numbered = (1..found.len()).filter_map(|i| Some((i.to_string(), found.get(i)?.as_str())));
    numbered.chain(named).collect()
}

/// Puts captures in: `$1`, `${1}`, `${name}`, `{name}`. What names no capture stays as it is. Nothing is expanded twice.
pub fn expand(template: &str, captures: &[(String, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['$', '{']) {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let (name, len) = reference(tail);
        match captures.iter().find(|(n, _)| Some(n.as_str()) == name) {
            Some((_, value)) => out.push_str(&words::cut(value.trim(), MAX_CAPTURE)),
            None => out.push_str(&tail[..len]),
        }
        rest = &tail[len..];
    }
    out + rest
}

/// The name that a reference at the start of the text gives, and how long it is.
fn reference(text: &str) -> (Option<&str>, usize) {
    let (head, body) = text.strip_prefix('$').map_or((0, text), |b| (1, b));
    if let Some(inner) = body.strip_prefix('{') {
        return match inner.find('}') {
            Some(end) if is_name(&inner[..end]) => (Some(&inner[..end]), head + end + 2),
            _ => (None, head + 1),
        };
    }
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 { (None, 1) } else { (Some(&body[..digits]), head + digits) }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
