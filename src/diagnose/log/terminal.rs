//! Which of the failures in a log ended the program.
//!
//! A failure earns points for its level, for being uncaught, for naming a reason, for standing at the end; it loses them where the
//! program went on, tried again, succeeded later, or was already going down. A line that only says *that* it failed hands the place to
//! the nearest line before it that says why.

use super::concepts::Strength;
use super::severity::Severity;
use super::{Concept, Failure, Weight, follow};
use crate::diagnose::Target;

/// A failure as it stands in the log, before it is judged.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub line: usize,
    pub record: usize,
    pub concept: Concept,
    pub strength: Strength,
    pub severity: Severity,
    pub uncaught: bool,
    /// The wording takes it back: retrying, skipped, ignored.
    pub softened: bool,
    pub quote: String,
    pub brief: String,
    /// The quote reads like a complaint by itself; prose that goes with an error does not.
    pub complains: bool,
    pub subject: Option<String>,
    pub target: Option<Target>,
}

/// What else the log says, by line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Lines that say the program is going down on purpose.
    pub shutdown: Vec<usize>,
    /// Those among them that name a signal: somebody asked it to stop.
    pub asked: Vec<usize>,
    /// Lines that say a connection or the start succeeded.
    pub success: Vec<usize>,
    /// Lines of ordinary activity (records without failure, noise or shutdown).
    pub activity: Vec<usize>,
}

/// Ordinary lines after a failure until it cannot be the end of the program.
const TRAILING_MAX: usize = 12;
/// A quote longer than this is rather a dump than a sentence, bytes.
const DUMP: usize = 200;
/// Bytes of a line that stand for a longer one which repeats it.
const PLAIN: usize = 30;
/// Most failures reported.
const MAX_FAILURES: usize = 8;

fn count_after(lines: &[usize], line: usize) -> usize {
    lines.len() - lines.partition_point(|l| *l <= line)
}

fn is_term(quote: &str) -> bool {
    ["Kernel pid terminated", "{\"Kernel pid", "init terminating", "{\"init terminating"]
        .iter()
        .any(|w| quote.starts_with(w))
}

fn is_peer(concept: Concept) -> bool {
    matches!(
        concept,
        Concept::CannotConnect | Concept::NameNotResolved | Concept::AuthRefused | Concept::CertificateInvalid
    )
}

/// Names a kind, not only that something went wrong.
fn is_named(concept: Concept) -> bool {
    !matches!(concept, Concept::OtherError | Concept::Exception)
}

/// A failure with the points that it earned.
pub(super) struct Judged {
    pub found: Found,
    pub points: i32,
    pub weight: Weight,
}

/// Judges what was found (in order of lines) and returns the failures, most causal first.
pub(crate) fn judge(found: &[Found], marks: &Marks) -> Vec<Failure> {
    let mut judged: Vec<Judged> = found
        .iter()
        .enumerate()
        .map(|(i, f)| {
            let (points, weight) = weigh(f, i, found, marks);
            Judged { found: f.clone(), points, weight }
        })
        .collect();
    hand_over(&mut judged);
    follow::follow_back(&mut judged);
    judged.sort_by_key(|j| std::cmp::Reverse((j.points, j.found.line)));
    let mut failures: Vec<Failure> = Vec::new();
    for j in judged {
        let same =
            |f: &Failure| f.concept == j.found.concept && f.subject == j.found.subject && f.target == j.found.target;
        if let Some(known) = failures.iter_mut().find(|f| same(f)) {
            let shorter = known.quote.len() > j.found.quote.len();
            // the same, said in a line where the other is a dump
            let plain = known.quote.len() > DUMP && j.found.quote.len() * 2 < known.quote.len() && j.found.complains;
            // the same words without the dump around them
            let repeated = shorter && known.quote.contains(&j.found.brief) && j.found.brief.len() >= PLAIN;
            if plain || repeated {
                (known.quote, known.brief, known.line) = (j.found.quote, j.found.brief, j.found.line);
            }
            continue;
        }
        failures.push(Failure {
            concept: j.found.concept,
            weight: j.weight,
            quote: j.found.quote,
            brief: j.found.brief,
            line: j.found.line,
            subject: j.found.subject,
            target: j.found.target,
        });
        if failures.len() == MAX_FAILURES {
            break;
        }
    }
    failures
}

fn weigh(f: &Found, index: usize, all: &[Found], marks: &Marks) -> (i32, Weight) {
    let trailing = count_after(&marks.activity, f.line);
    let before = |s: &usize| *s < f.line && count_after(&marks.success, *s) == 0;
    let failed_before_shutdown = marks.shutdown.iter().any(before)
        && marks.shutdown.iter().any(|s| {
            *s < f.line && all[..index].iter().any(|e| e.line < *s && e.severity >= Severity::Unknown && !e.softened)
        });
    // many frameworks stop their parts first and then say what failed
    let shutdown_before = failed_before_shutdown || marks.asked.iter().any(before);
    let recovered = count_after(&marks.success, f.line) > 0
        && !all[index + 1..].iter().any(|l| l.concept == f.concept && l.line > last_before(&marks.success, usize::MAX));
    let last = all[index + 1..].iter().all(|l| l.strength <= Strength::Wrapper || l.record == f.record);
    let loud = f.uncaught || f.severity == Severity::Fatal;
    let mut points = match f.severity {
        Severity::Fatal => 50,
        Severity::Error => 30,
        Severity::Unknown => 26,
        Severity::Warn => 10,
        Severity::Info => 4,
    };
    points += match f.strength {
        Strength::Strong => 15,
        Strength::Weak => 5,
        Strength::Wrapper | Strength::None => -10,
    };
    points += if f.uncaught { 30 } else { 0 };
    points -= if f.softened { 18 } else { 0 };
    points += if last { 18 } else { 0 };
    points += 8 - i32::try_from(all.len() - index).unwrap_or(8).min(8);
    points -= if failed_before_shutdown {
        40
    } else if shutdown_before {
        25
    } else {
        0
    };
    points -= match (recovered, loud, is_peer(f.concept)) {
        (true, false, true) => 40,
        (true, false, false) => 25,
        (true, true, true) => 15,
        _ => 0,
    };
    points -= if trailing > TRAILING_MAX { 15 } else { 0 };
    let quiet = f.severity <= Severity::Warn && !f.uncaught;
    let taken_back = (!loud && (recovered || shutdown_before)) || (!last && (f.softened || quiet));
    let fatal = loud || (last && !quiet && !f.softened);
    let weight = match (taken_back, fatal && trailing <= TRAILING_MAX) {
        (true, _) => Weight::Hint,
        (false, true) => Weight::Terminal,
        (false, false) => Weight::Error,
    };
    (points, weight)
}

fn last_before(lines: &[usize], line: usize) -> usize {
    lines.iter().copied().rfind(|l| *l < line).unwrap_or(0)
}

/// A line close before that says the same and names its object, where the best failure does not (npm, curl and systemd
/// repeat the bare code at the end).
fn told_before(judged: &[Judged], best: usize) -> Option<usize> {
    const NEAR: usize = 8;
    let top = &judged[best].found;
    let named = |f: &Found| f.subject.is_some() || f.target.is_some();
    let near = |i: &usize| {
        let f = &judged[*i].found;
        // a bare errno at the end is the one that a line before it told with its file
        let same = f.concept == top.concept
            || top.concept == Concept::NotPermitted && f.concept == Concept::FilePermission && !named(top);
        same && f.strength == Strength::Strong
            && (f.severity >= top.severity.min(Severity::Unknown) || f.target.is_some())
            && top.line.saturating_sub(f.line) <= NEAR
    };
    let telling = |i: &usize| !named(top) && named(&judged[*i].found);
    // prose behind an error ("this requires root privileges as well as ...") is not the error
    let error = |i: &usize| !top.complains && judged[*i].found.complains;
    let behind = |i: &usize| judged[*i].found.line - top.line <= 3 && judged[*i].found.severity == Severity::Unknown;
    (0..best)
        .rev()
        .filter(near)
        .find(|i| telling(i) || error(i))
        .or_else(|| (best + 1..judged.len()).take_while(behind).filter(near).find(telling))
}

/// What is missing may be there and only not to be read: access to it, or to something in it, was refused just before.
fn refused_before(judged: &[Judged], best: usize) -> Option<usize> {
    const NEAR: usize = 4;
    let top = &judged[best].found;
    let path = top.subject.as_deref().filter(|p| top.concept == Concept::FileMissing && p.len() > 1)?;
    (0..best).rev().take_while(|i| top.record - judged[*i].found.record <= NEAR).find(|i| {
        let f = &judged[*i].found;
        let same = f.subject.as_deref().and_then(|s| s.strip_prefix(path));
        f.concept == Concept::FilePermission && same.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Where the best failure does not say why, the nearest one before it that does takes its place.
fn hand_over(judged: &mut [Judged]) {
    let Some(best) = (0..judged.len()).max_by_key(|i| (judged[*i].points, judged[*i].found.line)) else { return };
    let (top, weight) = (&judged[best].found, judged[best].weight);
    if top.strength == Strength::Strong {
        if let Some(i) = refused_before(judged, best).or_else(|| told_before(judged, best)) {
            judged[i].points = judged[best].points + 1;
            judged[i].weight = judged[i].weight.max(weight);
        }
        return;
    }
    // how far back, and how loud, an explanation may stand
    let (reach, level, floor) = match (top.strength, top.concept) {
        (Strength::Wrapper, _) => (usize::MAX, Severity::Info, 0),
        (_, Concept::CannotConnect) => (200, Severity::Info, 10),
        (_, Concept::OtherError) => (12, Severity::Unknown, 26),
        (_, Concept::BadConfig) => (12, Severity::Warn, 26),
        // the BEAM's last line is a term; its reports stand between that and the words
        (_, Concept::Exception) if is_term(&top.quote) => (80, Severity::Unknown, 0),
        _ => (6, Severity::Unknown, 26),
    };
    // stack traces between the two do not count
    let away = |f: &Found| (top.line - f.line).min(top.record.saturating_sub(f.record));
    let explains = |j: &Judged| {
        j.found.strength == Strength::Strong
            && j.found.line <= top.line
            && away(&j.found) <= reach
            && j.found.severity >= level
            && j.points >= floor
    };
    // a warning does not explain an end that an error behind it, with a kind of its own, led to; what a node lacks at that level
    // (a GPU) the program does without
    let outspoken = |i: usize| {
        judged[i].found.severity <= Severity::Warn
            && judged[i + 1..best + usize::from(judged[i].found.concept == Concept::NodeFeature)]
                .iter()
                .map(|j| &j.found)
                .any(|f| {
                    f.severity >= Severity::Error && f.strength >= Strength::Weak && !f.softened && is_named(f.concept)
                })
    };
    let explanation =
        (0..best).filter(|i| explains(&judged[*i]) && !outspoken(*i)).max_by_key(|i| (judged[*i].points, *i));
    let fallback = || {
        (0..best)
            .filter(|i| judged[*i].found.strength == Strength::Weak && judged[*i].points >= 20)
            .max_by_key(|i| judged[*i].points)
    };
    // a weak word that names a kind is more than a line that names none
    let kind = || {
        (0..best).rev().find(|i| {
            let f = &judged[*i].found;
            is_named(f.concept)
                && f.strength == Strength::Weak
                && (f.severity >= Severity::Error
                    || f.concept == Concept::CannotConnect && f.severity == Severity::Unknown && away(f) <= 2)
                && away(f) <= reach
        })
    };
    let chosen = explanation.or_else(|| match (top.strength, top.concept) {
        (Strength::Wrapper, _) => fallback(),
        (_, Concept::OtherError) => kind(),
        _ => None,
    });
    if let Some(i) = chosen.map(|i| told_before(judged, i).unwrap_or(i)) {
        let points = judged[best].points;
        judged[i].points = points + 1;
        judged[i].weight = judged[i].weight.max(weight);
    }
}
