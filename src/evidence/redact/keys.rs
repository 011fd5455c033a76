//! Secrets that stand behind a name: `password=...`, `"token": "..."`, `--secret ...`, `Authorization: Bearer ...`.

use std::ops::Range;

use super::words::{is_complaint, is_prose, looks_random, secret_name, worth_masking};

/// Longest name, in bytes.
const MAX_NAME: usize = 128;

/// A secret name with its value, in any of the notations of programs and configuration files.
pub fn pair(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let name = name_around(bytes, start, end);
    if name.len() >= MAX_NAME || !follows_separator(bytes, name.end) || !secret_name(&text[name.clone()]) {
        return None;
    }
    let ident = &text[name.clone()];
    // The verdict of a Go test: `--- PASS: TestOrders (0.00s)`.
    if ident == "PASS" && text[..name.start].ends_with("--- ") {
        return None;
    }
    let before = name.start.checked_sub(1).map(|i| bytes[i]);
    if before == Some(b'<') && bytes.get(name.end) == Some(&b'>') {
        let value = name.end + 1..until(bytes, name.end + 1, |b| matches!(b, b'<' | b'\n'));
        return keep_worthy(text, value);
    }
    let (after, key_quoted) = closing_quote(bytes, name.end);
    let gap = blanks(bytes, after);
    match (bytes.get(gap), bytes.get(gap + 1)) {
        (Some(b'='), Some(b'=')) | (Some(b':'), Some(b':')) | (Some(b'!'), _) => None,
        (Some(b'='), next) => assigned(text, ident, gap + 1 + usize::from(next == Some(&b'>')), before),
        (Some(b':'), Some(b'=')) => assigned(text, ident, gap + 2, before),
        (Some(b':'), _) if !matches!(before, Some(b'/' | b'\\')) => colon(text, &name, gap + 1, key_quoted),
        _ if gap > after && ident.starts_with('-') => flag(text, gap),
        _ if gap > after && ident.to_ascii_lowercase().ends_with("password") => spoken(text, gap),
        _ => None,
    }
}

/// Schemes of the Authorization header.
const SCHEMES: &[&str] = &["bearer", "basic", "token", "digest", "apikey", "negotiate", "ntlm", "aws4-hmac-sha256"];

/// `Authorization: Bearer xyz`, also with the name in quotes or in another header's name (`Proxy-Authorization`).
pub fn authorization(text: &str, _start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (after, _) = closing_quote(bytes, end);
    let gap = blanks(bytes, after);
    if !matches!(bytes.get(gap), Some(b':' | b'=')) {
        return None;
    }
    let open = opening(bytes, blanks(bytes, gap + 1));
    let word_end = until(bytes, open, |b| b.is_ascii_whitespace() || is_quote(b) || b == b',');
    let word = &text[open..word_end];
    if SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(word)) {
        let from = blanks(bytes, word_end);
        let to = until(bytes, from, |b| b == b'\n' || is_quote(b));
        let credentials = &text[from..to];
        let sentence = is_prose(credentials, false) && !looks_random(credentials.split(' ').next().unwrap_or_default());
        return (!sentence).then(|| from..value_end(bytes, from)).and_then(|r| keep_worthy(text, r));
    }
    (looks_random(word)).then_some(open..word_end).and_then(|r| keep_worthy(text, r))
}

/// `Bearer xyz` and `Basic xyz` on their own; `basic authentication` is no credential.
pub fn scheme(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if start > 0 && bytes[start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let stop = until(bytes, end, |b| {
        !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'='))
    });
    let token = text[end..stop].trim_end_matches('.');
    let random =
        token.bytes().any(|b| b.is_ascii_digit() || b == b'=') || token.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    (token.len() >= 8 && random && !token.starts_with('/')).then(|| end..end + token.len())
}

/// `Cookie: a=b; c=d` and `Set-Cookie: ...`: everything up to the end of the header.
pub fn cookie(text: &str, _start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let (after, _) = closing_quote(bytes, end);
    if bytes.get(after) != Some(&b':') {
        return None;
    }
    let open = opening(bytes, blanks(bytes, after + 1));
    let stop = until(bytes, open, |b| b == b'\n' || b == b'"' || b == b'\'');
    let value = &text[open..stop];
    let first = value.split([';', ' ']).next().unwrap_or_default();
    first.split_once('=').is_some_and(|(_, v)| v.len() >= 4).then_some(open..stop)
}

/// SQL: `IDENTIFIED BY 'secret'`.
pub fn identified_by(text: &str, _start: usize, end: usize) -> Option<Range<usize>> {
    let gap = blanks(text.as_bytes(), end);
    let gap = if text[gap..].get(..8).is_some_and(|w| w.eq_ignore_ascii_case("password")) {
        blanks(text.as_bytes(), gap + 8)
    } else {
        gap
    };
    quoted(text, gap)
}

/// Redis: `requirepass secret` at the start of a line or after `CONFIG SET`.
pub fn directive(text: &str, _start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let gap = blanks(bytes, closing_quote(bytes, end).0);
    if gap == end {
        return None;
    }
    quoted(text, gap).or_else(|| flag(text, gap))
}

/// The value behind `=`; it is a secret unless it is plainly none.
fn assigned(text: &str, name: &str, at: usize, before: Option<u8>) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let from = blanks(bytes, at);
    if from > at && bytes.get(from) == Some(&b'\n') {
        return None;
    }
    if let Some(range) = quoted(text, from) {
        let inner = &text[range.clone()];
        return (!is_object_name(name, inner) && !is_prose_of_several(inner)).then_some(range);
    }
    let end = if matches!(before, Some(b'?' | b'&')) {
        until(bytes, from, |b| b.is_ascii_whitespace() || is_quote(b) || b == b'&' || b == b'#')
    } else {
        value_end(bytes, from)
    };
    let value = &text[from..end];
    let number =
        value.bytes().all(|b| b.is_ascii_digit()) && value.len() <= 5 && !name.to_ascii_lowercase().contains("passw");
    let weak_name = matches!(name.to_ascii_lowercase().as_str(), "auth" | "signature" | "pass") && !looks_random(value);
    let skip = number || weak_name || is_object_name(name, value);
    (!skip).then_some(from..end).and_then(|r| keep_worthy(text, r))
}

/// The value behind `:`, which prose uses as well.
fn colon(text: &str, name: &Range<usize>, at: usize, key_quoted: bool) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let from = blanks(bytes, at);
    let ident = text[name.clone()].to_ascii_lowercase();
    let complaint = is_complaint(last_word(&text[..name.start]));
    let weak_name = matches!(ident.as_str(), "auth" | "signature" | "pass" | "sig");
    if let Some(range) = quoted(text, from) {
        let inner = &text[range.clone()];
        let doubtful = (complaint || weak_name) && !looks_random(inner);
        return (!doubtful && !is_prose_of_several(inner) && !is_object_name(&ident, inner)).then_some(range);
    }
    if key_quoted {
        let end = until(bytes, from, |b| !b.is_ascii_digit());
        return (end > from).then_some(from..end);
    }
    if from == at
        && !matches!(bytes.get(from), Some(b'\n') | None)
        && !looks_random(&text[from..value_end(bytes, from)])
    {
        // `token:42` and `secret:name` without a blank are places and references, `password:word` is not.
        if !ident.contains("passw") {
            return None;
        }
    }
    let line_end = until(bytes, from, |b| b == b'\n');
    let rest = text[from..line_end].trim_end();
    let alone = starts_line(&text[..name.start]);
    if rest.is_empty() || is_prose(rest, alone) {
        return None;
    }
    let first_end = value_end(bytes, from);
    let random = looks_random(&text[from..first_end]);
    if (complaint || weak_name) && !random {
        return None;
    }
    let whole_line = alone && !random && rest.contains(' ');
    keep_worthy(text, from..if whole_line { from + rest.len() } else { first_end })
}

/// The word after a flag: `--password hunter2`.
fn flag(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if let Some(range) = quoted(text, from) {
        return Some(range);
    }
    let end = value_end(bytes, from);
    let line_end = until(bytes, from, |b| b == b'\n');
    let value = &text[from..end];
    let first_of_sentence = is_prose(&text[from..line_end], true) && !looks_random(value);
    (!value.starts_with(['-', ',', '(', '[']) && !first_of_sentence)
        .then_some(from..end)
        .and_then(|r| keep_worthy(text, r))
}

/// `password 'hunter2'` and `password is: hunter2`, as installers print it.
fn spoken(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    for link in ["is:", "is", "was", "=>", "set to"] {
        if let Some(rest) = text[from..].strip_prefix(link)
            && rest.starts_with([' ', ':'])
        {
            let at = blanks(bytes, from + link.len());
            let end = value_end(bytes, at);
            return quoted(text, at).or_else(|| (looks_random(&text[at..end])).then_some(at..end));
        }
    }
    quoted(text, from)
}

/// The inside of a quoted value, also of one quoted within JSON (`\"...\"`).
fn quoted(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let open = opening(bytes, at);
    let quote = *bytes.get(open.checked_sub(1)?)?;
    if open == at || !is_quote(quote) {
        return None;
    }
    let escapes = open - at - 1;
    let mut end = open;
    let close = loop {
        let Some(i) = bytes[end..].iter().position(|b| *b == quote || *b == b'\n').map(|i| end + i) else {
            break bytes.len();
        };
        let slashes = bytes[open..i].iter().rev().take_while(|b| **b == b'\\').count();
        if bytes[i] == b'\n' || (escapes == 0 && slashes % 2 == 0) || (escapes > 0 && slashes <= escapes) {
            break if escapes > 0 { i - slashes.min(escapes) } else { i };
        }
        end = i + 1;
    };
    keep_worthy(text, open..close)
}

fn keep_worthy(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let value = text.get(range.clone())?;
    (worth_masking(value) && value != super::MASK).then_some(range)
}

/// Where an unquoted value ends. A comma, semicolon or ampersand ends it only before white space or another `name=`;
/// brackets at its end are the notation's, not the value's.
fn value_end(bytes: &[u8], from: usize) -> usize {
    let mut end = from;
    while let Some(b) = bytes.get(end) {
        let ends = b.is_ascii_whitespace()
            || is_quote(*b)
            || (*b == b'\\' && matches!(bytes.get(end + 1), Some(b'"' | b'n' | b'\'')))
            || (matches!(b, b',' | b';' | b'&') && another_pair(&bytes[end + 1..]));
        if ends {
            break;
        }
        end += 1;
    }
    while end > from && matches!(bytes[end - 1], b')' | b']' | b'}' | b',' | b';' | b'>' | b'.') {
        end -= 1;
    }
    end
}

/// White space, the end, or `name=` / `name:`.
fn another_pair(rest: &[u8]) -> bool {
    let name = rest.iter().take(MAX_NAME).take_while(|b| is_name(**b) || **b == b' ').count();
    match rest.first() {
        None => true,
        Some(b) if b.is_ascii_whitespace() || is_quote(*b) => true,
        _ => name > 0 && matches!(rest.get(name), Some(b'=' | b':')),
    }
}

/// A Kubernetes object's name rather than a secret: `secret="shop/db-credentials"` in a controller's log.
fn is_object_name(name: &str, value: &str) -> bool {
    let dns = |s: &str| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
    };
    name.eq_ignore_ascii_case("secret") && value.split_once('/').is_some_and(|(ns, n)| dns(ns) && dns(n))
}

/// A quoted sentence, such as `token: "is expired since yesterday"`.
fn is_prose_of_several(value: &str) -> bool {
    value.split_ascii_whitespace().nth(2).is_some() && is_prose(value, true)
}

/// The identifier around a trigger.
fn name_around(bytes: &[u8], start: usize, end: usize) -> Range<usize> {
    let floor = start.saturating_sub(MAX_NAME);
    let from = bytes[floor..start].iter().rposition(|b| !is_name(*b)).map_or(floor, |i| floor + i + 1);
    let ceiling = bytes.len().min(end + MAX_NAME);
    let to = bytes[end.min(ceiling)..ceiling].iter().position(|b| !is_name(*b)).map_or(ceiling, |i| end + i);
    // `sig=` brings its separator along.
    let to = if end > 0 && bytes[end - 1] == b'=' { end - 1 } else { to };
    from..to.max(start)
}

/// A cheap look: can a value follow here at all?
fn follows_separator(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at), Some(b'=' | b':' | b'"' | b'\'' | b'\\' | b' ' | b'\t' | b'>' | b'`' | b']'))
}

/// Skips a quote that closes the name, with its escapes, or the bracket of `env["NAME"]`.
fn closing_quote(bytes: &[u8], at: usize) -> (usize, bool) {
    let mut i = at;
    while bytes.get(i) == Some(&b'\\') && i < at + 4 {
        i += 1;
    }
    if bytes.get(i).is_some_and(|b| is_quote(*b)) {
        let bracket = usize::from(bytes.get(i + 1) == Some(&b']'));
        return (i + 1 + bracket, bracket == 0);
    }
    (at, false)
}

/// Skips a quote that opens a value, with its escapes.
fn opening(bytes: &[u8], at: usize) -> usize {
    let mut i = at;
    while bytes.get(i) == Some(&b'\\') && i < at + 4 {
        i += 1;
    }
    if bytes.get(i).is_some_and(|b| is_quote(*b)) { i + 1 } else { at }
}

fn blanks(bytes: &[u8], at: usize) -> usize {
    let mut i = at;
    while matches!(bytes.get(i), Some(b' ' | b'\t')) && i < at + 16 {
        i += 1;
    }
    i
}

fn until(bytes: &[u8], from: usize, stop: impl Fn(u8) -> bool) -> usize {
    let from = from.min(bytes.len());
    bytes[from..].iter().position(|b| stop(*b)).map_or(bytes.len(), |i| from + i)
}

/// Whether a name stands where a line of configuration begins.
fn starts_line(before: &str) -> bool {
    let tail = &before[super::super::text::ceil_boundary(before, before.len().saturating_sub(64))..];
    let line = tail.rsplit('\n').next().unwrap_or_default();
    line.bytes().all(|b| matches!(b, b' ' | b'\t' | b'-' | b'"' | b'\'' | b'{' | b'+' | b'>'))
}

/// The last word before a name, on the same line.
fn last_word(before: &str) -> &str {
    let tail = &before[super::super::text::ceil_boundary(before, before.len().saturating_sub(64))..];
    tail.rsplit('\n').next().unwrap_or_default().split_ascii_whitespace().next_back().unwrap_or_default()
}

fn is_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')
}

fn is_quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}
