//! The rules, one small file per reason or family of reasons, and the table that lists them.

pub mod ended;
pub mod memory;
pub mod probe;

use super::{Case, Finding, Reason};

/// A row: which reasons a rule can give, and the rule.
pub struct Rule {
    /// Reasons it can give.
    pub reasons: &'static [Reason],
    /// Looks at the facts only, never at another rule; returns what it found, best first.
    pub examine: fn(&Case) -> Vec<Finding>,
}

/// Every rule. Where basis and confidence are equal, the earlier row wins.
pub static RULES: &[Rule] = &[
    // Memory.
    Rule { reasons: &[Reason::RuntimeHeapExceedsLimit], examine: memory::heap::examine },
    Rule { reasons: &[Reason::MemoryLeak], examine: memory::leak::examine },
    Rule { reasons: &[Reason::MemoryLimitExceeded, Reason::NodePressureEviction], examine: memory::oom::examine },
    Rule { reasons: &[Reason::RuntimeHeapExhausted], examine: memory::exhausted::examine },
    // Probes.
    Rule {
        reasons: &[
            Reason::SlowStart,
            Reason::ProbeTimeout,
            Reason::ProbeTooStrict,
            Reason::ThresholdTooLow,
            Reason::ProbeMisconfigured,
            Reason::AppUnresponsive,
            Reason::StartupProbeFailed,
            Reason::CpuThrottling,
        ],
        examine: probe::examine,
    },
    // How the process ended, where nothing more specific is known.
    Rule { reasons: &[Reason::TerminatedBySignal], examine: ended::stopped::examine },
    Rule { reasons: &[Reason::CompletedUnexpectedly], examine: ended::completed::examine },
    Rule { reasons: &[Reason::Segfault, Reason::Aborted, Reason::TerminatedBySignal], examine: ended::signal::examine },
    Rule {
        reasons: &[Reason::EntrypointNotExecutable, Reason::EntrypointNotFound, Reason::UnknownError],
        examine: ended::exit_code::examine,
    },
];
