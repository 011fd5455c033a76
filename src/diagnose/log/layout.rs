//! The lines of a record as they were meant, where a logger or a terminal library laid them out otherwise.

use super::records::{self, Kind};

/// Lengths at which texts are wrapped for a terminal of 80 columns.
const WRAPPED: std::ops::RangeInclusive<usize> = 55..=100;

/// The parts without what the layout did to them; `None` where it did nothing.
pub(super) fn of(parts: &[&str], kind: Kind) -> Option<Vec<String>> {
    if let Some(joined) = announced(parts) {
        return Some(joined);
    }
    match kind {
        Kind::Python => outdented(parts),
        Kind::Plain => unwrapped(parts),
        Kind::Chain | Kind::Go => None,
    }
}

/// Elixir's argument errors announce in their first line what stands, with the call, in indented lines behind it.
fn announced(parts: &[&str]) -> Option<Vec<String>> {
    let (head, rest) = parts.split_first()?;
    if !head.starts_with("** (") || !head.trim_end().ends_with(':') {
        return None;
    }
    let details: Vec<&str> =
        rest.iter().map(|l| l.trim().trim_start_matches("* ")).filter(|l| !l.is_empty()).take(2).collect();
    let first = format!("{} {}", head.trim_end(), details.join(", "));
    Some(std::iter::once(first).chain(rest.iter().map(|l| (*l).to_owned())).collect())
}

/// Loggers such as Tornado's and traitlets' indent the traceback below their own line: its exception no longer stands at the margin.
fn outdented(parts: &[&str]) -> Option<Vec<String>> {
    let (head, rest) = parts.split_first()?;
    let lines = || rest.iter().filter(|l| !l.trim().is_empty());
    let by = lines().map(|l| indent(l)).min().filter(|n| *n > 0)?;
    lines().any(|l| l.trim_start().starts_with("Traceback (most recent")).then(|| {
        let cut = |l: &&str| l.get(by..).unwrap_or_default().to_owned();
        std::iter::once((*head).to_owned()).chain(rest.iter().map(cut)).collect()
    })
}

/// Command-line frameworks wrap a message into indented lines (a box): the words of one sentence stand on two of them.
fn unwrapped(parts: &[&str]) -> Option<Vec<String>> {
    let goes_on = |before: &str, line: &str| {
        let (by, text) = (indent(line), line.trim());
        by > 0
            && by == indent(before)
            && WRAPPED.contains(&before.trim().len())
            && before.trim_end().ends_with(|c: char| c.is_ascii_alphanumeric() || c == ',')
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || "`'\"".contains(c))
            && !text.starts_with("at ")
            && !records::is_frame(before)
            && !records::is_frame(line)
    };
    if !parts.windows(2).any(|w| goes_on(w[0], w[1])) {
        return None;
    }
    let mut out: Vec<String> = Vec::with_capacity(parts.len());
    for (i, line) in parts.iter().enumerate() {
        match out.last_mut() {
            Some(last) if goes_on(parts[i - 1], line) => {
                last.truncate(last.trim_end().len());
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => out.push((*line).to_owned()),
        }
    }
    Some(out)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceback_comes_back_to_the_margin() {
        let parts =
            ["[E 10:00 App:1]", "    Traceback (most recent call last):", "      File \"a.py\"", "    ValueError: x"];
        let got = of(&parts, Kind::Python).expect("laid out");
        assert_eq!(got[1..], ["Traceback (most recent call last):", "  File \"a.py\"", "ValueError: x"]);
        assert_eq!(of(&["Traceback (most recent call last):", "  File \"a.py\"", "ValueError: x"], Kind::Python), None);
    }

    #[test]
    fn wrapped_words_are_one_line() {
        let parts = [
            "Last session crashed",
            "    Error: the worker cannot start since a key is missing in it. Please",
            "    set the `APP_KEY` env var when starting the worker.",
        ];
        let got = of(&parts, Kind::Plain).expect("laid out");
        assert_eq!(got.len(), 2);
        assert!(got[1].ends_with("Please set the `APP_KEY` env var when starting the worker."), "{got:?}");
        for short in
            [["  - name: web", "  - name: db"], ["key: value of a setting that is long enough to be wrapped", "next"]]
        {
            assert_eq!(of(&short, Kind::Plain), None);
        }
    }
}
