//! A line as a colleague would pass it on: without the logger's stamp, and of a long one the part that tells.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::concepts::pattern;
use super::{records, text};

/// Longest brief, bytes.
pub(crate) const MAX: usize = 220;

/// What loggers put before a message: dates, times, levels, process and thread ids, source files.
static STAMPS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    const LEVELS: &str =
        "trace|debug|info|notice|warn|warning|err|error|severe|crit|critical|fatal|alert|emerg|emergency|ftl|inf|wrn";
    [
        r"\x1b\[[\d;]*m".to_owned(),
        r"\.{0,8}[\[(]?\d{4}[-/.]\d\d[-/.]\d\d(?:[t ]|, |$)(?:\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?(?: ?(?:z|utc|[+-]\d\d:?\d\d|[+-]\d\d))?[\])]?".to_owned(),
        r"[\[(]?\d{1,2}[-/ ](?:[a-z]{3}|\d\d)[-/ ]\d{4},?[: ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?[ap]m)?(?: ?[+-]\d{4})?[\])]?".to_owned(),
        r"[\[(]?\d{1,2}:\d\d:\d\d(?:[.,]\d+)?[\])]?".to_owned(),
        r"[a-z]{3} +\d{1,2} \d\d:\d\d:\d\d(?:[.,]\d+)?\s".to_owned(),
        // Bitnami's scripts, Nest, zap's console in seconds
        r"[a-z][\w\-]{1,30} +\d\d:\d\d:\d\d\.\d\d\s".to_owned(),
        r"==>\s".to_owned(),
        r"\d{1,7} +- +\d\d/\d\d/\d{4}, \d{1,2}:\d\d:\d\d(?: [ap]m)?\s".to_owned(),
        r"\d\.\d+e\+\d\d\s".to_owned(),
        r"(?-i:LOG|DETAIL|STATEMENT):\s".to_owned(),
        r"details:\s|\d{1,2}\)\s".to_owned(),
        // airlift's thread and class, zap's name of a logger, the target of Rust's tracing
        r"(?:[\w\-]{1,40}\t)?(?:[a-z][\w\-]*\.)+[\w\-]+\t".to_owned(),
        format!(r"(?-i:{})\s+(?-i:[a-z_][a-z0-9_]*(?:::[a-z_][a-z0-9_]*)+):\s", LEVELS.to_ascii_uppercase()),
        // Ceph's: level, time, thread, level as a number
        r"(?:debug )?\d{4}-\d\d-\d\dt[\d:.+\-]+ [0-9a-f]{8,16} +-?\d+ ".to_owned(),
        format!(r"(?:{LEVELS})\t"),
        r"[iwef]\d{4} \d\d:\d\d:\d\d[.\d]*\s+\d+ [\w.\-]+:\d+\]".to_owned(),
        r"\d{10}(?:\.\d+)?\s".to_owned(),
        r"\d+:[a-z] \d{1,2} [a-z]{3} \d{4} \d\d:\d\d:\d\d(?:\.\d+)? [#*\-.]".to_owned(),
        r"\d+ ---(?: \[[^\]]{0,60}\]){1,3} \S+ +:".to_owned(),
        format!(r"[\[(<|]\s?(?:{LEVELS})\s?[\])>|]:?|(?:{LEVELS}):\s|(?-i:{})(?:\s*[:|]|\s+-|\s)", LEVELS.to_ascii_uppercase()),
        r"(?:level|lvl)=\w+\s".to_owned(),
        r"\[[\w#@.:/\- ]{0,60}\]\s?:?".to_owned(),
        r"<\d[\d.]*>".to_owned(),
        r"\{[\w\-]*\} <\w+>".to_owned(),
        r"\((?:main|\d+)\)".to_owned(),
        r"\d\d-\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?\s".to_owned(),
        r"\d+#\d+:".to_owned(),
        r"\d{1,6} (?:\[[\w\-]{1,20}\] ?){1,4}".to_owned(),
        r"[\w\-./]+\.go[ :]\d+:".to_owned(),
        r"caused by:\s".to_owned(),
        r"[:|\-]\s".to_owned(),
    ]
    .iter()
    .filter_map(|p| pattern(&format!("^(?:{p})")))
    .collect()
});

/// The message of a line without what its logger put before it.
pub(crate) fn message(line: &str) -> &str {
    let rest = stripped(line);
    if rest.len() < 5 { line.trim() } else { rest }
}

/// A logger's stamp with nothing behind it.
pub(crate) fn is_stamp(line: &str) -> bool {
    !line.trim().is_empty() && !stripped(line).bytes().any(|b| b.is_ascii_alphanumeric())
}

fn stripped(line: &str) -> &str {
    let mut rest = line.trim();
    for _ in 0..12 {
        let Some(end) = STAMPS.iter().find_map(|r| r.find(rest.as_bytes()).map(|m| m.end()).filter(|e| *e > 0)) else {
            break;
        };
        let Some(next) = rest.get(end..) else { break };
        rest = next.trim_start();
    }
    rest
}

/// Of a text that is too long, the part around `focus` (a byte of it), cut at a colon or blank.
pub(crate) fn around(text: &str, focus: usize, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    if focus < max * 3 / 4 {
        return text::tidy(text, max);
    }
    // as much of what stands behind as fits, and some of what leads to it
    let from = text.len().saturating_sub(max - 3).min(focus.saturating_sub(max / 3));
    let mut from = (from..text.len()).find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    let near = &text[from..focus.max(from).min(text.len())];
    if let Some(cut) = near.find(": ").map(|n| n + 2).or_else(|| near.find(' ').map(|n| n + 1)) {
        from += cut;
    }
    let rest = text[from..].trim_start_matches([':', ',', ';', '.', ')', ' ']);
    format!("…{}", text::tidy(rest, max - 3))
}

/// Most further lines that are taken along.
const MORE: usize = 3;

/// The brief of the part at `at` of a record; `focus` is a byte of it that tells. A head ("… :", "2 errors") takes the lines
/// along that it announces.
pub(crate) fn of(parts: &[&str], at: usize, focus: usize, headline: bool) -> String {
    let line = parts.get(at).copied().unwrap_or_default();
    let numbered = line.trim_start().split_once(": ").filter(|(n, _)| n.len() < 3 && n.parse::<u8>().is_ok());
    let line = without_stack(line);
    let message = numbered.map_or_else(|| message(line), |(_, rest)| rest.trim_end());
    let cut = line.len() - line.trim_end().len();
    let focus = focus.saturating_sub(line.len() - cut - message.len());
    // Redis shows the directive in a line of its own, before what is wrong with it
    if let Some(shown) = at.checked_sub(1).and_then(|i| parts.get(i)?.strip_prefix(">>> ")) {
        return around(&tidy(&format!("{}: {message}", shown.trim_matches('\''))), 0, MAX);
    }
    let announces = message.ends_with(':') || headline;
    if !announces {
        return around(&tidy(message), focus.min(message.len()), MAX);
    }
    let mut out = tidy(message.trim_end_matches(':'));
    let mut added = 0;
    for next in parts.get(at + 1..).unwrap_or_default() {
        let next = detail(next);
        if next.len() < 4
            || records::is_frame(next)
            || is_go_frame(next)
            || is_rust_frame(next)
            || next.starts_with("For further information")
        {
            continue;
        }
        if added == MORE || out.len() + next.len() + 2 > MAX {
            break;
        }
        out.push_str(if added == 0 { ": " } else { ", " });
        out.push_str(&tidy(next));
        added += 1;
    }
    around(&out, 0, MAX)
}

/// A line of a Go stack as errors carry it along: a function, or a file with its line.
fn is_go_frame(line: &str) -> bool {
    let file = line
        .split_once(".go:")
        .is_some_and(|(path, n)| !path.contains(' ') && n.starts_with(|c: char| c.is_ascii_digit()));
    let function = !line.contains(' ')
        && (line.starts_with("main.")
            || line.starts_with("runtime.")
            || line.split_once('/').is_some_and(|(domain, rest)| domain.contains('.') && rest.contains('.')));
    file || function
}

/// A function of a Rust stack: `std::panicking::begin_panic_handler`, `app::run::{{closure}}`.
fn is_rust_frame(line: &str) -> bool {
    line.contains("::") && !line.contains(' ') || line == "rust_begin_unwind"
}

/// What a message says before it announces its stack.
fn without_stack(line: &str) -> &str {
    let end = [", Stack trace (", ", stack trace:", " Stack trace:"].iter().filter_map(|w| line.find(w)).min();
    &line[..end.unwrap_or(line.len())]
}

/// A line of details, without the drawing around it.
fn detail(line: &str) -> &str {
    let line = line.trim().trim_start_matches([' ', '|', '*', '>', '=', '•', '│']).trim();
    let line = line.strip_prefix("- ").unwrap_or(line);
    let numbered = line.split_once(": ").filter(|(n, _)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let line = numbered.map_or(line, |(_, rest)| rest);
    let drawn = line.bytes().all(|b| !b.is_ascii_alphanumeric());
    if drawn || line == "Caused by:" { "" } else { line }
}

fn tidy(text: &str) -> String {
    text::tidy(text, usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_loggers_go() {
        for (line, want) in [
            ("2026-01-29 10:10:40.120481+00:00 [error] <0.229.0> Failed to parse x.json", "Failed to parse x.json"),
            ("2026-01-15 14:02:09.118 ERROR 1 --- [  main] o.s.boot.SpringApplication  : Run failed", "Run failed"),
            ("E0109 12:00:02.453001       1 main.go:335] Error registering network: x", "Error registering network: x"),
            ("2026/01/19 11:11:11 failed to ping", "failed to ping"),
            ("[25-Jan-2026 12:30:02] ERROR: failed to post", "failed to post"),
            ("1:M 12 Jan 2026 05:00:01.052 # Bad file format", "Bad file format"),
            ("2026-01-30 02:41:12.004 UTC [1] FATAL:  database files", "database files"),
            ("2026-01-31T04:00:00Z\tERROR\tsetup\tno CRD", "setup\tno CRD"),
            ("Error: connect ECONNREFUSED 10.0.0.1:5432", "connect ECONNREFUSED 10.0.0.1:5432"),
            ("[ALERT]    (1) : config : parsing x", "config : parsing x"),
            ("TypeError: x is not a function", "TypeError: x is not a function"),
            ("[1]", "[1]"),
            ("std::runtime_error: it broke", "std::runtime_error: it broke"),
            ("1.66e+09\tERROR\tcontroller-runtime.source\tif kind is a CRD", "if kind is a CRD"),
            ("postgresql 12:06:50.97 ERROR ==> It is not safe", "It is not safe"),
            ("[Nest] 7  - 11/08/2026, 10:09:28 AM   ERROR [Micro:StorageService] Failed to read", "Failed to read"),
            ("1.6602252498153887e+09\tERROR\tsetup\tno CRD", "setup\tno CRD"),
            ("....2026-11-12 11:17:18.016 UTC [25] LOG:  could not open file", "could not open file"),
            ("2026-11-01T14:21:29.410Z\tERROR\tmain\tio.trino.server.Server\tall bad", "all bad"),
            ("Nov 05 11:30:59.989 ERROR app::cli: no such key", "no such key"),
        ] {
            assert_eq!(message(line), want, "{line}");
        }
    }

    #[test]
    fn a_stamp_alone_says_nothing() {
        for line in ["2026-11-04 07:47:52.330418+00:00 [error] <0.132.0> ", "2026-11-04 07:47:52 [ERROR]"] {
            assert!(is_stamp(line), "{line}");
        }
        assert!(!is_stamp("2026-11-04 07:47:52 ERROR x") && !is_stamp(""));
    }

    #[test]
    fn of_a_long_line_the_telling_part_is_kept() {
        let line =
            format!("{}: dial tcp 10.96.0.1:443: i/o timeout", "error creating manager: failed to do it ".repeat(8));
        let got = of(&[&line], 0, line.len() - 12, false);
        assert!(got.starts_with('…') && got.ends_with("dial tcp 10.96.0.1:443: i/o timeout"), "{got}");
        assert!(got.len() <= MAX + 4);
    }

    #[test]
    fn a_head_takes_along_what_it_announces() {
        let parts =
            ["error: the following required arguments were not provided:", "  --bucket <BUCKET>", "", "Usage: x"];
        assert_eq!(
            of(&parts[..2], 0, 0, false),
            "the following required arguments were not provided: --bucket <BUCKET>"
        );
        let parts = ["Error: failed to load", "", "Caused by:", "    0: could not parse", "    1: line 7"];
        assert_eq!(of(&parts, 0, 0, true), "failed to load: could not parse, line 7");
    }
}
