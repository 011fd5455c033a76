//! The engine: facts in, ranked findings out. No clock, no I/O, no randomness, no Kubernetes client.
//!
//! [`diagnose`] runs every row of [`causes::RULES`] over a [`Case`], and [`rank`] decides between what they found.

pub mod case;
pub mod causes;
pub mod facts;
pub mod finding;
pub mod kubectl;
pub mod log;
pub mod near;
pub mod rank;
pub mod reason;
mod rhythm;
mod rollout;
pub mod signature;
pub mod stated;
pub mod stop;
#[cfg(test)]
pub mod testing;
mod upstream;
pub mod wants;
pub mod words;

pub use case::Case;
pub use finding::{Alternative, Basis, Confidence, Diagnosis, Evidence, Finding, Remedy, RootCause, Source, Target};
pub use reason::{Cause, Reason};

/// Explains one container. Same facts, same answer.
pub fn diagnose(case: &Case) -> Diagnosis {
    let mut diagnosis = alone(case);
    upstream::attach(case, &mut diagnosis);
    rollout::attach(case, &mut diagnosis);
    rhythm::attach(case, &mut diagnosis);
    diagnosis
}

/// Explains one container by what is known of its own pod.
fn alone(case: &Case) -> Diagnosis {
    // The user's own come first: where all else is equal they win.
    let mut findings = signature::examine(case);
    findings.extend(causes::RULES.iter().flat_map(|rule| (rule.examine)(case)));
    let mut diagnosis = rank::rank(case, findings);
    causes::probe::beside::mention(case, &mut diagnosis);
    diagnosis
}
