//! Which finding wins. Precedence lives here alone: a rule never looks at another rule.
//!
//! Order: basis (Stated > Explained > Inferred > Symptom > Generic), then confidence, then the order of `causes::RULES`
//! (more specific rules stand first). [`EXPLAINS`] lists the exceptions: pairs where one reading explains the other away.

use super::{Alternative, Basis, Case, Confidence, Diagnosis, Evidence, Finding, Reason, Source};

/// (explanation, symptom): where both were found, the explanation wins whatever the basis of the symptom.
pub const EXPLAINS: &[(Reason, Reason)] = &[
    (Reason::RuntimeHeapExceedsLimit, Reason::MemoryLimitExceeded),
    (Reason::MemoryLeak, Reason::MemoryLimitExceeded),
];

const MAX_ALTERNATIVES: usize = 3;

/// Chooses the winner, keeps the best of the others as alternatives.
pub fn rank(case: &Case, mut findings: Vec<Finding>) -> Diagnosis {
    findings.sort_by_key(|f| std::cmp::Reverse((f.basis, f.confidence)));
    promote_explanations(&mut findings);
    let mut rest = findings.into_iter();
    let Some(best) = rest.next() else { return unknown(case) };
    let mut alternatives: Vec<Alternative> = Vec::new();
    for f in rest {
        let repeated = f.reason == best.reason || alternatives.iter().any(|a| a.reason == f.reason);
        if repeated || f.basis == Basis::Generic || alternatives.len() == MAX_ALTERNATIVES {
            continue;
        }
        let against = if f.against.is_empty() {
            format!("{} rests on stronger evidence", best.reason)
        } else {
            f.against.join("; ")
        };
        alternatives.push(Alternative { reason: f.reason, summary: f.summary, against });
    }
    Diagnosis {
        reason: best.reason,
        confidence: best.confidence,
        summary: best.summary,
        remediation: best.remediation,
        evidence: best.evidence,
        alternatives,
        root_cause: best.root_cause,
        change: None,
        log_excerpt: case.log().excerpt.clone(),
        gaps: case.cluster.gaps.clone(),
        blames: case.log().target().cloned(),
    }
}

fn promote_explanations(findings: &mut Vec<Finding>) {
    for (explanation, symptom) in EXPLAINS {
        let from = findings.iter().position(|f| f.reason == *explanation);
        let to = findings.iter().position(|f| f.reason == *symptom);
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            let f = findings.remove(from);
            findings.insert(to, f);
        }
    }
}

/// An honest answer where no rule found anything: what was looked at, and what to do next.
fn unknown(case: &Case) -> Diagnosis {
    let (waiting, message) = case.waiting();
    let mut evidence = Vec::new();
    if !waiting.is_empty() {
        evidence
            .push(Evidence::new(Source::ContainerStatus, format!("waiting: {waiting} {message}").trim().to_owned()));
    }
    Diagnosis {
        reason: Reason::Unknown,
        confidence: Confidence::Possible,
        summary: format!("{}: the evidence at hand does not tell why it fails.", case.container.name),
        remediation: Vec::new(),
        evidence,
        alternatives: Vec::new(),
        root_cause: None,
        change: None,
        log_excerpt: case.log().excerpt.clone(),
        gaps: case.cluster.gaps.clone(),
        blames: None,
    }
}
