//! Pairs of key and value, as logfmt, klog and Rust's tracing write them.

use super::brief;
use super::severity;
use super::structured::Structured;

/// `level=error msg="..." err="..."`, also behind a klog header: the message and the error value as lines of text.
pub(super) fn read(line: &str) -> Option<Structured> {
    let mut message = None;
    let mut error = None;
    let mut level = None;
    for (key, value) in pairs(line) {
        match key {
            "msg" | "message" => message = message.or(Some(value)),
            "err" | "error" | "reason" | "cause" | "exception" => error = error.or(Some(value)),
            "level" | "lvl" | "severity" => level = level.or(Some(value)),
            _ => {}
        }
    }
    // "parse error=5" is prose: a number alone is no error that a record would carry
    let number = error.as_ref().is_some_and(|e| {
        e.split(' ').next().is_some_and(|first| first.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
    });
    if message.is_none() && (error.is_none() || number) {
        return None;
    }
    let severity = level.map_or_else(|| severity::of_line(line), |l| severity::of_field(&l));
    // a klog structured line has its message before the first pair, in quotes
    let message = message.or_else(|| {
        let (_, rest) = line.split_once("] \"")?;
        rest.split_once('"').map(|(m, _)| m.to_owned())
    });
    let message = message.or_else(|| preface(line));
    let text = match (message, error) {
        (Some(m), Some(e)) if e != "null" && e != "<nil>" && e != "nil" => format!("{m}\n{e}"),
        (Some(m), _) | (None, Some(m)) => m,
        (None, None) => return None,
    };
    Some(Structured { severity, text })
}

/// `key=value` and `key="quoted \" value"`.
fn pairs(line: &str) -> impl Iterator<Item = (&str, String)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let eq = rest.find('=')?;
            let key_start = rest[..eq].rfind([' ', '\t', ']']).map_or(0, |n| n + 1);
            let key = &rest[key_start..eq];
            let after = &rest[eq + 1..];
            let (value, next) = match after.strip_prefix('"') {
                Some(quoted) => unquote(quoted),
                None if WORDED.contains(&key) => unquoted(after),
                None => bare(after),
            };
            rest = next;
            if !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
                return Some((key, value));
            }
        }
    })
}

fn bare(text: &str) -> (String, &str) {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// Keys whose value is a sentence, which some loggers (Rust's tracing) write without quotes.
const WORDED: &[&str] = &["err", "error", "reason", "cause", "exception", "msg", "message"];

/// A sentence without quotes: up to the next ` key=`, or the end of the line.
fn unquoted(text: &str) -> (String, &str) {
    let is_key = |word: &str| {
        let key = word.split_once('=').map_or("", |(key, _)| key);
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    let end = text
        .match_indices([' ', '\t'])
        .map(|(at, _)| at)
        .find(|at| is_key(text[at + 1..].split([' ', '\t']).next().unwrap_or_default()))
        .unwrap_or(text.len());
    (text[..end].trim_end().to_owned(), &text[end..])
}

/// What stands before the first pair, where that is the message: `… ERROR cli: Configuration error. error=…`.
fn preface(line: &str) -> Option<String> {
    let at = [" error=", " err=", " reason=", " cause="].iter().filter_map(|key| line.find(key)).min()?;
    let said = brief::message(line.get(..at)?);
    (!said.contains('=') && said.contains(' ')).then(|| said.to_owned())
}

fn unquote(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut escaped = false;
    for (i, c) in text.char_indices() {
        if escaped {
            out.push(match c {
                'n' => '\n',
                't' => '\t',
                other => other,
            });
            escaped = false;
            continue;
        }
        match c {
            '\\' => escaped = true,
            '"' => return (out, &text[i + 1..]),
            other => out.push(other),
        }
    }
    (out, "")
}
