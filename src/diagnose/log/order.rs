//! In which order the parts of a record are asked for the reason.

use super::records::{self, Kind};

/// Most parts of one record that are read.
const MAX_PARTS: usize = 60;

pub(super) fn reading_order(parts: &[&str], kind: Kind) -> Vec<usize> {
    let readable =
        |i: &usize| !parts[*i].trim().is_empty() && !records::is_frame(parts[*i]) && !records::is_usage(parts[*i]);
    match kind {
        Kind::Python => {
            // exception lines stand at the margin; the last one was raised. Behind it: its further lines
            let margin = |i: &usize| !parts[*i].starts_with([' ', '\t']);
            let first = parts.iter().rposition(|p| p.starts_with("Traceback (most recent")).unwrap_or(0);
            let raised = (first + 1..parts.len()).find(|i| margin(i) && readable(i)).unwrap_or(first);
            let mut order: Vec<usize> = (raised..parts.len()).filter(readable).take(MAX_PARTS / 2).collect();
            order.extend((0..raised).rev().filter(margin).filter(readable).take(MAX_PARTS / 2));
            order
        }
        Kind::Chain => {
            let listed = listed_causes(parts);
            let mut order: Vec<usize> = (0..parts.len())
                .rev()
                .filter(|i| is_cause(parts[*i]) || listed.contains(i))
                .take(MAX_PARTS / 2)
                .collect();
            order.extend((0..parts.len()).filter(readable).take(MAX_PARTS / 2));
            order
        }
        Kind::Go | Kind::Plain => (0..parts.len()).filter(readable).take(MAX_PARTS).collect(),
    }
}

/// Causes as Rust's anyhow lists them: a line `Caused by:`, then one cause, or several with numbers, the deepest last.
pub(super) fn listed_causes(parts: &[&str]) -> Vec<usize> {
    let Some(head) = parts.iter().position(|p| p.trim() == "Caused by:") else { return Vec::new() };
    let end = (head + 1..parts.len())
        .find(|i| parts[*i].starts_with("Stack backtrace") || parts[*i].starts_with("Location:"))
        .unwrap_or(parts.len());
    let numbered = |i: &usize| {
        parts[*i].trim_start().split_once(": ").is_some_and(|(n, _)| n.len() < 3 && n.parse::<u8>().is_ok())
    };
    let all: Vec<usize> = (head + 1..end).filter(numbered).take(MAX_PARTS / 2).collect();
    if all.is_empty() && head + 1 < end { vec![head + 1] } else { all }
}

pub(super) fn is_cause(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Caused by") || line.starts_with("caused by: ") || line.starts_with("---> ")
}
