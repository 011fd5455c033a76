//! The way through a log: window, records, candidates, meanings, judgement.

use std::collections::HashMap;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use super::concepts::{self, Strength, pattern};
use super::parts::{self, Read};
use super::records::{self, Record};
use super::severity::Severity;
use super::terminal::{self, Found, Marks};
use super::{Concept, LogReport, excerpt, target, text};
use crate::diagnose::Target;

/// The part at the end of a log that is read closely, bytes.
const WINDOW: usize = 192 * 1024;
/// What is read closely around a panic or traceback that stands before that, bytes.
const EARLIER: usize = 16 * 1024;
/// Records that are classified at most.
const MAX_CANDIDATES: usize = 400;

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
    "exceed", "decrypt", "invalidmessage", "invalidtoken", "no package.json", "sudo:", "globalization", "agree", "accept", "neither", "expected", "belongs to", "owned by", "security risk", "restricted", "file exists", "newer",
    "signal ", "gated repo", "insecure", "hexadecimal", "padding", "check your", "set the ",
    "environment variable", "already running", "provide", "no response", "rejecting", "not up", "not respond", "not answer",
    "not there", "not yet", "no chain",
    "not accessible", "low-disk", "low disk", "disk space", "max-nr", "not compatible", "not safe", "be safe", "different cluster", "another cluster", "not in the",
    "answers:", "was not used", "overflow", "kernel version", "too old", "another migration", "on lock", "ons lock", "log lock", "clr error", "not matching", "closed properly", "is needed to", "shall i install", "not a textual", "is full", "path full", "drive full", "volume full", "device full", "minimum free", "find any", "already used", "not all",
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

pub(super) fn hit(regex: &LazyLock<Option<Regex>>, line: &str) -> bool {
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
    let mut suspects: Vec<usize> = (0..records.len())
        .filter(|i| records[*i].uncaught || lines[records[*i].lines.clone()].iter().any(|l| is_suspect(l)))
        .collect();
    if suspects.len() > MAX_CANDIDATES {
        let keep = suspects.len() - MAX_CANDIDATES + 40;
        suspects.drain(40..keep);
    }
    let mut known = HashMap::new();
    let mut found: Vec<Found> = Vec::new();
    for index in suspects {
        if let Some(mut f) = parts::examine(&records[index], lines, &mut known) {
            f.record = index;
            found.push(f);
        }
    }
    first_of_lists(lines, &mut found);
    last_words(&records, lines, &mut found);
    for f in found.iter_mut().filter(|f| f.target.is_none() && f.concept == Concept::CannotConnect) {
        f.target = announced_peer(lines, f.line);
        if f.target.is_none() && f.subject.is_none() {
            f.subject = announced_socket(lines, f.line);
        }
    }
    let marks = marks(&records, lines, &found, first_line);
    for f in &mut found {
        f.line += first_line;
    }
    (found, marks)
}

/// Of errors that are listed with numbers (`1) …`, `2) …`) the first one stands for all of its kind.
fn first_of_lists(lines: &[&str], found: &mut Vec<Found>) {
    const NEAR: usize = 40;
    let number = |f: &Found| lines.get(f.line)?.trim_start().split_once(") ")?.0.parse::<u8>().ok();
    let firsts: Vec<(usize, Concept)> =
        found.iter().filter(|f| number(f) == Some(1)).map(|f| (f.line, f.concept)).collect();
    let listed = |f: &Found| {
        firsts.iter().any(|(line, concept)| *concept == f.concept && *line < f.line && f.line - line <= NEAR)
    };
    found.retain(|f| number(f).is_none_or(|n| n < 2 || !listed(f)));
}

/// The peer of a failure that names none: a time-out often follows the line that says where the program connects to.
fn announced_peer(lines: &[&str], failed: usize) -> Option<Target> {
    const BACK: usize = 8;
    let before = lines.get(failed.saturating_sub(BACK)..failed)?;
    before.iter().rev().filter(|l| l.to_ascii_lowercase().contains("connect")).find_map(|l| target::in_line(l))
}

/// The socket that a program said it connects to, before it gave up.
fn announced_socket(lines: &[&str], failed: usize) -> Option<String> {
    const BACK: usize = 8;
    let before = lines.get(failed.saturating_sub(BACK)..failed)?;
    let (_, rest) = before.iter().rev().find_map(|l| l.split_once("unix://"))?;
    let path: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "/._-".contains(*c)).collect();
    path.starts_with('/').then_some(path)
}

pub(super) fn is_suspect(line: &str) -> bool {
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
            let lower = head.to_ascii_lowercase();
            if ["signal", "sigterm", "sigint", "interrupt", "received ", "requested"].iter().any(|w| lower.contains(w))
            {
                marks.asked.push(line);
            }
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

/// The last record that says something, where it reads like a failure that no row knows and no logger marked.
fn last_words(records: &[Record], lines: &[&str], found: &mut Vec<Found>) {
    let bare_end = |i: usize| found.iter().any(|f| f.record == i && f.strength <= Strength::Wrapper && !f.uncaught);
    let Some(index) =
        (0..records.len()).rev().take(40).find(|i| !is_noise(lines[records[*i].lines.start]) && !bare_end(*i))
    else {
        return;
    };
    let record = &records[index];
    let head = lines[record.lines.start];
    if record.severity != Severity::Unknown || found.iter().any(|f| f.record == index) || hit(&SHUTDOWN, head) {
        return;
    }
    if concepts::is_complaint(head) {
        let own = &lines[record.lines.clone()];
        let read = Read { parts: own, kind: record.kind, structured: false, level: Severity::Unknown };
        let mut f = parts::bare(record, Severity::Unknown, &read);
        f.record = index;
        let place = found.partition_point(|other| other.line <= f.line);
        found.insert(place, f);
    }
}
