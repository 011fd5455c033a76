//! From wording to concept: tables of rows, one wording (or family of wordings) each, in order of precedence.
//!
//! A row has a *needle*, a lower-case literal that must occur (case does not matter) and is cheap to look for, and a *pattern*,
//! a regular expression that must match as well (empty: the needle is enough). Named groups of the pattern capture what the line
//! is about: `subject`, `host`, `port`. Adding a wording is adding a row.

use std::sync::{LazyLock, OnceLock};

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

use super::Concept;

mod arguments;
mod config;
mod environment;
mod files;
mod image;
mod module;
mod network;
mod offer;
mod runtime;
mod wrappers;

/// How much a wording tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// A false friend: the line is no failure at all.
    None,
    /// Says that something failed, not why: "exiting", "failed to start", "timed out waiting for caches".
    Wrapper,
    /// Names the kind, but another line may name the reason: a time-out, an exception of no special kind.
    Weak,
    /// Names the reason.
    Strong,
}

/// One wording.
pub(crate) struct Row {
    concept: Concept,
    strength: Strength,
    needle: &'static str,
    pattern: &'static str,
}

const fn strong(concept: Concept, needle: &'static str, pattern: &'static str) -> Row {
    Row { concept, strength: Strength::Strong, needle, pattern }
}

const fn weak(concept: Concept, needle: &'static str, pattern: &'static str) -> Row {
    Row { concept, strength: Strength::Weak, needle, pattern }
}

const fn wrapper(needle: &'static str, pattern: &'static str) -> Row {
    Row { concept: Concept::OtherError, strength: Strength::Wrapper, needle, pattern }
}

const fn harmless(needle: &'static str, pattern: &'static str) -> Row {
    Row { concept: Concept::OtherError, strength: Strength::None, needle, pattern }
}

/// The tables, in order of precedence.
const TABLES: &[&[Row]] = &[
    wrappers::HARMLESS,
    image::ROWS,
    runtime::ROWS,
    environment::ROWS,
    arguments::ROWS,
    network::ROWS,
    files::ROWS,
    module::ROWS,
    config::ROWS,
    network::WEAK,
    runtime::EXCEPTIONS,
    wrappers::ROWS,
];

/// What a line was recognised as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// Kind of failure.
    pub concept: Concept,
    /// How much it tells.
    pub strength: Strength,
    /// Captured subject.
    pub subject: Option<String>,
    /// Captured host.
    pub host: Option<String>,
    /// Captured port.
    pub port: Option<u16>,
    /// The byte of the line where the wording begins.
    pub at: usize,
}

struct Compiled {
    rows: Vec<(&'static Row, OnceLock<Option<Regex>>)>,
    needles: AhoCorasick,
    /// Pattern number of `needles` -> rows with that needle.
    rows_of: Vec<Vec<usize>>,
}

static COMPILED: LazyLock<Option<Compiled>> = LazyLock::new(compile);

fn compile() -> Option<Compiled> {
    let rows: Vec<_> = TABLES.iter().copied().flatten().map(|r| (r, OnceLock::new())).collect();
    let mut needles: Vec<&str> = Vec::new();
    let mut rows_of: Vec<Vec<usize>> = Vec::new();
    for (i, (row, _)) in rows.iter().enumerate() {
        if let Some(n) = needles.iter().position(|n| *n == row.needle) {
            rows_of[n].push(i);
        } else {
            needles.push(row.needle);
            rows_of.push(vec![i]);
        }
    }
    let needles = AhoCorasick::builder().ascii_case_insensitive(true).build(needles).ok()?;
    Some(Compiled { rows, needles, rows_of })
}

/// Compiles a pattern of a table: case-insensitive, ASCII classes, linear time.
pub(crate) fn pattern(text: &str) -> Option<Regex> {
    RegexBuilder::new(text).case_insensitive(true).unicode(false).build().ok()
}

/// Longest part of a line that is looked at.
const MAX_LINE: usize = 2000;

/// Classifies one line (or one segment of a record). `None`: it fits no row.
pub(crate) fn classify(line: &str) -> Option<Meaning> {
    let line = super::text::head(line, MAX_LINE);
    let compiled = COMPILED.as_ref()?;
    let mut candidates: Vec<(usize, usize)> = Vec::new();
    for hit in compiled.needles.find_overlapping_iter(line) {
        candidates.extend(compiled.rows_of[hit.pattern().as_usize()].iter().map(|row| (*row, hit.start())));
    }
    candidates.sort_unstable();
    candidates.dedup_by_key(|(row, _)| *row);
    let mut matching = candidates.into_iter().filter_map(|(i, at)| {
        let (row, regex) = &compiled.rows[i];
        if row.pattern.is_empty() {
            return Some(meaning(row, line, at, None));
        }
        let captures = regex.get_or_init(|| pattern(row.pattern)).as_ref()?.captures(line.as_bytes())?;
        if row.concept == Concept::EnvMissing && offer::is_offered(line, &captures) {
            return None;
        }
        Some(meaning(row, line, at, Some(&captures)))
    });
    let first = matching.next()?;
    if first.strength != Strength::Weak || first.concept != Concept::BadConfig {
        return Some(first);
    }
    // "config error: x is required": the rest of the line says which
    let telling = matching.find(|m| m.concept == first.concept && m.strength == Strength::Strong);
    Some(telling.unwrap_or(first))
}

fn meaning(row: &Row, line: &str, at: usize, captures: Option<&regex::bytes::Captures>) -> Meaning {
    let group = |name: &str| {
        let m = captures?.name(name)?;
        let text = line.get(m.range())?.trim().trim_matches(['"', '\'', '`']);
        (!text.is_empty()).then(|| text.to_owned())
    };
    Meaning {
        concept: row.concept,
        strength: row.strength,
        subject: group("subject"),
        host: group("host"),
        port: group("port").and_then(|p| p.parse().ok()),
        at,
    }
}

/// Words by which a person sees that a line complains, although no row knows its wording.
static COMPLAINT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:error|failed|failure|fatal|cannot|can't|could not|couldn't|unable to|invalid|not found|missing|denied|refused|exception|panic|abort(?:ed|ing)?|unknown|unexpected|unsupported|must|required|illegal|refus(?:es?|ed|ing)|already (?:running|exists|started|locked|in use))\b",
    )
});

/// Whether a line complains about something.
pub(crate) fn is_complaint(line: &str) -> bool {
    let harmless = classify(line).is_some_and(|m| m.strength == Strength::None);
    !harmless && COMPLAINT.as_ref().is_some_and(|r| r.is_match(super::text::head(line, MAX_LINE).as_bytes()))
}

#[cfg(test)]
mod plain_tests;
#[cfg(test)]
mod tests;
