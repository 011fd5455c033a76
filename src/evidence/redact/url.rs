//! Credentials in addresses: URLs, Go's MySQL addresses, Oracle's thin JDBC, web hooks.

use std::ops::Range;

use super::words::worth_masking;

/// Longest credentials looked for, in bytes.
const MAX_USERINFO: usize = 2048;

/// `scheme://user:secret@host`: the secret; `scheme://token@host`: the token, where it is too long for a name.
pub fn userinfo(text: &str, _start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let stop = bytes.len().min(end + MAX_USERINFO);
    let token = end + bytes[end..stop].iter().position(|b| is_end(*b)).unwrap_or(stop - end);
    let authority = end + bytes[end..token].iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(token - end);
    let at = match last_at(bytes, end..authority) {
        Some(at) => at,
        // A password with an unescaped slash or the like: `//app:pa/ss@db`; a port would be a number.
        None if has_odd_port(&text[end..authority]) => last_at(bytes, end..token)?,
        None => return None,
    };
    match bytes[end..at].iter().position(|b| *b == b':') {
        Some(colon) => masked(text, end + colon + 1..at),
        None => (at - end >= 16).then_some(end..at),
    }
}

/// Go's MySQL address: `user:secret@tcp(host:3306)/db`.
pub fn go_dsn(text: &str, start: usize, _end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let floor = start.saturating_sub(256);
    let begin = bytes[floor..start].iter().rposition(|b| is_end(*b) || *b == b'=').map_or(floor, |i| floor + i + 1);
    let colon = bytes[begin..start].iter().position(|b| *b == b':')?;
    masked(text, begin + colon + 1..start)
}

/// `jdbc:oracle:thin:user/secret@host`.
pub fn oracle(text: &str, _start: usize, end: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let stop = bytes.len().min(end + 256);
    let at = end + bytes[end..stop].iter().position(|b| *b == b'@' || is_end(*b)).filter(|i| bytes[end + i] == b'@')?;
    let slash = bytes[end..at].iter().position(|b| *b == b'/')?;
    masked(text, end + slash + 1..at)
}

/// The path of a web hook is its secret.
pub fn webhook(text: &str, _start: usize, end: usize) -> Option<Range<usize>> {
    let stop = text.len() - end;
    let len = text.as_bytes()[end..].iter().position(|b| is_end(*b)).unwrap_or(stop);
    (len >= 16).then_some(end..end + len)
}

fn masked(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let value = text.get(range.clone())?;
    (worth_masking(value) || value.starts_with(['.', '/'])).then_some(range)
}

fn last_at(bytes: &[u8], range: Range<usize>) -> Option<usize> {
    bytes[range.clone()].iter().rposition(|b| *b == b'@').map(|i| range.start + i)
}

fn has_odd_port(authority: &str) -> bool {
    !authority.starts_with('[')
        && authority
            .split_once(':')
            .is_some_and(|(_, port)| !port.is_empty() && !port.bytes().all(|b| b.is_ascii_digit()))
}

fn is_end(b: u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>')
}
