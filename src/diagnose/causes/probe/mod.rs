//! Probes: which one got the container killed, and why it failed.
//!
//! A kill by a probe is a symptom until the arithmetic (when did the failures begin, was the program up by then?), the failure's
//! own words and the log's course settle the reason. Readiness failures never kill.

mod advice;
pub mod beside;
mod course;
mod failure;
mod judge;
#[cfg(test)]
mod log_tests;
mod misconfigured;
#[cfg(test)]
mod tests;
mod throttle;

use crate::diagnose::facts::{Log, LogSlot, Probe, ProbeAction, Terminated};
use crate::diagnose::log::{self, Concept, Weight};
use crate::diagnose::stop::{self, ProbeKill};
use crate::diagnose::{Basis, Case, Evidence, Finding, Source, Target, words};

use course::Course;
use failure::Failure;

/// Everything that the rules of this family look at.
struct Killed<'a> {
    case: &'a Case<'a>,
    kill: ProbeKill<'a>,
    probe: Probe,
    failure: Failure,
    course: Course,
}

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(kill) = stop::probe_kill(case) else { return Vec::new() };
    let probe = kill.probe.cloned().unwrap_or_else(defaults);
    let failure = failure::classify(kill.text(), kill.failure.is_some());
    let crash = case.crash();
    let course = case.crash_log().map_or_else(Course::default, |log: &Log| {
        course::read(
            log,
            crash.and_then(|c| c.started),
            crash.and_then(Terminated::ran_for),
            kill.killing.and(kill.after),
        )
    });
    let killed = Killed { case, kill, probe, failure, course };
    vec![judge::judge(&killed)]
}

/// A probe that the spec no longer has, with Kubernetes' defaults.
fn defaults() -> Probe {
    Probe { period: 10, timeout: 1, failure_threshold: 3, success_threshold: 1, ..Probe::default() }
}

impl Killed<'_> {
    /// Seconds after the start when the last, fatal streak of failures began.
    fn streak_start(&self) -> Option<i64> {
        let patience = self.probe.period * (self.probe.failure_threshold - 1).max(0);
        let slow = if self.failure == Failure::Timeout { self.probe.timeout } else { 0 };
        self.kill.after.map(|a| (a - patience - slow).max(0))
    }

    /// Whether the very first checks already failed, so that it was never seen healthy. Not so where a startup probe had to pass before.
    fn never_passed(&self) -> bool {
        let guarded = self.kill.kind == stop::ProbeKind::Liveness && self.case.container.startup.is_some();
        let window = self.probe.latest_kill() + self.probe.period + 5 + self.shutdown();
        !guarded && self.kill.after.is_some_and(|a| a <= window)
    }

    /// Seconds that a shutdown may have taken, where nothing tells when it began and nothing shows that it ever listened.
    fn shutdown(&self) -> i64 {
        let listened = !self.starting() || !self.course.listens.is_empty();
        let killed = self.case.crash().is_some_and(|c| c.exit_code == 137);
        if self.kill.timed || killed || listened || self.failure != Failure::Refused {
            return 0;
        }
        self.probe.grace.unwrap_or(self.case.pod.grace_seconds)
    }

    /// Whether the log shows that it was up before the fatal streak began; `None` where it does not tell.
    fn was_up(&self) -> Option<bool> {
        let marks = [self.course.served.as_ref(), self.course.ready.as_ref()];
        let mut seen = marks.into_iter().flatten().peekable();
        seen.peek()?;
        let start = self.streak_start()?;
        let times: Vec<i64> = seen.filter_map(|m| m.at).collect();
        if times.is_empty() { None } else { Some(times.iter().any(|t| *t <= start)) }
    }

    /// Whether the log shows work of a start that had not come to its end.
    fn starting(&self) -> bool {
        self.course.lines > 0 && self.course.served.is_none() && self.course.ready.is_none()
    }

    /// Whether that start went on up to the kill: its last line is no older than a period.
    fn progressing(&self) -> bool {
        let last = self.course.last.as_ref().and_then(|m| m.at);
        let recent = last.zip(self.kill.after).is_none_or(|(last, kill)| last + self.probe.period + 5 >= kill);
        self.starting() && self.course.lines >= 3 && recent
    }

    /// Seconds of failures in a row that kill.
    fn patience(&self) -> i64 {
        self.probe.period * self.probe.failure_threshold.max(1)
    }

    /// Whether the log holds an explanation that beats the probe's symptom: something that keeps the program from coming up, or
    /// that makes a running one stop answering.
    fn log_explains(&self, up: bool) -> bool {
        use Concept::{
            AddressInUse, AuthRefused, BadConfig, BadData, CannotConnect, CertificateInvalid, DiskFull, EnvMissing,
            FileMissing, FilePermission, HeapExhausted, LibraryMissing, ModuleMissing, NameNotResolved, OutOfMemory,
            ProcessLimit, ReadOnlyFs,
        };
        const HANGS: &[Concept] = &[HeapExhausted, OutOfMemory, DiskFull, ProcessLimit];
        const BLOCKS: &[Concept] = &[
            CannotConnect,
            NameNotResolved,
            AuthRefused,
            CertificateInvalid,
            FileMissing,
            FilePermission,
            ReadOnlyFs,
            AddressInUse,
            EnvMissing,
            BadConfig,
            ModuleMissing,
            LibraryMissing,
            BadData,
        ];
        if crate::diagnose::causes::memory::oom::child_of_probed(self.case).is_some() {
            return true;
        }
        // What is said after the kill's SIGTERM is its consequence.
        let before = |line: usize| self.course.stop.is_none_or(|stop| line < stop);
        self.case.log().failures.iter().filter(|f| before(f.line)).any(|f| {
            let fatal = f.weight == Weight::Terminal;
            (f.weight > Weight::Hint && HANGS.contains(&f.concept))
                || (!up && f.weight > Weight::Hint && BLOCKS.contains(&f.concept))
                || (!up && fatal && f.concept == Concept::Exception)
        })
    }

    /// Whether a start never came to its end because a peer refused it, or could not be trusted: unlike a peer that is down for a
    /// while, that stays so under any probe.
    fn is_locked_out(&self) -> bool {
        const LOCKED: &[Concept] = &[Concept::AuthRefused, Concept::CertificateInvalid];
        let before = |line: usize| self.course.stop.is_none_or(|stop| line < stop);
        self.never_passed()
            && self.course.ready.is_none()
            && self.course.served.is_none()
            && self
                .case
                .log()
                .terminal()
                .is_some_and(|f| f.weight > Weight::Hint && LOCKED.contains(&f.concept) && before(f.line))
    }

    /// Whether the log blames another service.
    fn dependency(&self) -> Option<&str> {
        const NETWORK: &[Concept] =
            &[Concept::CannotConnect, Concept::NameNotResolved, Concept::AuthRefused, Concept::CertificateInvalid];
        let other = |f: &&log::Failure| NETWORK.contains(&f.concept) && !self.is_itself(f);
        self.case.log().failures.iter().find(other).map(|f| f.quote.as_str())
    }

    /// Its own health check, or a port of its own: at the loopback, so that no other service is meant.
    fn is_itself(&self, failure: &log::Failure) -> bool {
        let local = |t: &&Target| t.host == "localhost" || t.host == "::1" || t.host.starts_with("127.");
        let Some(peer) = failure.target.as_ref().filter(local) else { return false };
        let quote = failure.quote.to_ascii_lowercase();
        let checks =
            ["/health", "/livez", "/readyz", "/ready", "/live", "healthcheck"].iter().any(|w| quote.contains(w));
        checks || self.case.container.ports.iter().any(|p| Some(p.number) == peer.port)
    }

    /// The seconds from start to "up" of the run that is going on now, where its log tells.
    fn observed_start(&self) -> Option<i64> {
        let log = self.case.cluster.log(self.case.pod, &self.case.container.name, LogSlot::Current)?;
        let crate::diagnose::facts::State::Running { since } = &self.case.container.status.state else { return None };
        let ran = since.and_then(|s| crate::diagnose::facts::seconds_between(s, self.case.now));
        course::read(log, *since, ran, None).ready.and_then(|m| m.at)
    }

    /// `liveness probe GET :8080/healthz`.
    fn name(&self) -> String {
        let at = match &self.probe.action {
            ProbeAction::Http { path, port, scheme, .. } if scheme == "HTTPS" => format!(" (HTTPS GET :{port}{path})"),
            ProbeAction::Http { path, port, .. } => format!(" (GET :{port}{path})"),
            ProbeAction::Tcp { port } => format!(" (TCP :{port})"),
            ProbeAction::Grpc { port, .. } => format!(" (gRPC :{port})"),
            ProbeAction::Exec(command) => format!(" ({})", words::cut(&command.join(" "), 80)),
            ProbeAction::Unknown => String::new(),
        };
        format!("{} probe{at}", self.kill.kind.word())
    }

    /// `, 50 s after its start`.
    fn when(&self) -> String {
        self.kill.after.map_or_else(String::new, |s| format!(" {} after its start", words::seconds(s)))
    }

    /// The probe's numbers, in the spec's words.
    fn numbers(&self) -> String {
        let p = &self.probe;
        format!(
            "initialDelaySeconds {}, periodSeconds {}, timeoutSeconds {}, failureThreshold {}",
            p.initial_delay, p.period, p.timeout, p.failure_threshold
        )
    }

    /// Adds what every finding of the family rests on.
    fn evidence(&self, mut finding: Finding) -> Finding {
        for event in [self.kill.failure, self.kill.killing].into_iter().flatten() {
            let times = if event.count > 1 { format!(" (x{})", event.count) } else { String::new() };
            let text = format!("{}: {}{times}", event.reason, event.message.trim());
            finding.evidence.push(Evidence::new(Source::Event, text).at(event.last));
        }
        let spec = format!("{}Probe: {}", self.kill.kind.word(), self.numbers());
        finding.evidence.push(Evidence::new(Source::PodSpec, spec));
        if let Some(crash) = self.case.crash() {
            let ran = crash.ran_for().map_or_else(String::new, |s| format!(", after {}", words::seconds(s)));
            let text = format!("terminated: reason {}, exitCode {}{ran}", crash.reason, crash.exit_code);
            finding.evidence.push(Evidence::new(Source::ContainerStatus, text).at(crash.finished));
        }
        if self.kill.killing.is_none() {
            finding.against.push("no Killing event is on record".into());
        }
        finding
    }

    /// What a finding rests on: less where the log explains the probe's failures.
    fn basis(&self, up: bool) -> Basis {
        // A server that answers that it is starting leaves nothing to explain.
        if self.failure != Failure::Starting && self.log_explains(up) { Basis::Symptom } else { Basis::Explained }
    }
}
