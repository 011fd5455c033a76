//! The lines that matter: the terminal failure with what led to it, at most 20 lines / 2 KiB.

use super::{Failure, records, text};

/// Most lines of an excerpt.
const MAX_LINES: usize = 20;
/// Most bytes of an excerpt.
const MAX_BYTES: usize = 2048;
/// Most bytes of one line of it.
const MAX_LINE: usize = 400;
/// Frames of a stack that are kept.
const MAX_FRAMES: usize = 3;

/// Chooses lines around the most causal failure; the end of the log where there is none.
pub(crate) fn excerpt(lines: &[&str], failures: &[Failure], first_line: usize) -> Vec<String> {
    let center = failures.first().and_then(|f| f.line.checked_sub(first_line)).filter(|n| *n < lines.len());
    let mut chosen: Vec<usize> = Vec::new();
    let mut budget = Budget { lines: MAX_LINES, bytes: MAX_BYTES };
    if let Some(center) = center {
        // the failure itself, what follows it, then what led to it
        budget.take(&mut chosen, lines, std::iter::once(center));
        budget.take(&mut chosen, lines, after(lines, center));
        budget.take(&mut chosen, lines, before(lines, center, 6));
    }
    let tail = if center.is_some() { 4 } else { 10 };
    budget.take(&mut chosen, lines, (0..lines.len()).rev().filter(|i| !lines[*i].trim().is_empty()).take(tail));
    chosen.sort_unstable();
    chosen.dedup();
    chosen.into_iter().map(|i| cut(lines[i])).collect()
}

struct Budget {
    lines: usize,
    bytes: usize,
}

impl Budget {
    fn take(&mut self, chosen: &mut Vec<usize>, lines: &[&str], wanted: impl Iterator<Item = usize>) {
        for i in wanted {
            let size = lines[i].len().min(MAX_LINE) + 1;
            if self.lines == 0 || size > self.bytes {
                return;
            }
            if !chosen.contains(&i) {
                chosen.push(i);
                self.lines -= 1;
                self.bytes -= size;
            }
        }
    }
}

fn after<'a>(lines: &'a [&str], center: usize) -> impl Iterator<Item = usize> + 'a {
    let mut frames = 0;
    (center + 1..lines.len().min(center + 60))
        .filter(move |i| {
            let line = lines[*i];
            if line.trim().is_empty() || records::is_usage(line) {
                return false;
            }
            if records::is_frame(line) {
                frames += 1;
                return frames <= MAX_FRAMES;
            }
            true
        })
        .take(8)
}

fn before<'a>(lines: &'a [&str], center: usize, max: usize) -> impl Iterator<Item = usize> + 'a {
    (center.saturating_sub(60)..center)
        .rev()
        .filter(|i| !lines[*i].trim().is_empty() && !records::is_frame(lines[*i]) && !records::is_usage(lines[*i]))
        .take(max)
}

fn cut(line: &str) -> String {
    let line = line.trim_end();
    if line.len() <= MAX_LINE { line.to_owned() } else { format!("{}…", text::head(line, MAX_LINE - 3)) }
}
