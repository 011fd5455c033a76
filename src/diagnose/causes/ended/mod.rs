//! How the process ended: by a signal, with a code, or with nothing left to do. What an exit code alone can tell.

pub mod completed;
pub mod deadline;
pub mod exit_code;
pub mod signal;
pub mod stopped;

use crate::diagnose::facts::{Terminated, seconds_between};
use crate::diagnose::log::Concept;
use crate::diagnose::{Case, Evidence, Source, words};

/// `terminated: reason Error, exitCode 139, after 1 s`.
fn status_evidence(crash: &Terminated) -> Evidence {
    let ran = crash.ran_for().map_or_else(String::new, |s| format!(", after {}", words::seconds(s)));
    let message =
        if crash.message.is_empty() { String::new() } else { format!(": {}", words::cut(&crash.message, 400)) };
    let reason = if crash.reason.is_empty() { "(none)" } else { crash.reason.as_str() };
    let text = format!("terminated: reason {reason}, exitCode {}{ran}{message}", crash.exit_code);
    Evidence::new(Source::ContainerStatus, text).at(crash.finished)
}

/// The signal that ended it: the runtime's word, else exit code 128 + n (the shell's convention, which runtimes follow).
fn signal(crash: &Terminated) -> Option<i32> {
    crash.signal.filter(|s| *s > 0).or_else(|| (129..=159).contains(&crash.exit_code).then(|| crash.exit_code - 128))
}

fn after(crash: &Terminated) -> String {
    match (crash.started, crash.finished) {
        (Some(s), Some(f)) => {
            seconds_between(s, f).map_or_else(String::new, |n| format!(" {} after its start", words::seconds(n)))
        }
        _ => String::new(),
    }
}

/// The last lines of the log that say something, oldest first, with what is to be said where there are none.
fn last_lines(case: &Case, most: usize) -> Result<Vec<String>, &'static str> {
    let Some(log) = case.crash_log() else { return Err("its log could not be read") };
    let mut lines: Vec<String> =
        log.text.lines().rev().filter(|l| !l.trim().is_empty()).take(most).map(|l| words::cut(l, 300)).collect();
    lines.reverse();
    if lines.is_empty() { Err("it printed nothing") } else { Ok(lines) }
}

/// Whether the log blames something for the end.
fn log_blames(case: &Case) -> bool {
    case.log().failures.iter().any(|f| f.weight > crate::diagnose::log::Weight::Hint && f.concept != Concept::Shutdown)
}
