//! Small helpers on lines of text.

/// The first `max` bytes, cut at a character boundary.
pub(crate) fn head(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut end = max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The last `max` bytes, cut at the beginning of a line (or at a character boundary where there is no line break).
pub(crate) fn tail(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let mut start = text.len() - max;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let rest = &text[start..];
    rest.find('\n').map_or(rest, |n| &rest[n + 1..])
}

/// Takes away what others put before a program's line: the time stamps of CRI and `kubectl logs --timestamps`,
/// the names that foreman and docker compose print (`web.1 | `), runners of workspaces (`@shop/web:start: `) and programs of several
/// processes (`(EngineCore pid=84) `).
pub(crate) fn unprefixed(line: &str) -> &str {
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let line = runtime_stamp(line).unwrap_or(line);
    let line = named_process(line).unwrap_or(line);
    let line = workspace_task(line).or_else(|| process_of_many(line)).unwrap_or(line);
    logged_traceback(line).unwrap_or(line)
}

/// `ERROR:    Traceback (most recent call last):`: a logger's level before the head only, not before the lines behind it.
fn logged_traceback(line: &str) -> Option<&str> {
    const LEVELS: &[&str] = &["ERROR", "CRITICAL", "FATAL", "EXCEPTION"];
    let at = line.find("Traceback (most recent call last)").filter(|at| (1..=24).contains(at))?;
    let (before, rest) = line.split_at(at);
    LEVELS.contains(&before.trim_matches(|c: char| !c.is_ascii_alphabetic())).then_some(rest)
}

/// `@scope/package:task: text`.
fn workspace_task(line: &str) -> Option<&str> {
    let (before, rest) = line.strip_prefix('@')?.split_once(": ")?;
    let (package, task) = before.split_once(':')?;
    let name = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let (scope, package) = package.split_once('/')?;
    (name(scope) && name(package) && task.split(':').all(name)).then_some(rest)
}

/// `(Worker pid=84) text`.
fn process_of_many(line: &str) -> Option<&str> {
    let (before, rest) = line.strip_prefix('(')?.split_once(')')?;
    let (name, pid) = before.split_once(" pid=")?;
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:".contains(&b));
    let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    (plain && number(pid.split(',').next().unwrap_or_default())).then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

/// `2026-01-02T10:00:00.123456789Z ` with nine digits, followed by `stdout F ` in CRI's files.
fn runtime_stamp(line: &str) -> Option<&str> {
    let bytes = line.as_bytes();
    if bytes.len() < 31 || bytes[4] != b'-' || bytes[10] != b'T' || bytes[19] != b'.' {
        return None;
    }
    let digits = bytes[20..].iter().take_while(|b| b.is_ascii_digit()).count();
    if digits != 9 {
        return None;
    }
    let (_, rest) = line.split_once(' ')?;
    let rest = rest.strip_prefix("stdout ").or_else(|| rest.strip_prefix("stderr ")).unwrap_or(rest);
    Some(rest.strip_prefix("F ").or_else(|| rest.strip_prefix("P ")).unwrap_or(rest))
}

/// `12:24:31 worker.1 | text` (foreman), `web-1  | text` (compose).
fn named_process(line: &str) -> Option<&str> {
    let (before, rest) = line.split_once(" | ")?;
    let words = before.split_whitespace().count();
    let plain = before.bytes().all(|b| b.is_ascii_alphanumeric() || b" :._-".contains(&b));
    (before.len() <= 40 && (1..=2).contains(&words) && plain && before.contains(['.', '-', ':'])).then_some(rest)
}

/// One line for a person: trimmed, inner white space made single, at most `max` bytes.
pub(crate) fn tidy(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > max {
            break;
        }
    }
    if out.len() > max {
        let cut = head(&out, max.saturating_sub(3)).len();
        out.truncate(cut);
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_prefixes_away() {
        for (line, want) in [
            ("2026-01-02T10:00:00.123456789Z stderr F panic: x", "panic: x"),
            ("2026-01-02T10:00:00.123456789Z panic: x", "panic: x"),
            ("2026-01-02T10:00:00.123Z panic: x", "2026-01-02T10:00:00.123Z panic: x"),
            ("12:24:31 worker.1 | rake aborted!", "rake aborted!"),
            ("(epoch 3) | loss 2", "(epoch 3) | loss 2"),
            ("@shop/web:start: Error: x", "Error: x"),
            ("@shop: Error: x", "@shop: Error: x"),
            ("(EngineCore pid=84)   File \"a.py\"", "  File \"a.py\""),
            ("(Worker_0 pid=9, ip=10.0.0.1) boom", "boom"),
            ("(see pid= above) boom", "(see pid= above) boom"),
        ] {
            assert_eq!(unprefixed(line), want);
        }
    }

    #[test]
    fn cuts_at_boundaries() {
        assert_eq!(head("aäb", 2), "a");
        assert_eq!(tail("one\ntwo\nthree", 7), "three");
        assert_eq!(tidy("  a \t b  ", 80), "a b");
        assert!(tidy(&"x".repeat(500), 100).len() <= 100);
    }
}
