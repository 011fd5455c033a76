//! From a path that is missing back to what kept the program from making it.

use super::Concept;
use super::terminal::Judged;

/// A path that is missing because the program itself could not make it, or what it lies in: what kept it from that takes its place.
pub(super) fn follow_back(judged: &mut [Judged]) {
    const KEEPS: &[Concept] = &[
        Concept::FilePermission,
        Concept::ReadOnlyFs,
        Concept::DiskFull,
        Concept::NotPermitted,
        Concept::NotDirectory,
    ];
    let Some(best) = (0..judged.len()).max_by_key(|i| (judged[*i].points, judged[*i].found.line)) else { return };
    let top = &judged[best].found;
    let Some(missing) = top.subject.as_deref().filter(|_| top.concept == Concept::FileMissing) else { return };
    let holds = |path: &str| {
        missing.strip_prefix(path.trim_end_matches('/')).is_some_and(|r| r.is_empty() || r.starts_with('/'))
    };
    let kept = (0..judged.len()).rev().find(|i| {
        let f = &judged[*i].found;
        f.line < top.line && KEEPS.contains(&f.concept) && f.subject.as_deref().is_some_and(|p| p.len() > 1 && holds(p))
    });
    if let Some(i) = kept {
        let (points, weight) = (judged[best].points, judged[best].weight);
        judged[i].points = points + 1;
        judged[i].weight = judged[i].weight.max(weight);
    }
}
