//! Private keys in PEM, also where the log was cut in the middle of one.

use std::ops::Range;

/// Longest private key, in bytes of text (with prefixes of log lines).
const MAX_KEY: usize = 32 * 1024;

/// From the header of a private key to its footer; without a footer, as far as the lines look like a key.
pub fn begin(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let header = header_end(text, end)?;
    if !text[start..header].to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let stop = super::super::text::floor_boundary(text, header + MAX_KEY);
    let room = &text[header..stop];
    let body = room.find("-----END").unwrap_or_else(|| key_lines(room));
    let masked_already = room[..body].trim() == super::MASK;
    (body > 0 && !masked_already).then(|| header..header + body)
}

/// The rest of a private key whose header is not in the text.
pub fn end(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let footer = header_end(text, end)?;
    if !text[start..footer].to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let floor = super::super::text::ceil_boundary(text, start.saturating_sub(MAX_KEY));
    let mut from = start;
    while let Some(above) = text[floor..from].strip_suffix('\n') {
        let line = floor + above.rfind('\n').map_or(0, |i| i + 1);
        if !is_key_line(&text[line..floor + above.len()]) {
            break;
        }
        from = line;
    }
    (from < start).then_some(from..start)
}

/// Where the dashes that end a header or footer end.
fn header_end(text: &str, from: usize) -> Option<usize> {
    let stop = super::super::text::floor_boundary(text, from + 64);
    text[from..stop].find("-----").map(|i| from + i + 5)
}

/// How many bytes at the start are lines of base64, or its header fields.
fn key_lines(room: &str) -> usize {
    room.split_inclusive('\n').take_while(|l| l.trim().is_empty() || is_key_line(l)).map(str::len).sum()
}

fn is_key_line(line: &str) -> bool {
    let last = line.trim().rsplit([' ', '\t']).next().unwrap_or_default();
    let last = last.trim_end_matches("\\n");
    last.len() >= 16 && last.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\\'))
}
