//! Lines that never hold the reason: frames of a stack, source code, usage text.

/// A stack frame, source code or a register: never the reason.
pub(crate) fn is_frame(line: &str) -> bool {
    const FRAMES: &[&str] = &[
        "at ",
        "File \"",
        "from /",
        "... ",
        "goroutine ",
        "created by ",
        "throw ",
        "raise ",
        "--- End",
        "#0 ",
        "note: run with",
    ];
    let trimmed = line.trim_start();
    FRAMES.iter().any(|f| trimmed.starts_with(f))
        || (trimmed.starts_with('#') && trimmed.as_bytes().get(1).is_some_and(u8::is_ascii_digit))
        || is_address(trimmed)
        || is_source(trimmed)
        || (trimmed.contains(".go:") && (trimmed.contains(" +0x") || line.starts_with('\t')))
}

/// A numbered frame of a C++ stack: `3. ns::f(int) @ 0xfb69893 in /usr/bin/x`, ` 4# ns::f in /lib/x.so`.
fn is_address(trimmed: &str) -> bool {
    let rest = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < trimmed.len()
        && (rest.starts_with(". ") && rest.contains(" @ 0x")
            || rest.starts_with("# ") && (rest.contains("::") || rest.contains(" in ") || rest.contains("0x")))
}

/// A line of source code with its number in the margin, as error pages of frameworks print it.
fn is_source(trimmed: &str) -> bool {
    let line = trimmed.trim_start_matches(['➜', '>', '→', ' ']);
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < line.len() && rest.trim_start().starts_with(['▕', '│', '|'])
}

/// Usage text of a program: it mentions errors and files, and is about neither.
pub(crate) fn is_usage(line: &str) -> bool {
    let trimmed = line.trim_start();
    let flag = trimmed.starts_with("--") && trimmed.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic)
        || (trimmed.starts_with('-') && trimmed.as_bytes().get(2).is_some_and(|b| *b == b',' || *b == b' '));
    (flag && line.starts_with([' ', '\t'])) || trimmed.starts_with("Usage:") || trimmed.starts_with("usage:")
}
