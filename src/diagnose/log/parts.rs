//! What one record says: of its parts the one that tells why, its subject, its peer, its words.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::about::{is_network, peer, subject_near};
use super::analyse::{hit, is_suspect};
use super::concepts::{self, Meaning, Strength, pattern};
use super::layout;
use super::order::{is_cause, listed_causes, reading_order};
use super::records::{self, Kind, Record};
use super::severity::{self, Severity};
use super::structured;
use super::terminal::Found;
use super::{Concept, brief, target, text};

/// Longest quote, bytes.
pub(super) const MAX_QUOTE: usize = 400;

static SOFTENED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"\bskip(?:ping|ped)?\b|\bignor(?:e|ed|ing)\b|fall(?:ing)?[ -]?back|using (?:the )?defaults?|(?:will|going to) (?:re-?)?try|\bretry(?:ing)?\b|retries left|non-?fatal|",
        r"harmless|\boptional\b|try(?:ing)? again|attempt(?: number)?:? #?\d+|backing off|sleeping|waiting \d|reconnecting|not critical|may be ignored|will be ignored|continuing"
    ))
});

/// A web server's error about one request (nginx: `…, client: 10.0.0.1, server: , request: "GET / HTTP/1.1"`; Apache: `[client
/// 10.0.0.1:4711] …`): the server goes on. What its upstream does is another matter.
static OF_A_REQUEST: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#", client: [^,]+, server: [^,]*, request: "|\[client [0-9a-fA-F.:]+\]"#));

/// Classifies a record; `None`: it reports no failure.
pub(super) fn examine(record: &Record, lines: &[&str], known: &mut HashMap<String, Option<Meaning>>) -> Option<Found> {
    let own = &lines[record.lines.clone()];
    let first = text::head(own[0], 2000);
    if hit(&OF_A_REQUEST, first) && !first.contains("upstream: ") {
        return None;
    }
    let structured = structured::read(own[0]);
    let severity = match &structured {
        Some(s) if s.severity != Severity::Unknown => s.severity,
        _ => record.severity,
    };
    let inner: Vec<&str> =
        structured.as_ref().map(|s| s.text.lines().chain(own[1..].iter().copied()).collect()).unwrap_or_default();
    let (parts, kind) = match &structured {
        Some(_) => (inner.as_slice(), inner_kind(&inner)),
        None => (own, record.kind),
    };
    // the message of a Rust panic is one text, however many lines it has
    let message;
    let panicked: [&str; 2];
    let parts = match parts {
        [head, rest @ ..] if rest.len() > 1 && head.contains(" panicked at ") && head.trim_end().ends_with(':') => {
            let said = rest.iter().take_while(|l| !l.starts_with("note: ") && !l.starts_with("stack backtrace"));
            message = said.map(|l| l.trim()).collect::<Vec<_>>().join(" ");
            panicked = [head, &message];
            &panicked
        }
        _ => parts,
    };
    let laid_out = layout::of(parts, kind);
    let views: Vec<&str> = laid_out.iter().flatten().map(String::as_str).collect();
    let parts = if laid_out.is_some() { views.as_slice() } else { parts };
    let read = Read { parts, kind, structured: structured.is_some(), level: record.severity };
    let Some((at, meaning)) = read.best(known) else {
        if parts.iter().all(|p| brief::is_stamp(p)) {
            return None;
        }
        return (severity >= Severity::Error || record.uncaught).then(|| bare(record, severity, &read));
    };
    if meaning.strength == Strength::None {
        return None;
    }
    // a failure told at information level is talk about one, unless the words leave no doubt
    if severity == Severity::Info && meaning.strength < Strength::Strong {
        return None;
    }
    let softened = parts.iter().take(3).any(|p| hit(&SOFTENED, text::head(p, 600)))
        && !record.uncaught
        && severity != Severity::Fatal;
    let mut found = read.found(record, at, &meaning);
    found.severity = severity;
    found.softened = softened;
    if let Some(field) = missing_setting(parts) {
        found.concept = Concept::EnvMissing;
        found.subject = Some(field);
    }
    Some(found)
}

/// A record that no row knows.
pub(super) fn bare(record: &Record, severity: Severity, read: &Read) -> Found {
    let exception = if record.uncaught { Concept::Exception } else { Concept::OtherError };
    // where message and error are two, both are said
    let at = usize::from(read.structured && read.parts.len() > 1 && !records::is_frame(read.parts[1]));
    let meaning =
        Meaning { concept: exception, strength: Strength::Weak, subject: None, host: None, port: None, at: 0 };
    let mut found = read.found(record, at, &meaning);
    found.severity = severity;
    found.subject = None;
    found
}

/// Pydantic's settings: of a class of settings a field is missing that only the environment can give.
fn missing_setting(parts: &[&str]) -> Option<String> {
    let head = parts.iter().position(|p| p.contains("validation error"))?;
    let settings = parts[head].rsplit(' ').next().is_some_and(|class| {
        let class = class.to_ascii_lowercase();
        ["settings", "config", "env", "environment"].iter().any(|w| class.trim_end_matches(':').ends_with(w))
    });
    let required =
        (head + 2..parts.len()).find(|i| parts[*i].trim_start().to_ascii_lowercase().starts_with("field required"))?;
    let field = parts[required - 1].trim();
    let plain = !field.is_empty() && field.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (settings && plain).then(|| field.to_ascii_uppercase())
}

/// A record's parts, and how they hang together.
pub(super) struct Read<'a> {
    /// Lines of the record, or of the text that its fields give.
    pub parts: &'a [&'a str],
    /// Shape.
    pub kind: Kind,
    /// Message and error came from fields.
    pub structured: bool,
    /// Level of the record.
    pub level: Severity,
}

impl Read<'_> {
    fn found(&self, record: &Record, at: usize, meaning: &Meaning) -> Found {
        let line = self.parts.get(at).copied().unwrap_or_default();
        let headline = meaning.strength <= Strength::Weak && meaning.concept != Concept::Exception
            || meaning.concept == Concept::EnvMissing && line.contains("validation error")
            || listed_causes(self.parts).contains(&at);
        let quote = self.quote(at);
        Found {
            line: record.lines.start + if self.structured { 0 } else { at },
            record: 0,
            concept: meaning.concept,
            strength: meaning.strength,
            severity: Severity::Unknown,
            uncaught: record.uncaught,
            softened: false,
            complains: concepts::is_complaint(line),
            brief: self.brief(at, meaning.at, headline),
            quote,
            subject: meaning.subject.clone().or_else(|| subject_near(meaning.concept, at, self.parts, self.kind)),
            target: peer(meaning, line, self.parts),
        }
    }

    /// The part of the record that says why, and what it says.
    fn best(&self, known: &mut HashMap<String, Option<Meaning>>) -> Option<(usize, Meaning)> {
        let mut best: Option<(usize, Meaning)> = None;
        for at in self.order() {
            let Some(mut meaning) = recall(self.parts[at], known) else { continue };
            if meaning.strength == Strength::None {
                if best.is_none() && self.parts.len() == 1 {
                    return Some((at, meaning));
                }
                continue;
            }
            // the log of a child inside an error: its warnings are not what failed
            if at > 0 && self.level >= Severity::Error && severity::of_line(self.parts[at]) <= Severity::Warn {
                meaning.strength = meaning.strength.min(Strength::Wrapper);
            }
            if best.as_ref().is_none_or(|(b, old)| self.better((at, &meaning), (*b, old))) {
                best = Some((at, meaning));
            }
        }
        // of a traceback the exception line speaks, also where no row knows it
        if let Some((at, meaning)) =
            best.as_mut().filter(|(at, _)| self.parts[*at].starts_with("Traceback (most recent"))
        {
            *at = self.order().first().copied().unwrap_or(*at);
            // unless that one only points elsewhere
            if recall(self.parts[*at], known).is_some_and(|own| own.strength == Strength::Wrapper) {
                meaning.strength = Strength::Wrapper;
            }
        }
        best
    }

    /// Whether a part read later tells more.
    fn better(&self, (at, new): (usize, &Meaning), (best, old): (usize, &Meaning)) -> bool {
        if new.strength != old.strength || new.concept != old.concept {
            return new.strength > old.strength;
        }
        // the same failure, told with its object or its peer
        let named = |m: &Meaning| m.subject.is_some() || m.host.is_some();
        let peer = |i: usize| target::in_line(self.parts[i]).is_some();
        !named(old)
            && (named(new) && !(is_network(old.concept) && peer(best))
                || self.kind == Kind::Chain && peer(at) && !peer(best))
    }

    fn order(&self) -> Vec<usize> {
        let mut order = reading_order(self.parts, self.kind);
        // of message and error the error says why
        if self.structured && self.parts.len() > 1 {
            order.retain(|i| *i > 0);
            order.push(0);
        }
        order
    }

    /// What is quoted: the part itself; of a structured record its message too.
    fn quote(&self, at: usize) -> String {
        let part = self.parts.get(at).copied().unwrap_or_default();
        if let Some(whole) = self.advised(at) {
            return text::tidy(&whole, MAX_QUOTE);
        }
        if self.structured && at > 0 {
            return text::tidy(&format!("{}: {part}", self.parts[0]), MAX_QUOTE);
        }
        // a message that names the kind, and the error field that says more
        if let Some(error) = self.parts.get(1).filter(|p| self.structured && !records::is_frame(p)) {
            return text::tidy(&format!("{part}: {error}"), MAX_QUOTE);
        }
        text::tidy(&self.rust_panic(at).unwrap_or_else(|| part.to_owned()), MAX_QUOTE)
    }

    /// A statement, and the advice behind it that names the kind: "Can't set the name! Please check your configuration".
    fn advised(&self, at: usize) -> Option<String> {
        let advice = self.parts.get(at).filter(|p| p.starts_with("Please "))?;
        Some(format!("{} {advice}", self.parts.get(at.checked_sub(1)?)?))
    }

    /// Rust says where it panicked in one line and why in the next.
    fn rust_panic(&self, at: usize) -> Option<String> {
        let part = self.parts.get(at).filter(|p| p.contains(" panicked at ") && p.trim_end().ends_with(':'))?;
        Some(format!("{part} {}", self.parts.get(at + 1)?))
    }

    fn brief(&self, at: usize, focus: usize, headline: bool) -> String {
        if let Some(panic) = self.rust_panic(at) {
            return brief::around(&panic, 0, brief::MAX);
        }
        if let Some(whole) = self.advised(at) {
            return brief::around(brief::message(&whole), 0, brief::MAX);
        }
        let own = brief::of(self.parts, at, focus, headline);
        let message = brief::message(self.parts.first().copied().unwrap_or_default());
        if self.structured && at > 0 && own.len() + message.len() < brief::MAX && !own.contains(message) {
            let message = message.replace('\t', " ");
            return format!("{}: {own}", message.trim_end_matches([':', '.']));
        }
        own
    }
}

fn inner_kind(parts: &[&str]) -> Kind {
    if parts.iter().any(|p| p.starts_with("Traceback (most recent")) {
        Kind::Python
    } else if parts.iter().any(|p| is_cause(p)) {
        Kind::Chain
    } else {
        Kind::Plain
    }
}

/// Classification with a memory: retries say the same again and again, with other numbers.
fn recall(line: &str, known: &mut HashMap<String, Option<Meaning>>) -> Option<Meaning> {
    let line = text::head(line, 2000);
    if !is_suspect(line) {
        return None;
    }
    if known.len() > 2000 {
        return concepts::classify(line);
    }
    known.entry(line.to_owned()).or_insert_with(|| concepts::classify(line)).clone()
}
