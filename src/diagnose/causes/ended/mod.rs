//! How the process ended: by a signal, with a code, or with nothing left to do. What an exit code alone can tell.

pub mod completed;
pub mod deadline;
pub mod exit_code;
pub mod signal;
pub mod stopped;

use std::sync::LazyLock;

use regex::Regex;

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

static STOPPING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bsig(?:term|int)\b|signal:? ?(?:15|terminated)|received (?:term|signal)|terminat(?:ion|e) signal|shutting down|shutdown (?:has been )?(?:requested|signal|in progress|initiated)|graceful(?:ly)? (?:shut|stop)|stopping \.\.\.|os signal|\bTERM signal")
        .expect("a valid pattern")
});

/// Whether a line of a log says that the program was asked to stop.
pub fn asks_to_stop(line: &str) -> bool {
    STOPPING.is_match(line)
}

static SIGNALLED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        \b(?:received|receive|caught|got|handling|trapped|exiting\ on|(?:stopped|terminated|interrupted)\ by|due\ to)\b.{0,40}
            \b(?:sig(?:term|int|quit)|signal)\b
        | \b(?:sigterm|sigint|sigquit|signal)\b.{0,20}\b(?:received|caught|detected|arrived)\b
        | \bsignal:?\ ?(?:term\b|15\b|terminated|interrupt)
        | \breceived\ (?:a\ )?(?:terminated|terminate|termination|term)\ signal",
    )
    .expect("a valid pattern")
});

/// The line among the last ones of the crash's log that says that a signal reached it; words of a stop of its own do not count.
fn signalled(case: &Case) -> Option<String> {
    let ready = ["handler", "register", "install", "press ", "send ", "waiting for", "listening for"];
    let told = |l: &String| {
        let lower = l.to_lowercase();
        SIGNALLED.is_match(l) && !ready.iter().any(|w| lower.contains(w))
    };
    last_lines(case, 20).ok()?.into_iter().find(told)
}

/// The line among the last ones of the crash's log that says that it was asked to stop.
pub fn asked_to_stop(case: &Case) -> Option<String> {
    last_lines(case, 20).ok()?.into_iter().find(|l| asks_to_stop(l))
}

/// The last lines of the log that say something, oldest first, with what is to be said where there are none.
fn last_lines(case: &Case, most: usize) -> Result<Vec<String>, &'static str> {
    let Some(log) = case.crash_log() else { return Err(unread(case)) };
    let mut lines: Vec<String> =
        log.text.lines().rev().filter(|l| !l.trim().is_empty()).take(most).map(|l| words::cut(l, 300)).collect();
    lines.reverse();
    if lines.is_empty() { Err("it printed nothing") } else { Ok(lines) }
}

/// Why there is no log to quote.
fn unread(case: &Case) -> &'static str {
    if case.pod.wants_no_logs() { "its owner wants its log left unread" } else { "its log could not be read" }
}

/// Whether the log blames something for the end.
fn log_blames(case: &Case) -> bool {
    case.log().failures.iter().any(|f| f.weight > crate::diagnose::log::Weight::Hint && f.concept != Concept::Shutdown)
}
