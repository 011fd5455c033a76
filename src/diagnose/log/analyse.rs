//! The way through a log: window, records, candidates, meanings, judgement.

use std::collections::HashMap;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::concepts::{self, Meaning, Strength, pattern};
use super::records::{self, Kind, Record};
use super::severity::Severity;
use super::structured;
use super::terminal::{self, Found, Marks};
use super::{Concept, LogReport, excerpt, subject, target, text};
use crate::diagnose::Target;

/// The part at the end of a log that is read closely, bytes.
const WINDOW: usize = 192 * 1024;
/// What is read closely around a panic or traceback that stands before that, bytes.
const EARLIER: usize = 16 * 1024;
/// Records that are classified at most.
const MAX_CANDIDATES: usize = 400;
/// Longest quote, bytes.
const MAX_QUOTE: usize = 400;

/// Words without which a line reports no failure: the cheap sieve before the tables.
#[rustfmt::skip]
const TROUBLE: &[&str] = &[
    "err", "fail", "fatal", "panic", "exception", "traceback", "refused", "denied", "not found", "no such", "cannot",
    "can't", "can not", "couldn't", "could not", "unable", "invalid", "missing", "unknown", "timed out", "timeout",
    "not permitted", "already in use", "address in use", "out of memory", "memory", "abort", "segmentation",
    "segfault", "emerg", "crit", "unauthorized", "forbidden", "expired", "x509:", "certificate", "no space",
    "read-only", "read only", "unbound", "not set", "must", "require", "undefined", "unrecogni", "unexpected",
    "exec ", "exiting", "giving up", "gave up", "not a directory", "is a directory", "corrupt", "illegal", "bad ",
    "does not exist", "doesn't exist", "not exist", "lookup", "eof", "reset by peer", "no route", "unreachable",
    "terminat", "caused by", "crash", "deadline", "no module", "sigsegv", "sigabrt", "exited", "exit status", "wrong",
    "not available", "unavailable", "disk full", "disk quota", "not valid", "unsupported", "not supported",
    "deprecated", "not authorized", "not writ", "not readable", "not configured", "not defined", "not provided",
    "not specified", "lost", "down", "alert", "severe", "stopped", "not reachable", "gone away", "incompatible",
    "mismatch", "tampered", "insufficient", "too many", "too low", "not enough", "not been set", "not executable",
    "no brokers", "nobrokers", "nohost", "no host", "not ready", "is empty", "please set", "pkix", "econn",
    "enotfound", "eacces", "eperm", "enoent", "erofs", "enospc", "eai_", "etimedout", "eaddr", "refus",
    "the database system is", "uncaught", "unhandled", "no license", "license", "malformed", "duplicate",
    "no healthy", "noauth", "wrongpass", "401", "403", "502", "503", "504", "as root", "unsatisfied", "no value",
    "default credentials", "no matches for kind", "caches to sync", "not a valid", "is not a", "dialing", "no living",
    "no alive", "is required", "no configuration", "not present", "notpresent", "nxdomain", "not known",
    "name does not", "no address", "capabilit", "cap_", "wal", "unset", "elf", "handshake", "mlock", "applet",
    "goaway", "busy", "resolv", "no main manifest", "magic number", "you need to", "need to be", "** (",
];

static SIEVE: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(TROUBLE).ok());

/// Heads of failures that may have pages of dump behind them.
static HEADS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex::bytes::RegexBuilder::new(
        r"(?m)^(?:panic: |fatal error: |Traceback \(most recent|Exception in thread|Unhandled exception|FATAL ERROR: |PHP Fatal error|thread '.{1,40}' panicked|terminate called)|OutOfMemoryError",
    )
    .unicode(false)
    .build()
    .ok()
});

static SHUTDOWN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"sigterm|received (?:shutdown|term|stop|exit|termination|kill|quit)\b|signal(?: |:|=)+(?:15|terminated|term\b)|got signal|received signal|",
        r"graceful(?:ly)? (?:shut|stop|exit|terminat)|shutting down gracefully|shutdown (?:requested|signal|initiated|complete|in progress)|",
        r"stopping (?:the )?(?:server|service|application|manager|controller|workers?|all)|shutting down|application is shutting down|",
        r"stopping and waiting for|commencing graceful shutdown|server (?:is )?stopped|smart shutdown request|fast shutdown request|exiting on signal|caught signal|",
        r"interrupt received|stop signal|handle(?:d)? signal|\bgoodbye\b|initiating shutdown"
    ))
});

static SUCCESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"(?:^|[^n])(?:successfully |now |re|is |are |has been |have )connected\b|\bconnected (?:to|successfully)|connection (?:to \S+ )?(?:is )?(?:established|successful|succeeded|restored|ok\b)|",
        r"ready to (?:accept|handle|serve)|ready for connections|(?:server|service|application|app|daemon|broker|node|instance) (?:is )?(?:now )?(?:up|ready|started|running|listening)\b|",
        r"\bstarted \S+ in [\d.]+ s|started in [\d.]+ ?m?s|listening (?:on|at|for)|accepting connections|startup (?:is )?complete|successfully (?:started|initialized|authenticated|acquired lease|joined|registered)|",
        r"reconnected|recovered (?:from|connection)|\bis available after\b|(?:is|are) now available|health check(?:s)? pass|running on http"
    ))
});

static NEGATED_SUCCESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:not|never|fail\w*|error|unable|cannot|could|until|wait\w*|before|once|if|when|will|try\w*|attempt\w*|expected|no longer) ",
    )
});

static SOFTENED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"\bskip(?:ping|ped)?\b|\bignor(?:e|ed|ing)\b|fall(?:ing)?[ -]?back|using (?:the )?defaults?|(?:will|going to) (?:re-?)?try|\bretry(?:ing)?\b|retries left|non-?fatal|",
        r"harmless|\boptional\b|try(?:ing)? again|attempt(?: number)?:? #?\d+|backing off|sleeping|waiting \d|reconnecting|not critical|may be ignored|will be ignored|continuing"
    ))
});

fn hit(regex: &LazyLock<Option<Regex>>, line: &str) -> bool {
    regex.as_ref().is_some_and(|r| r.is_match(line.as_bytes()))
}

/// Reads a log.
pub fn analyse(log: &str) -> LogReport {
    let (lines, blank) = count(log);
    let mut report = LogReport { read: true, lines: lines - blank, ..LogReport::default() };
    if report.lines == 0 {
        return report;
    }
    let window = text::tail(log, WINDOW);
    let cut = &log[..log.len() - window.len()];
    let first_line = count(cut).0;
    let shown: Vec<&str> = window.lines().map(text::unprefixed).collect();
    let mut found = Vec::new();
    for (earlier, start) in earlier_heads(cut) {
        found.extend(read_window(&earlier, start).0.into_iter().filter(|f| f.uncaught));
    }
    let (near, marks) = read_window(&shown, first_line);
    found.extend(near);
    report.failures = terminal::judge(&found, &marks);
    report.excerpt = excerpt::excerpt(&shown, &report.failures, first_line);
    report
}

/// Number of lines, and of blank ones among them.
fn count(text: &str) -> (usize, usize) {
    text.lines().fold((0, 0), |(n, blank), l| (n + 1, blank + usize::from(l.trim_ascii_start().is_empty())))
}

/// The last two panics or tracebacks in the part that is not read closely, each with its number of lines before it.
fn earlier_heads(cut: &str) -> Vec<(Vec<&str>, usize)> {
    let Some(heads) = HEADS.as_ref() else { return Vec::new() };
    let mut starts: Vec<usize> = heads.find_iter(cut.as_bytes()).map(|m| m.start()).collect();
    let keep = starts.len().saturating_sub(2);
    starts
        .split_off(keep)
        .into_iter()
        .filter_map(|start| {
            let line_start = cut.get(..start)?.rfind('\n').map_or(0, |n| n + 1);
            let part = text::head(cut.get(line_start..)?, EARLIER);
            Some((part.lines().map(text::unprefixed).collect(), count(&cut[..line_start]).0))
        })
        .collect()
}

fn read_window(lines: &[&str], first_line: usize) -> (Vec<Found>, Marks) {
    let records = records::split(lines);
    let mut suspects: Vec<usize> =
        (0..records.len()).filter(|i| lines[records[*i].lines.clone()].iter().any(|l| is_suspect(l))).collect();
    if suspects.len() > MAX_CANDIDATES {
        let keep = suspects.len() - MAX_CANDIDATES + 40;
        suspects.drain(40..keep);
    }
    let mut known = HashMap::new();
    let mut found: Vec<Found> = Vec::new();
    for index in suspects {
        if let Some(mut f) = examine(&records[index], lines, &mut known) {
            f.record = index;
            found.push(f);
        }
    }
    last_words(&records, lines, &mut found);
    let marks = marks(&records, lines, &found, first_line);
    for f in &mut found {
        f.line += first_line;
    }
    (found, marks)
}

fn is_suspect(line: &str) -> bool {
    SIEVE.as_ref().is_some_and(|s| s.is_match(line))
}

fn marks(records: &[Record], lines: &[&str], found: &[Found], first_line: usize) -> Marks {
    let mut marks = Marks::default();
    for (index, record) in records.iter().enumerate() {
        let head = text::head(lines[record.lines.start], 600);
        let line = record.lines.start + first_line;
        let failed = found.iter().find(|f| f.record == index);
        if hit(&SHUTDOWN, head) && failed.is_none_or(|f| f.strength <= Strength::Wrapper) {
            marks.shutdown.push(line);
        } else if failed.is_none() && hit(&SUCCESS, head) && !hit(&NEGATED_SUCCESS, head) {
            marks.success.push(line);
        } else if failed.is_none() && !is_noise(head) {
            marks.activity.push(line);
        }
    }
    marks
}

/// Lines that a failing program or its wrapper prints behind the failure.
fn is_noise(line: &str) -> bool {
    const NOISE: &[&str] = &[
        "npm ",
        "yarn ",
        "error Command",
        "info Visit",
        "Node.js v",
        "note: ",
        "exit status",
        "}",
        "Usage",
        "usage",
        "  -",
        "See ",
        "Run '",
        "For more",
        "Flags:",
        "Options:",
        "Commands:",
        "Available Commands",
        "Examples:",
        "Tasks: TOP",
        "(See full",
        "Try '",
        "goroutine ",
        "#",
    ];
    NOISE.iter().any(|n| line.starts_with(n)) || records::is_usage(line) || records::is_frame(line)
}

/// Classifies a record; `None`: it reports no failure.
fn examine(record: &Record, lines: &[&str], known: &mut HashMap<String, Option<Meaning>>) -> Option<Found> {
    let own = &lines[record.lines.clone()];
    let structured = if own.len() <= 2 { structured::read(own[0]) } else { None };
    let severity = match &structured {
        Some(s) if s.severity != Severity::Unknown => s.severity,
        _ => record.severity,
    };
    let inner: Vec<&str> = structured.as_ref().map(|s| s.text.lines().collect()).unwrap_or_default();
    let (parts, kind) = match &structured {
        Some(_) => (inner.as_slice(), inner_kind(&inner)),
        None => (own, record.kind),
    };
    let best = best_part(parts, kind, known);
    let Some((at, meaning)) = best else {
        return (severity >= Severity::Error || record.uncaught).then(|| {
            let quote = quote(parts, 0, structured.is_some());
            bare(record, severity, quote)
        });
    };
    if meaning.strength == Strength::None {
        return None;
    }
    let line = parts[at];
    let softened = parts.iter().take(3).any(|p| hit(&SOFTENED, text::head(p, 600)))
        && !record.uncaught
        && severity != Severity::Fatal;
    let target = peer(&meaning, line, parts);
    let subject = meaning.subject.clone().or_else(|| subject_near(meaning.concept, at, parts, kind));
    // a failure told at information level is talk about one, unless the words leave no doubt
    let severity =
        if severity == Severity::Info && meaning.strength < Strength::Strong { return None } else { severity };
    Some(Found {
        line: record.lines.start + if structured.is_some() { 0 } else { at },
        record: 0,
        concept: meaning.concept,
        strength: meaning.strength,
        severity,
        uncaught: record.uncaught,
        softened,
        quote: quote(parts, at, structured.is_some()),
        subject,
        target,
    })
}

fn bare(record: &Record, severity: Severity, quote: String) -> Found {
    Found {
        line: record.lines.start,
        record: 0,
        concept: if record.uncaught { Concept::Exception } else { Concept::OtherError },
        strength: Strength::Weak,
        severity,
        uncaught: record.uncaught,
        softened: false,
        quote,
        subject: None,
        target: None,
    }
}

/// The last record, where it reads like a failure that no row knows and no logger marked.
fn last_words(records: &[Record], lines: &[&str], found: &mut Vec<Found>) {
    let Some(index) = (0..records.len()).rev().find(|i| !is_noise(lines[records[*i].lines.start])) else { return };
    let record = &records[index];
    let head = lines[record.lines.start];
    if record.severity != Severity::Unknown || found.iter().any(|f| f.record == index) || hit(&SHUTDOWN, head) {
        return;
    }
    let reads_bad = concepts::is_complaint(head);
    if reads_bad {
        let mut f = bare(record, Severity::Unknown, text::tidy(head, MAX_QUOTE));
        f.record = index;
        found.push(f);
    }
}

fn inner_kind(parts: &[&str]) -> Kind {
    if parts.iter().any(|p| p.starts_with("Traceback (most recent")) {
        Kind::Python
    } else if parts.iter().any(|p| p.starts_with("Caused by") || p.trim_start().starts_with("---> ")) {
        Kind::Chain
    } else {
        Kind::Plain
    }
}

/// The part of a record that says why, and what it says.
fn best_part(parts: &[&str], kind: Kind, known: &mut HashMap<String, Option<Meaning>>) -> Option<(usize, Meaning)> {
    let order = reading_order(parts, kind);
    let mut best: Option<(usize, Meaning)> = None;
    for at in order {
        let Some(meaning) = recall(parts[at], known) else { continue };
        if meaning.strength == Strength::None {
            if best.is_none() && parts.len() == 1 {
                return Some((at, meaning));
            }
            continue;
        }
        let better = best.as_ref().is_none_or(|(_, b)| {
            meaning.strength > b.strength
                // the same failure, told with its peer
                || (meaning.concept == b.concept && b.host.is_none() && target::in_line(parts[at]).is_some() && kind == Kind::Chain
                    && target::in_line(parts[best_at(best.as_ref())]).is_none())
        });
        if better {
            best = Some((at, meaning));
        }
    }
    best
}

fn best_at(best: Option<&(usize, Meaning)>) -> usize {
    best.map_or(0, |(at, _)| *at)
}

/// Most parts of one record that are read.
const MAX_PARTS: usize = 60;

fn reading_order(parts: &[&str], kind: Kind) -> Vec<usize> {
    let readable =
        |i: &usize| !parts[*i].trim().is_empty() && !records::is_frame(parts[*i]) && !records::is_usage(parts[*i]);
    match kind {
        Kind::Python => {
            // exception lines stand at the margin; the last one was raised. Behind it: its further lines
            let margin = |i: &usize| !parts[*i].starts_with([' ', '\t']);
            let first = parts.iter().rposition(|p| p.starts_with("Traceback (most recent")).unwrap_or(0);
            let raised = (first + 1..parts.len()).find(|i| margin(i) && readable(i)).unwrap_or(first);
            let mut order: Vec<usize> = (raised..parts.len()).filter(readable).take(MAX_PARTS / 2).collect();
            order.extend((0..raised).rev().filter(margin).filter(readable).take(MAX_PARTS / 2));
            order
        }
        Kind::Chain => {
            let mut order: Vec<usize> =
                (0..parts.len()).rev().filter(|i| is_cause(parts[*i])).take(MAX_PARTS / 2).collect();
            order.extend((0..parts.len()).filter(readable).take(MAX_PARTS / 2));
            order
        }
        Kind::Go | Kind::Plain => (0..parts.len()).filter(readable).take(MAX_PARTS).collect(),
    }
}

fn is_cause(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Caused by") || line.starts_with("---> ")
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

fn is_network(concept: Concept) -> bool {
    matches!(
        concept,
        Concept::CannotConnect | Concept::NameNotResolved | Concept::AuthRefused | Concept::CertificateInvalid
    )
}

/// The peer: as the row captured it, else from the line, else from the rest of the record.
fn peer(meaning: &Meaning, line: &str, parts: &[&str]) -> Option<Target> {
    if !is_network(meaning.concept) {
        return None;
    }
    let in_line = target::in_line(line);
    if let Some(host) = meaning.host.as_deref().filter(|h| target::plausible(h)) {
        let port = meaning.port.or_else(|| {
            let t = in_line.as_ref()?;
            (t.host == host || meaning.concept == Concept::NameNotResolved).then_some(t.port).flatten()
        });
        return Some(Target { host: host.to_owned(), port: port.or_else(|| url_port(line, host)) });
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

fn subject_near(concept: Concept, at: usize, parts: &[&str], kind: Kind) -> Option<String> {
    let own = subject::of(concept, parts[at]);
    if own.is_some() || kind == Kind::Plain && parts.len() == 1 {
        return own;
    }
    parts
        .iter()
        .skip(at + 1)
        .take(3)
        .chain(parts[..at].iter().rev().take(3))
        .filter(|p| !records::is_frame(p))
        .find_map(|p| subject::of(concept, p))
}

/// What is quoted: the part itself; of a structured record its message too.
fn quote(parts: &[&str], at: usize, structured: bool) -> String {
    let part = parts.get(at).copied().unwrap_or_default();
    if structured && at > 0 {
        return text::tidy(&format!("{}: {part}", parts[0]), MAX_QUOTE);
    }
    let joined;
    let part = match parts.get(at + 1) {
        // Rust says where it panicked in one line and why in the next
        Some(next) if part.contains(" panicked at ") && part.trim_end().ends_with(':') => {
            joined = format!("{part} {next}");
            &joined
        }
        _ => part,
    };
    text::tidy(part, MAX_QUOTE)
}
