//! Which finding wins. Precedence lives here alone: a rule never looks at another rule.
//!
//! Order: basis (Overruling > Stated > Declared > Explained > Inferred > Symptom > Generic), then confidence, then the order of `causes::RULES`
//! (more specific rules stand first). [`EXPLAINS`] lists the exceptions: pairs where one reading explains the other away.

use super::{Alternative, Basis, Case, Confidence, Diagnosis, Evidence, Finding, Reason, Remedy, Source};

/// (explanation, symptom): where both were found and the explanation is at least likely, it wins whatever the basis of the
/// symptom.
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
        remediation: best.remediation.into_iter().map(Remedy::closed).collect(),
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
        let from = findings.iter().position(|f| f.reason == *explanation && f.confidence >= Confidence::Likely);
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
    let (pod, name) = (case.pod, case.container.name.as_str());
    let summary = format!("{name}: the evidence at hand does not tell why it fails ({}).", looked_at(case));
    let describe = format!("kubectl -n {} describe pod {}", pod.namespace, pod.name);
    let mut remediation = vec![Remedy::command("Look at the pod's events and states while it fails:", describe)];
    if case.crash().is_some() && case.crash_log().is_none() {
        let logs = format!("kubectl -n {} logs {} -c {name} --previous", pod.namespace, pod.name);
        remediation.push(Remedy::command("Read what it printed before it ended:", logs));
    }
    for gap in case.cluster.gaps.iter().take(3) {
        remediation.push(Remedy::text(format!("Make readable: {} of {} ({}).", gap.what, gap.object, gap.why)));
    }
    Diagnosis {
        reason: Reason::Unknown,
        confidence: Confidence::Possible,
        summary,
        remediation,
        evidence: states(case),
        alternatives: Vec::new(),
        root_cause: None,
        change: None,
        log_excerpt: case.log().excerpt.clone(),
        gaps: case.cluster.gaps.clone(),
        blames: None,
    }
}

/// `looked at: its status, 3 events, no log`.
fn looked_at(case: &Case) -> String {
    let events = case.events().count();
    let log = match case.crash_log() {
        Some(l) if l.text.trim().is_empty() => "a log that is empty".to_owned(),
        Some(l) => format!("{} lines of log", l.text.lines().count()),
        None => "no log".to_owned(),
    };
    let plural = if events == 1 { "" } else { "s" };
    format!("looked at: its status, {events} event{plural}, {log}")
}

/// What status and the newest warning say, verbatim.
fn states(case: &Case) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    let (waiting, message) = case.waiting();
    if !waiting.is_empty() {
        let text = format!("waiting: {waiting} {message}");
        evidence.push(Evidence::new(Source::ContainerStatus, text.trim()));
    }
    if let Some(crash) = case.crash() {
        let text = format!("terminated: reason {}, exitCode {} {}", crash.reason, crash.exit_code, crash.message);
        evidence.push(Evidence::new(Source::ContainerStatus, text.trim()).at(crash.finished));
    }
    if let Some(e) = case.events().rev().find(|e| e.warning && e.reason != "BackOff") {
        evidence.push(Evidence::new(Source::Event, format!("{}: {}", e.reason, e.message.trim())).at(e.last));
    }
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::Gap;
    use crate::diagnose::testing::World;

    #[test]
    fn unknown_says_what_was_looked_at_and_what_to_do() {
        let gap = Gap { what: "events".into(), object: "pod shop/web-1".into(), why: "forbidden".into() };
        let world = World::new().waiting("Strange", "never seen").with(|w| w.cluster.gaps.push(gap));
        let found = world.diagnose();
        assert_eq!(found.reason, Reason::Unknown);
        assert!(found.summary.contains("0 events, no log"), "{}", found.summary);
        assert!(found.evidence[0].detail.contains("Strange never seen"));
        assert!(found.remediation.iter().any(|r| r.text.contains("forbidden")));
    }

    #[test]
    fn an_explanation_that_is_only_possible_does_not_overrule() {
        let world = World::new();
        let finding = |reason, confidence, basis| Finding::new(reason, confidence, basis, "");
        let oom = finding(Reason::MemoryLimitExceeded, Confidence::Certain, Basis::Stated);
        for (confidence, winner) in
            [(Confidence::Likely, Reason::MemoryLeak), (Confidence::Possible, Reason::MemoryLimitExceeded)]
        {
            let leak = finding(Reason::MemoryLeak, confidence, Basis::Inferred);
            assert_eq!(rank(&world.case(), vec![oom.clone(), leak]).reason, winner);
        }
    }
}
