//! Makes hostile text harmless: valid UTF-8, no control or direction-changing characters, bounded.

use std::borrow::Cow;

/// Longest line kept, in bytes; longer ones lose their middle.
pub const MAX_LINE: usize = 16 * 1024;
/// Longest message of a status, condition or event kept, in bytes.
pub const MAX_MESSAGE: usize = 16 * 1024;
/// Longest name, key or path kept, in bytes (Kubernetes' own limits are lower; paths may be 4096).
pub const MAX_WORD: usize = 4 * 1024;

/// A message of the API: cleaned, secrets masked, bounded. Line ends stay (trailing ones do not).
pub fn message(text: &str) -> String {
    let clean = clean(text);
    let redacted = super::redact::redact(&clean);
    let bounded = bound(redacted.trim_end_matches('\n'), MAX_MESSAGE);
    bounded.into_owned()
}

/// A name or other short word of the API: one line, bounded. Names hold no secrets.
pub fn word(text: &str) -> String {
    let text = bound(text, MAX_WORD);
    if text.chars().any(is_unwanted) || text.contains(['\n', '\t']) {
        return text.chars().filter(|c| !is_unwanted(*c) && *c != '\n' && *c != '\t').collect();
    }
    text.into_owned()
}

/// Drops ANSI escape sequences, control characters and direction marks; a carriage return becomes a line end
/// (progress bars overwrite their line with it).
pub fn clean(text: &str) -> Cow<'_, str> {
    if !needs_cleaning(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_csi(&mut rest),
            '\r' => {
                if rest.peek() != Some(&'\n') && !out.ends_with('\n') {
                    out.push('\n');
                }
            }
            c if is_unwanted(c) => {}
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Cuts the middle out of lines longer than [`MAX_LINE`], keeping three quarters of the room for the head.
pub fn bound_lines(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_LINE || text.lines().all(|l| l.len() <= MAX_LINE) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(1 << 20));
    for line in text.split_inclusive('\n') {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |b| (b, "\n"));
        out.push_str(&bound(body, MAX_LINE));
        out.push_str(end);
    }
    Cow::Owned(out)
}

/// Cuts the middle out of a text longer than `max` bytes and says how much is gone.
pub fn bound(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let head = floor_boundary(text, max / 4 * 3);
    let tail = ceil_boundary(text, text.len() - max / 4);
    Cow::Owned(format!("{} ...[{} bytes cut]... {}", &text[..head], tail - head, &text[tail..]))
}

/// The largest character boundary that is not after `at`.
pub fn floor_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// The smallest character boundary that is not before `at`.
pub fn ceil_boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(text.len())
}

/// Control characters other than tab and line feed, and the marks that change how text reads without being seen
/// (direction overrides, zero-width characters, line separators, byte order mark).
fn is_unwanted(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
}

/// Whether the slow path is needed: control bytes, or lead bytes of the ranges in [`is_unwanted`].
fn needs_cleaning(bytes: &[u8]) -> bool {
    bytes.iter().any(|b| (*b < 0x20 && *b != b'\n' && *b != b'\t') || matches!(b, 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef))
}

fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_csi(rest);
        }
        // Operating system command, device control and the like: up to BEL or ESC \, never over a line end.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            while let Some(c) = rest.peek().copied() {
                if c == '\n' {
                    return;
                }
                rest.next();
                if c == '\u{7}' {
                    return;
                }
                if c == '\u{1b}' {
                    if rest.peek() == Some(&'\\') {
                        rest.next();
                    }
                    return;
                }
            }
        }
        Some('(' | ')' | '*' | '+' | '#' | '%') => {
            rest.next();
            rest.next_if(char::is_ascii_graphic);
        }
        Some(c) if ('\u{30}'..='\u{7e}').contains(c) => {
            rest.next();
        }
        _ => {}
    }
}

/// A control sequence: parameters, then one final byte.
fn skip_csi(rest: &mut std::iter::Peekable<std::str::Chars>) {
    while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
    rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_controls_go() {
        assert_eq!(clean("\u{1b}[1;31mfatal\u{1b}[0m: no\u{7} space\u{0}"), "fatal: no space");
        assert_eq!(clean("\u{1b}]0;title\u{7}x\u{1b}(By\u{202e}z"), "xyz");
        assert_eq!(clean("a\r\nb\rc"), "a\nb\nc");
        assert_eq!(clean("tab\tstays, ümlaut “too” – …"), "tab\tstays, ümlaut “too” – …");
    }

    #[test]
    fn unfinished_escapes_do_not_eat_the_text() {
        assert_eq!(clean("a\u{1b}"), "a");
        assert_eq!(clean("a\u{1b}]never ended\nb"), "a\nb");
    }

    #[test]
    fn long_lines_keep_head_and_tail() {
        let long = format!("start {} end\nshort\n", "ä".repeat(1 << 20));
        let cut = bound_lines(&long);
        assert!(cut.len() < MAX_LINE + 100);
        assert!(cut.starts_with("start ") && cut.ends_with(" end\nshort\n") && cut.contains("bytes cut"));
    }
}
