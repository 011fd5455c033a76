//! What a rule returns, and what the engine answers.

use super::facts::{Gap, Timestamp, Workload};
use super::reason::{Cause, Reason};

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Fits, but other readings fit as well.
    Possible,
    /// What an experienced person would say first.
    Likely,
    /// The kubelet, the kernel or the runtime says so in so many words.
    Certain,
}

impl Confidence {
    /// Public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "Possible",
            Self::Likely => "Likely",
            Self::Certain => "Certain",
        }
    }
}

/// What a finding rests on. Ranking goes by this first (see `rank`): later variants win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Only an exit code or the fact of a restart.
    Generic,
    /// A symptom that something else may explain: a probe killed it, a signal ended it.
    Symptom,
    /// Worked out from several facts (probe arithmetic, exit code + spec), or an error in the log that may not be the fatal one.
    Inferred,
    /// The program itself said, last and fatally, why it ended; or the arithmetic admits one reading only.
    Explained,
    /// A signature of the user says what a line of the log means.
    Declared,
    /// Kubelet, kernel or runtime state the mechanism.
    Stated,
    /// A signature of the user says what the words of kubelet or runtime mean.
    Overruling,
}

/// Where a piece of evidence comes from. Public names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The container's status as the kubelet wrote it.
    ContainerStatus,
    /// An event.
    Event,
    /// The container's log.
    Log,
    /// The pod's spec.
    PodSpec,
    /// A node.
    Node,
    /// The workload or one of its revisions.
    Workload,
    /// Claim, volume, class, attachment.
    Volume,
    /// ConfigMap or Secret.
    Config,
    /// Service, endpoints, and the pods behind them.
    Service,
}

impl Source {
    /// Public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContainerStatus => "ContainerStatus",
            Self::Event => "Event",
            Self::Log => "Log",
            Self::PodSpec => "PodSpec",
            Self::Node => "Node",
            Self::Workload => "Workload",
            Self::Volume => "Volume",
            Self::Config => "Config",
            Self::Service => "Service",
        }
    }
}

/// One traceable piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Where from.
    pub source: Source,
    /// Which object, e.g. `pod shop/web-1`; empty where it is the container itself.
    pub object: String,
    /// When, where known.
    pub time: Option<Timestamp>,
    /// What it says, quoted where possible.
    pub detail: String,
}

impl Evidence {
    /// Evidence about the container itself.
    pub fn new(source: Source, detail: impl Into<String>) -> Self {
        Self { source, object: String::new(), time: None, detail: detail.into() }
    }

    /// Names the object.
    #[must_use]
    pub fn of(mut self, object: impl Into<String>) -> Self {
        self.object = object.into();
        self
    }

    /// Sets the time.
    #[must_use]
    pub fn at(mut self, time: Option<Timestamp>) -> Self {
        self.time = time;
        self
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// In words.
    pub text: String,
    /// A command or patch with concrete values, where it can be computed.
    pub command: Option<String>,
}

impl Remedy {
    /// Words only.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None }
    }

    /// Words and a command.
    pub fn command(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { text: text.into(), command: Some(command.into()) }
    }

    /// Ends its sentence where it announces a command that could not be given.
    #[must_use]
    pub fn closed(mut self) -> Self {
        if self.command.is_none() && self.text.ends_with(':') {
            self.text.pop();
            self.text.push('.');
        }
        self
    }
}

/// The object to look at next where it is not this container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootCause {
    /// API version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// For a pod: its top-level workload.
    pub workload: Option<Workload>,
    /// Its own one-line reason.
    pub summary: String,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The reason.
    pub reason: Reason,
    /// How sure.
    pub confidence: Confidence,
    /// What it rests on.
    pub basis: Basis,
    /// One sentence that a tired person understands.
    pub summary: String,
    /// What to do, most useful first.
    pub remediation: Vec<Remedy>,
    /// Evidence, strongest first.
    pub evidence: Vec<Evidence>,
    /// The object to blame, where it is another.
    pub root_cause: Option<RootCause>,
    /// What speaks against this reading (shown when it becomes an alternative).
    pub against: Vec<String>,
}

impl Finding {
    /// A finding without advice or evidence yet.
    pub fn new(reason: Reason, confidence: Confidence, basis: Basis, summary: impl Into<String>) -> Self {
        Self {
            reason,
            confidence,
            basis,
            summary: summary.into(),
            remediation: Vec::new(),
            evidence: Vec::new(),
            root_cause: None,
            against: Vec::new(),
        }
    }

    /// Adds evidence.
    #[must_use]
    pub fn evidence(mut self, e: Evidence) -> Self {
        self.evidence.push(e);
        self
    }

    /// Adds advice in words.
    #[must_use]
    pub fn advise(mut self, text: impl Into<String>) -> Self {
        self.remediation.push(Remedy::text(text));
        self
    }

    /// Adds advice with a command.
    #[must_use]
    pub fn advise_command(mut self, text: impl Into<String>, command: impl Into<String>) -> Self {
        self.remediation.push(Remedy::command(text, command));
        self
    }

    /// Names the object to blame.
    #[must_use]
    pub fn blame(mut self, root: RootCause) -> Self {
        self.root_cause = Some(root);
        self
    }

    /// Notes what speaks against it.
    #[must_use]
    pub fn but(mut self, against: impl Into<String>) -> Self {
        self.against.push(against.into());
        self
    }
}

/// A reading that lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Its reason.
    pub reason: Reason,
    /// Its sentence.
    pub summary: String,
    /// What speaks against it.
    pub against: String,
}

/// The engine's answer for one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Best reason.
    pub reason: Reason,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence.
    pub summary: String,
    /// What to do.
    pub remediation: Vec<Remedy>,
    /// Evidence for it.
    pub evidence: Vec<Evidence>,
    /// At most three other readings.
    pub alternatives: Vec<Alternative>,
    /// The object to look at next, where it is another.
    pub root_cause: Option<RootCause>,
    /// What differs from the last healthy revision, if the crash began with a rollout.
    pub change: Option<String>,
    /// The lines of the log that matter, at most 20 lines / 2 KiB.
    pub log_excerpt: Vec<String>,
    /// What could not be read.
    pub gaps: Vec<Gap>,
    /// A host and port that the log blames, for the collector to look up.
    pub blames: Option<Target>,
}

/// A network peer named in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Target {
    /// Host: DNS name or IP.
    pub host: String,
    /// Port, where named.
    pub port: Option<u16>,
}

impl Diagnosis {
    /// The cause of its reason.
    pub fn cause(&self) -> Cause {
        self.reason.cause()
    }
}
