//! The table for people: one row per crashing container, then each in full; 100 columns, colours on a terminal only.

use std::fmt::Write as _;
use std::io::IsTerminal;

use crate::diagnose::facts::Timestamp;
use crate::report::resource;

use super::answer::Answer;
use super::overview;

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

impl Style {
    /// As fits standard output: colours on a terminal unless `NO_COLOR` is set.
    pub fn of_stdout() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { colour, width: 100 }
    }
}

pub(super) const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[31m";
const DIM: &str = "\u{1b}[2m";
const CYAN: &str = "\u{1b}[36m";

/// The whole text.
pub fn render(answers: &[Answer], now: Timestamp, style: &Style) -> String {
    if answers.is_empty() {
        return "Nothing is crashing.\n".into();
    }
    let mut out = overview::overview(answers, now, style);
    for answer in answers {
        out.push('\n');
        detail(&mut out, answer, style);
    }
    out
}

fn detail(out: &mut String, a: &Answer, style: &Style) {
    let title = format!("{}/{} {}", a.namespace, resource::workload_words(&a.workload), a.container);
    let verdict = format!("{} / {} ({})", a.cause, a.reason, a.confidence);
    let _ = writeln!(out, "{}: {}", paint(&title, BOLD, style), paint(&verdict, RED, style));
    wrapped(out, "  ", &a.summary, style.width);
    if let Some(root) = &a.root_cause {
        let place = root.namespace.as_deref().map(|n| format!("{n}/")).unwrap_or_default();
        wrapped(out, "  Look at: ", &format!("{} {place}{}: {}", root.kind, root.name, root.summary), style.width);
    }
    if let Some(change) = &a.change {
        wrapped(out, "  Changed: ", change, style.width);
    }
    section(out, "Evidence", a.evidence.iter().map(evidence_line), style);
    if !a.log_excerpt.is_empty() {
        let _ = writeln!(out, "  {}", paint("Log", BOLD, style));
        for line in &a.log_excerpt {
            let _ = writeln!(out, "    {}", paint(&cut(line, style.width.saturating_sub(4)), DIM, style));
        }
    }
    if !a.remediation.is_empty() {
        let _ = writeln!(out, "  {}", paint("What to do", BOLD, style));
        for r in &a.remediation {
            wrapped(out, "  - ", &r.text, style.width);
            if let Some(command) = &r.command {
                for line in command.lines() {
                    let _ = writeln!(out, "      {}", paint(line, CYAN, style));
                }
            }
        }
    }
    section(
        out,
        "Less likely",
        a.alternatives.iter().map(|o| format!("{}: {} But: {}", o.reason, o.summary, o.against)),
        style,
    );
    section(out, "Not readable", a.unread.iter().map(|u| format!("{}, {}: {}", u.what, u.object, u.why)), style);
}

fn evidence_line(e: &crate::api::EvidenceItem) -> String {
    let object = e.object.as_deref().map(|o| format!(" {o}")).unwrap_or_default();
    let time = e.time.as_ref().map(|t| format!(" {}", t.0.strftime("%H:%M:%S"))).unwrap_or_default();
    format!("{}{object}{time}: {}", e.source, e.detail)
}

fn section(out: &mut String, name: &str, lines: impl Iterator<Item = String>, style: &Style) {
    for (i, line) in lines.enumerate() {
        if i == 0 {
            let _ = writeln!(out, "  {}", paint(name, BOLD, style));
        }
        wrapped(out, "  - ", &line, style.width);
    }
}

/// Wraps at blanks; what follows the first line is indented as far as its prefix reaches. A word longer than a line
/// (a path, a hash) stays whole: somebody will want to copy it.
fn wrapped(out: &mut String, prefix: &str, text: &str, width: usize) {
    let indent = " ".repeat(prefix.len());
    for (i, paragraph) in text.lines().enumerate() {
        let mut line = if i == 0 { prefix.to_owned() } else { indent.clone() };
        let mut used = line.len();
        let mut empty = true;
        for word in paragraph.split(' ') {
            let len = word.chars().count();
            if !empty && used + 1 + len > width {
                let _ = writeln!(out, "{}", line.trim_end());
                line.clone_from(&indent);
                used = indent.len();
                empty = true;
            }
            if !empty {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += len;
            empty = false;
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// The first part of a line that is too long.
fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width.saturating_sub(3)).chain("...".chars()).collect()
}

/// Text in a colour, where there are colours.
pub fn paint(text: &str, code: &str, style: &Style) -> String {
    if style.colour { format!("{code}{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
