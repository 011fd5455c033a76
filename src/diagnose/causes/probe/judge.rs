//! Decides between the readings of a probe kill.

use super::failure::Failure;
use super::throttle::throttled;
use super::{Killed, advice, misconfigured};
use crate::diagnose::facts::ProbeAction;
use crate::diagnose::stop::ProbeKind;
use crate::diagnose::{Basis, Confidence, Evidence, Finding, Reason, Source, words};

/// The reading that fits best.
pub fn judge(kill: &Killed) -> Finding {
    let up = kill.was_up();
    if let Some(fault) = misconfigured::find(kill) {
        return misconfigured(kill, &fault);
    }
    // up, and the file that its startup probe waits for is not there: no patience brings it
    if kill.kill.kind == ProbeKind::Startup && kill.failure == Failure::FileAbsent && up == Some(true) {
        return never_passes(kill);
    }
    if kill.kill.kind == ProbeKind::Startup {
        return startup_failed(kill);
    }
    if kill.failure == Failure::Starting && kill.never_passed() {
        return in_start(kill);
    }
    if kill.never_passed() && up != Some(true) && !always_ready(kill) {
        // A file that is not there at the n-th start either, of a program that tells of no start, is not on its way.
        if kill.failure == Failure::FileAbsent && !kill.progressing() && kill.case.container.status.restarts >= 2 {
            return never_passes(kill);
        }
        // Whoever answers too late has opened the port already: without a start under way it is the answer that is slow.
        return if kill.failure == Failure::Timeout && !kill.progressing() { running(kill) } else { in_start(kill) };
    }
    running(kill)
}

/// The log says that it is up, without a time, and the probe's answers are those of a running program.
fn always_ready(kill: &Killed) -> bool {
    kill.was_up().is_none()
        && kill.course.ready.is_some()
        && !matches!(kill.failure, Failure::Refused | Failure::Unknown)
}

fn misconfigured(kill: &Killed, fault: &misconfigured::Fault) -> Finding {
    let text = format!("Killed by its {}{}, which cannot work: {}.", kill.name(), kill.when(), fault.what);
    // The words of the answer settle it; an address that nobody answers at may also be a slow start.
    let settled = fault.line.is_some() || !matches!(kill.failure, Failure::Refused | Failure::Unknown);
    let basis = if settled { Basis::Explained } else { Basis::Inferred };
    let mut finding = Finding::new(Reason::ProbeMisconfigured, Confidence::Likely, basis.min(kill.basis(true)), text);
    finding = kill.evidence(finding);
    if let Some(line) = &fault.line {
        finding.evidence.insert(0, Evidence::new(Source::Log, line.clone()));
    }
    finding.advise(fault.fix.clone())
}

fn startup_failed(kill: &Killed) -> Finding {
    let p = &kill.probe;
    let text = format!(
        "Killed by its {}{}: not up within the {} that it allows ({} failures, {} s apart; {}).{}",
        kill.name(),
        kill.when(),
        words::seconds(p.initial_delay + p.period * p.failure_threshold),
        p.failure_threshold,
        p.period,
        kill.failure.words(),
        still(kill)
    );
    let finding = Finding::new(Reason::StartupProbeFailed, Confidence::Likely, kill.basis(false), text);
    advice::startup_threshold(kill, last_line(kill, kill.evidence(finding)))
}

/// ` Its log was still telling of the start: "…".`
pub(super) fn still(kill: &Killed) -> String {
    match &kill.course.last {
        Some(m) if kill.starting() => format!(" It was still starting; its last line is: {}", words::cut(&m.line, 160)),
        _ => String::new(),
    }
}

pub(super) fn last_line(kill: &Killed, mut finding: Finding) -> Finding {
    if let Some(m) = &kill.course.last {
        if finding.evidence.iter().any(|e| e.detail.split_whitespace().eq(m.line.split_whitespace())) {
            return finding;
        }
        finding.evidence.push(Evidence::new(Source::Log, m.line.clone()));
    } else if kill.course.read {
        finding.evidence.push(Evidence::new(Source::Log, "it printed nothing before it was killed"));
    }
    finding
}

/// Never seen healthy: the probe began before the program was up.
fn in_start(kill: &Killed) -> Finding {
    if let Some(finding) = throttled(kill, true) {
        return finding;
    }
    if let Some(finding) = strict_in_start(kill) {
        return finding;
    }
    if kill.probe.failure_threshold <= 1 && soon_up(kill) {
        return too_hasty(kill, false);
    }
    let p = &kill.probe;
    let late = kill.course.ready.as_ref().and_then(|m| m.at).filter(|_| kill.was_up() == Some(false));
    let up = match late {
        Some(at) => format!("it was up only after {}", words::seconds(at)),
        None => "it was not up yet".to_owned(),
    };
    let text = format!(
        "Killed by its {}{}, while it was starting: {up}, and the probe allows {} ({}; {}).{}",
        kill.name(),
        kill.when(),
        words::seconds(p.earliest_kill()),
        kill.numbers(),
        kill.failure.words(),
        still(kill)
    );
    let sure = if kill.failure == Failure::Unknown { Confidence::Possible } else { Confidence::Likely };
    let mut finding = last_line(kill, kill.evidence(Finding::new(Reason::SlowStart, sure, kill.basis(false), text)));
    if let Some(mark) = kill.course.ready.as_ref().filter(|_| late.is_some()) {
        finding.evidence.push(Evidence::new(Source::Log, mark.line.clone()));
    }
    finding.against.push("nothing shows that it would have come up with more time".into());
    advice::startup_probe(kill, finding)
}

/// It was up, or is seen to be up in the run after, within what three failures would have allowed.
fn soon_up(kill: &Killed) -> bool {
    let up = kill.course.ready.as_ref().and_then(|m| m.at).or_else(|| kill.observed_start());
    up.is_some_and(|at| at <= kill.probe.initial_delay + 2 * kill.probe.period)
}

/// An answer of 5xx while starting is a strict endpoint, where nothing shows a start under way or a dependency is blamed.
fn strict_in_start(kill: &Killed) -> Option<Finding> {
    let refusal = matches!(kill.failure, Failure::Status(429 | 500..=599) | Failure::NotServing);
    (refusal && (kill.dependency().is_some() || !kill.starting())).then(|| strict(kill))
}

fn strict(kill: &Killed) -> Finding {
    let because = match kill.dependency() {
        Some(_) => ": its health answer depends on another service, which a restart of this one does not mend",
        None if by_agent(kill) => ": in a mesh the sidecar gives that answer for the program",
        None => "; the program runs and answers, so a restart may mend nothing",
    };
    let text = format!(
        "Killed by its {}{}, because that endpoint answered {}{because}.",
        kill.name(),
        kill.when(),
        kill.failure.words()
    );
    let basis = if kill.is_locked_out() { Basis::Symptom } else { kill.basis(true) };
    let mut finding = kill.evidence(Finding::new(Reason::ProbeTooStrict, Confidence::Likely, basis, text));
    finding.evidence.extend(kill.dependency().map(|d| Evidence::new(Source::Log, d)));
    let finding = if kill.never_passed() && kill.dependency().is_none() && kill.course.ready.is_none() {
        advice::startup_probe(kill, finding)
            .but("it may answer so only until its start is complete: then it needs more time")
    } else {
        finding
    };
    let finding = by_mesh(kill, finding)
        .advise("Let the liveness probe ask an endpoint that only tells whether the process itself works (as /livez, /health/liveness), and leave checks of databases and other services to the readiness probe.")
        .but("if the program really is broken when it answers so, the probe is right");
    last_line(kill, finding)
}

/// In a mesh the probe may be rewritten: the sidecar's agent is asked (`/app-health/CONTAINER/livez`), which asks the program in turn.
fn by_agent(kill: &Killed) -> bool {
    kill.failure == Failure::Status(500)
        && matches!(&kill.probe.action, ProbeAction::Http { path, .. } if path.starts_with("/app-health/"))
}

fn by_mesh(kill: &Killed, finding: Finding) -> Finding {
    if !by_agent(kill) {
        return finding;
    }
    finding
        .advise("Read the log of the mesh's sidecar: its agent answers this probe for the program, and says 500 as well where it cannot reach it (asked at localhost while the program listens on the pod's address only, or not up yet).")
        .but("the answer may be the sidecar's own, of a program that it cannot reach")
}

/// It was up, and then failed its probe.
fn running(kill: &Killed) -> Finding {
    if hasty(kill) && !kill.never_passed() {
        return too_hasty(kill, true);
    }
    match kill.failure {
        Failure::Status(_) | Failure::NotServing => strict(kill),
        Failure::Timeout => {
            throttled(kill, false).unwrap_or_else(|| if slow(kill) { too_slow(kill) } else { hangs(kill) })
        }
        Failure::Other | Failure::Silent | Failure::FileAbsent if kill.never_passed() => never_passes(kill),
        _ => hangs(kill),
    }
}

/// So few or so quick failures kill that a hiccup is enough.
fn hasty(kill: &Killed) -> bool {
    let p = &kill.probe;
    p.failure_threshold <= 1 || kill.patience() <= 6 || (p.failure_threshold == 2 && kill.patience() <= 20)
}

fn too_hasty(kill: &Killed, up: bool) -> Finding {
    let p = &kill.probe;
    let few = match p.failure_threshold {
        ..=1 => "a single failed check".to_owned(),
        n => format!("{n} failed checks within {}", words::seconds(kill.patience())),
    };
    let text = format!("Killed by its {}{} after {few} ({}).", kill.name(), kill.when(), kill.failure.words());
    let finding = Finding::new(Reason::ThresholdTooLow, Confidence::Likely, kill.basis(up), text);
    advice::threshold(kill, last_line(kill, kill.evidence(finding)))
}

/// An exec probe that has never passed although the program is up.
fn never_passes(kill: &Killed) -> Finding {
    let file = kill.failure == Failure::FileAbsent;
    let sure = if file { Confidence::Likely } else { Confidence::Possible };
    let text = format!(
        "Killed by its {}{}: {}the probe's command has never passed ({}).",
        kill.name(),
        kill.when(),
        if kill.was_up() == Some(true) { "the program is up, but " } else { "" },
        if kill.kill.text().is_empty() {
            "it fails without a word".to_owned()
        } else {
            words::cut(kill.kill.text(), 160)
        }
    );
    let finding = Finding::new(Reason::ProbeMisconfigured, sure, kill.basis(true).min(Basis::Inferred), text);
    let advice = if file {
        "Compare the file that the probe looks for with the one that this version of the program writes (its documentation, its log, kubectl exec … ls), and with where a volume is mounted."
    } else {
        "Run the probe's command by hand in the container (kubectl exec) and see what it wants."
    };
    kill.evidence(finding).advise(advice).but("the program may be up in part only")
}

/// A short timeout, a probe that never passed in time, or a log that shows answers that came late.
fn slow(kill: &Killed) -> bool {
    let went_silent = kill
        .course
        .last
        .as_ref()
        .and_then(|m| m.at)
        .zip(kill.streak_start())
        .is_some_and(|(last, start)| last + kill.probe.period <= start && kill.course.lines >= 10);
    kill.never_passed() || (kill.probe.timeout <= 2 && !went_silent && !all_at_once(kill))
}

/// No failure came alone: each was one of the row that killed. Answers that are slow under load fail now and then before that;
/// a program that hangs answers in time until it does not answer at all.
fn all_at_once(kill: &Killed) -> bool {
    let last = kill.course.last.as_ref().and_then(|m| m.at);
    if last.zip(kill.streak_start()).is_some_and(|(last, start)| last + kill.probe.period > start) {
        return false; // its log goes on meanwhile
    }
    let counts = kill.kill.failure.zip(kill.kill.killing).map(|(f, k)| (i64::from(f.count), i64::from(k.count)));
    counts.is_some_and(|(failed, kills)| {
        kill.probe.failure_threshold >= 2 && failed <= kills * kill.probe.failure_threshold
    })
}

fn too_slow(kill: &Killed) -> Finding {
    let p = &kill.probe;
    let text = format!(
        "Killed by its {}{}: the answer takes longer than timeoutSeconds {} ({} times in a row); the program itself runs.",
        kill.name(),
        kill.when(),
        p.timeout,
        p.failure_threshold
    );
    let finding = Finding::new(Reason::ProbeTimeout, Confidence::Likely, kill.basis(true), text);
    let finding = last_line(kill, kill.evidence(finding)).but("a program that hangs looks the same from outside");
    advice::timeout(kill, finding)
}

fn hangs(kill: &Killed) -> Finding {
    let p = &kill.probe;
    let how = match kill.failure {
        Failure::Timeout => format!("it did not answer within {} s, {} times in a row", p.timeout, p.failure_threshold),
        failure => format!("{}, {} times in a row", failure.words(), p.failure_threshold),
    };
    let (name, when) = (kill.name(), kill.when());
    let text = if kill.failure == Failure::Refused && kill.starting() {
        format!("Its {name} had it killed{when}: {how}; nothing in its log shows that it ever listened.")
    } else {
        format!("It ran and then stopped answering, so its {name} was right to have it killed{when}: {how}.")
    };
    let finding = Finding::new(Reason::AppUnresponsive, Confidence::Likely, kill.basis(true), text);
    let finding = last_line(kill, kill.evidence(finding))
        .advise("Find what blocks it: take a thread or goroutine dump before the restart (kill -3, /debug/pprof, py-spy, rbspy), and look at long requests, locks, a blocked event loop or a full worker pool around that time.");
    if kill.failure == Failure::Timeout {
        advice::timeout(kill, finding).but("it may only be slow under load")
    } else {
        finding
    }
}
