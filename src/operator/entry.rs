//! An incident and its object: what of it stands in the cluster already, when it is written next, and what Events have said.

use std::collections::{BTreeSet, HashMap};

use super::incident::{self, Incident, LookFor, SAMPLE, Times};
use super::work::{Deeper, Look, Whose};
use crate::api::{CrashDiagnosisStatus, State};
use crate::diagnose::facts::Timestamp;
use crate::report::resource::Verdict;

/// Seconds between two writes that only change counters: at first, and at most (doubled while they keep coming).
const PACE: (i64, i64) = (3, 30);
/// Seconds that a change may wait which is no crash: a container waits, runs, has another time for its next start.
const TRIFLES: i64 = 10;
/// Seconds that counters wait for a look to end.
const LOOKS: i64 = 2;
/// Pods of one workload that get an Event for one diagnosis; the workload gets one anyway.
const PODS_TOLD: usize = 5;
/// Closer looks remembered per incident.
const MAX_DEEPER: usize = 8;
/// Seconds that the Event of a vague diagnosis waits where evidence could not be read: the next look mostly gets it.
const HELD_BACK: i64 = 20;
/// Events in a burst about one object, and seconds until another is allowed.
const EVENT_BUDGET: (u32, i64) = (12, 300);

/// An incident and its object.
#[derive(Debug)]
pub struct Entry {
    /// The incident.
    pub incident: Incident,
    /// The status that stands in the cluster.
    pub written: Option<CrashDiagnosisStatus>,
    /// The owner's uid that stands in the cluster.
    pub(super) written_owner: Option<String>,
    /// A write is under way.
    pub writing: bool,
    /// Signatures and pods that are being looked at.
    pub looking: Vec<(String, String)>,
    /// Looks that wait for the first of their signature, whose closer look serves them as well.
    later: Vec<Look>,
    /// What closer looks found, by signature.
    deeper: HashMap<String, Vec<Deeper>>,
    /// Its owner wants nothing said of it.
    pub silenced: bool,
    /// No write before this.
    pub next_write: Timestamp,
    /// Not even an urgent write of counters before this.
    soonest_write: Timestamp,
    /// Since when something is to be written.
    trifle_since: Option<Timestamp>,
    /// Failed writes in a row.
    pub failures: u32,
    /// Since when no pod of it exists, and when that is looked into next.
    pub deserted: Option<Timestamp>,
    pace: i64,
    told: Told,
}

/// What Events have said.
#[derive(Debug, Default)]
struct Told {
    reason: Option<String>,
    pods: BTreeSet<String>,
    held: Option<Timestamp>,
    budget: u32,
    refilled: Option<Timestamp>,
}

/// An Event that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// The diagnosis, to the workload.
    Workload,
    /// The diagnosis, to a pod (name, uid).
    Pod(String, String),
    /// That it is over, to the workload.
    Recovery,
}

/// A write that is due.
#[derive(Debug, PartialEq)]
pub struct Due {
    /// The status.
    pub status: CrashDiagnosisStatus,
    /// Labels, spec and owner too.
    pub whole: bool,
}

impl Entry {
    pub(super) fn new(incident: Incident) -> Self {
        Self {
            incident,
            written: None,
            written_owner: None,
            writing: false,
            looking: Vec::new(),
            later: Vec::new(),
            silenced: false,
            deeper: HashMap::new(),
            next_write: Timestamp::MIN,
            soonest_write: Timestamp::MIN,
            trifle_since: None,
            failures: 0,
            deserted: None,
            pace: 0,
            told: Told { budget: EVENT_BUDGET.0, ..Told::default() },
        }
    }

    /// What has to be written now, if anything.
    pub fn due(&mut self, now: Timestamp, times: Times) -> Option<Due> {
        if self.writing || self.silenced {
            return None;
        }
        let status = self.incident.render(now, times)?;
        let owner = &self.incident.workload.uid;
        let (whole, urgent) = match &self.written {
            None => (true, true),
            Some(w) if *w == status && (owner.is_none() || *owner == self.written_owner) => {
                self.trifle_since = None;
                return None;
            }
            Some(w) => {
                let relabelled = (&w.cause, &w.reason) != (&status.cause, &status.reason);
                (
                    relabelled || (owner.is_some() && *owner != self.written_owner),
                    relabelled || story_changed(w, &status),
                )
            }
        };
        let early = now < self.next_write;
        let hurry = self.failures == 0 && (urgent || (self.incident.must_be_written() && now >= self.soonest_write));
        // Counters wait for the verdict that is on its way, and the word for what a container does for the next crash.
        let says_the_same =
            |w: &CrashDiagnosisStatus| w.crashes == status.crashes && Verdict::of(w) == Verdict::of(&status);
        let trifle = self.written.as_ref().is_some_and(says_the_same);
        let since = *self.trifle_since.get_or_insert(now);
        let patience = if trifle { TRIFLES } else { LOOKS };
        let expects_more = !urgent && (trifle || !self.looking.is_empty()) && now < after(since, patience);
        if (early || expects_more) && !hurry {
            return None;
        }
        self.trifle_since = None;
        self.incident.sent();
        self.soonest_write = after(now, 1);
        Some(Due { status, whole })
    }

    /// A closer look was taken.
    pub fn deepened(&mut self, signature: &str, deeper: Deeper) {
        if self.deeper.len() >= MAX_DEEPER {
            self.deeper.clear();
        }
        let known = self.deeper.entry(incident::base(signature).to_owned()).or_default();
        known.retain(|k| !k.is_like(&deeper));
        known.push(deeper);
        if known.len() > MAX_DEEPER {
            known.remove(0);
        }
    }

    /// Takes in a look: the job to be done now, if it is not being done already, is not one too many, and need not wait.
    pub fn begin(&mut self, mut look: Look, why: LookFor) -> Option<Look> {
        let (signature, uid) = (&look.whose.signature, &look.whose.uid);
        let alike = self.looking.iter().filter(|(s, _)| s == signature).count();
        let first = alike == 0 && why == LookFor::Explanation;
        let again = self.looking.iter().any(|(s, u)| s == signature && u == uid);
        if again || !(first || alike + self.incident.looked(signature, uid) < SAMPLE) {
            return None;
        }
        self.looking.push((signature.clone(), uid.clone()));
        self.incident.look_begins(uid);
        if alike > 0 {
            self.later.push(look);
            return None;
        }
        look.known = self.deeper.get(incident::base(signature)).cloned().unwrap_or_default();
        Some(look)
    }

    /// A look is over. The looks that waited for it.
    pub fn look_over(&mut self, whose: &Whose) -> Vec<Look> {
        self.looking.retain(|(s, u)| (s, u) != (&whose.signature, &whose.uid));
        let (mut ready, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition::<Vec<_>, _>(|l| l.whose.signature == whose.signature);
        self.later = later;
        for look in &mut ready {
            look.known = self.deeper.get(incident::base(&whose.signature)).cloned().unwrap_or_default();
        }
        ready
    }

    /// The owner wants it gone, and no failed try stands against it.
    pub fn may_be_silenced(&self, now: Timestamp) -> bool {
        self.silenced && (self.failures == 0 || now >= self.next_write)
    }

    /// A write went through.
    pub fn wrote(&mut self, status: CrashDiagnosisStatus, now: Timestamp) {
        let only_counters = self.written.as_ref().is_some_and(|w| !story_changed(w, &status));
        self.pace = if only_counters { (self.pace * 2).clamp(PACE.0, PACE.1) } else { PACE.0 };
        self.next_write = after(now, self.pace);
        self.writing = false;
        self.failures = 0;
        self.written_owner.clone_from(&self.incident.workload.uid);
        self.written = Some(status);
    }

    /// A write failed: again after a while, doubled up to a minute.
    pub fn failed(&mut self, now: Timestamp) {
        self.writing = false;
        self.next_write = after(now, 1 << self.failures.min(6));
        self.failures += 1;
    }

    /// The object is not there (any more).
    pub fn is_gone(&mut self) {
        self.writing = false;
        self.written = None;
        self.written_owner = None;
    }

    /// An earlier life has told of this already.
    pub(super) fn has_told(&mut self, status: &CrashDiagnosisStatus) {
        self.told.reason = Some(status.reason.clone());
        self.told.pods = status.pods.iter().map(|p| p.uid.clone()).collect();
    }

    /// An Event waits for a better look, or for its time.
    pub fn holds_back(&self) -> bool {
        self.told.held.is_some()
    }

    /// Events that are due, once the looks are over that might still change the diagnosis.
    pub fn tell(&mut self, now: Timestamp) -> Vec<Tell> {
        if !self.looking.is_empty() {
            return Vec::new();
        }
        let Some(status) = &self.written else { return Vec::new() };
        let vague = matches!(status.reason.as_str(), "Unknown" | "UnknownError") && !status.unread.is_empty();
        if status.state != State::Crashing || !vague {
            self.told.held = None;
        } else if self.told.hold(now) {
            return Vec::new();
        }
        let mut due = Vec::new();
        match status.state {
            State::Crashing => {
                if self.told.reason.as_ref() != Some(&status.reason) {
                    self.told.reason = Some(status.reason.clone());
                    self.told.pods.clear();
                    if !status.workload.starts_with("pod/") {
                        due.push(Tell::Workload);
                    }
                }
                for pod in status.pods.iter().filter(|p| p.reason.is_none()) {
                    if self.told.pods.len() < PODS_TOLD && self.told.pods.insert(pod.uid.clone()) {
                        due.push(Tell::Pod(pod.name.clone(), pod.uid.clone()));
                    }
                }
            }
            State::Recovered => {
                if self.told.reason.take().is_some() {
                    self.told.pods.clear();
                    due.push(Tell::Recovery);
                }
            }
        }
        due.retain(|_| self.told.take(now));
        due
    }
}

impl Told {
    /// Whether a vague diagnosis is still to be held back.
    fn hold(&mut self, now: Timestamp) -> bool {
        now < after(*self.held.get_or_insert(now), HELD_BACK)
    }

    fn take(&mut self, now: Timestamp) -> bool {
        let since = *self.refilled.get_or_insert(now);
        let more = u32::try_from((now.as_second() - since.as_second()) / EVENT_BUDGET.1).unwrap_or(0);
        if more > 0 {
            self.budget = (self.budget + more).min(EVENT_BUDGET.0);
            self.refilled = Some(now);
        }
        let allowed = self.budget > 0;
        self.budget = self.budget.saturating_sub(1);
        allowed
    }
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}

/// More than counters and times differ.
fn story_changed(a: &CrashDiagnosisStatus, b: &CrashDiagnosisStatus) -> bool {
    let story = |s: &CrashDiagnosisStatus| {
        (
            s.state,
            s.reason.clone(),
            s.confidence.clone(),
            s.change.clone(),
            s.root_cause.as_ref().map(|r| r.name.clone()),
        )
    };
    story(a) != story(b)
}
