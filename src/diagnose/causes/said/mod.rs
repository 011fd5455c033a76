//! What the program itself said: causes read from its log. [`assign`] decides which reason a failure is; each file here tells one
//! reason (or a pair) in words, with what speaks for and against it and what to do.

pub mod architecture;
pub mod arguments;
mod assign;
pub mod certificate;
pub mod config_file;
pub mod configuration;
pub mod corrupt;
pub mod credentials;
pub mod dependency;
pub mod disk;
pub mod entrypoint;
pub mod environment;
pub mod exception;
mod frame;
pub mod library;
pub mod limits;
pub mod memory;
pub mod module;
pub mod mount_conflict;
pub mod node_feature;
pub mod permission;
pub(in crate::diagnose::causes) mod place;
pub mod port;
pub mod read_only;
pub mod signal;
pub mod volume_permission;

use crate::diagnose::log::{Failure, Weight};
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Remedy, RootCause, Source, stop, words};

/// Words for one finding.
struct Told {
    /// What happened, as the rest of a sentence that begins with how it ended.
    sentence: String,
    /// More evidence, from spec and cluster.
    evidence: Vec<Evidence>,
    /// What to do.
    advice: Vec<Remedy>,
    /// What speaks against it.
    but: Vec<String>,
    /// The object to blame.
    root: Option<RootCause>,
    /// Kernel, loader or runtime said it in so many words.
    certain: bool,
}

impl Told {
    fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            evidence: Vec::new(),
            advice: Vec::new(),
            but: Vec::new(),
            root: None,
            certain: false,
        }
    }

    fn evidence(mut self, source: Source, detail: impl Into<String>) -> Self {
        self.evidence.push(Evidence::new(source, detail));
        self
    }

    fn advise(mut self, text: impl Into<String>) -> Self {
        self.advice.push(Remedy::text(text));
        self
    }

    fn advise_command(mut self, text: impl Into<String>, command: Option<String>) -> Self {
        self.advice.push(Remedy { text: text.into(), command });
        self
    }

    fn but(mut self, text: impl Into<String>) -> Self {
        self.but.push(text.into());
        self
    }

    fn certain(mut self) -> Self {
        self.certain = true;
        self
    }
}

/// The findings of one reason: of the most causal failure that is assigned to it.
fn tell(case: &Case, reason: Reason, words: fn(&Case, &Failure) -> Told) -> Vec<Finding> {
    if case.crash().is_none() {
        return Vec::new();
    }
    let failures = &case.log().failures;
    let Some(rank) = failures.iter().position(|f| assign::reason(case, f) == Some(reason)) else { return Vec::new() };
    let failure = &failures[rank];
    if failure.weight == Weight::Hint && rank > 0 {
        return Vec::new();
    }
    vec![finding(case, reason, failure, rank == 0, words(case, failure))]
}

fn finding(case: &Case, reason: Reason, failure: &Failure, first: bool, told: Told) -> Finding {
    let basis = basis(case, reason, failure, first);
    let confidence = match basis {
        Basis::Explained | Basis::Stated if told.certain => Confidence::Certain,
        Basis::Explained | Basis::Stated => Confidence::Likely,
        _ if (first || is_hard(reason)) && failure.weight > Weight::Hint && basis == Basis::Inferred => {
            Confidence::Likely
        }
        _ => Confidence::Possible,
    };
    let mut found =
        Finding::new(reason, confidence, basis, format!("{}: {}.", ended(case), told.sentence.trim_end_matches('.')))
            .evidence(Evidence::new(Source::Log, failure.quote.clone()));
    found.evidence.extend(status(case));
    found.evidence.extend(told.evidence);
    found.remediation = told.advice;
    found.against = told.but;
    if failure.weight < Weight::Terminal {
        found = found.but("the log does not say that this ended it");
    }
    found.root_cause = told.root;
    found
}

/// How much a failure in the log counts: the program's last and fatal word explains the end, unless somebody else ended it.
fn basis(case: &Case, reason: Reason, failure: &Failure, first: bool) -> Basis {
    let Some(crash) = case.crash() else { return Basis::Generic };
    let outside = crash.reason == "OOMKilled" || stop::stop(case).is_some();
    if outside || failure.weight == Weight::Hint {
        return Basis::Symptom;
    }
    let peer =
        matches!(reason, Reason::DependencyUnavailable | Reason::DependencyAuthFailed | Reason::CertificateInvalid);
    if stop::probe_kill(case).is_some() {
        // a start that hangs on a peer, or a program that the system refuses threads or space, explains why the probe failed;
        // other errors of a program that ran on do not
        return if (first && peer) || is_hard(reason) { Basis::Inferred } else { Basis::Symptom };
    }
    let killed = matches!(crash.exit_code, 137 | 143);
    match failure.weight {
        Weight::Terminal if first && !killed => Basis::Explained,
        Weight::Terminal | Weight::Error if first || failure.weight == Weight::Terminal => Basis::Inferred,
        _ => Basis::Symptom,
    }
}

/// The system refused what no program can do without: whoever is killed by a probe meanwhile was killed for that.
fn is_hard(reason: Reason) -> bool {
    matches!(reason, Reason::ProcessLimitExceeded | Reason::DiskFull)
}

/// `Exits 1 after 2 s`.
fn ended(case: &Case) -> String {
    let Some(crash) = case.crash() else { return "Fails".to_owned() };
    let after = crash.ran_for().map_or_else(String::new, |s| format!(" after {}", words::seconds(s)));
    format!("Exits {}{after}", crash.exit_code)
}

fn status(case: &Case) -> Option<Evidence> {
    let crash = case.crash()?;
    let ran = crash.ran_for().map_or_else(String::new, |s| format!(", after {}", words::seconds(s)));
    let reason = if crash.reason.is_empty() { "(none)" } else { crash.reason.as_str() };
    let text = format!("terminated: reason {reason}, exitCode {}{ran}", crash.exit_code);
    Some(Evidence::new(Source::ContainerStatus, text).at(crash.finished))
}

/// The subject of a failure, quoted, or a word for it.
fn named(failure: &Failure, otherwise: &str) -> String {
    failure.subject.as_deref().map_or_else(|| otherwise.to_owned(), |s| words::cut(s, 120))
}

/// The quote as it goes into a sentence.
fn said(failure: &Failure) -> String {
    failure.brief.trim_end_matches(['.', ',', ':']).to_owned()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;
