//! The life of one incident: crashes come in, verdicts come in, time passes; out come counts and the wanted status.
//!
//! Crashing -> Recovered after `resolve_after` of health -> to be deleted after `retention`; a later crash reopens it.
//! All that it needs after a restart of the operator stands in the object ([`Incident::restore`]).

mod life;
mod lines;
mod pod;
mod render;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::earlier::Earlier;
use super::sighting::{self, SeenCrash, Sighting};
use crate::api::{self, CrashDiagnosisSpec};
use crate::diagnose::facts::{PastCrash, Timestamp, Workload};
use crate::report::resource::{self, Verdict};

pub use lines::base;
use pod::PodState;

/// Entries of `status.history`.
const MAX_HISTORY: usize = 10;
/// Explanations kept side by side; the rarest goes when a new one comes.
const MAX_VERDICTS: usize = 8;
/// A crash that looks like an explained one is looked at again after this many seconds, doubled while nothing changes.
const LOOK_AGAIN: i64 = 20;
/// But each of the first few, save for one that follows the first at once: what looks alike need not be.
const LOOKS_AT_FIRST: u32 = 3;
/// Seconds between the first look and the second.
const AT_ONCE: i64 = 5;
/// Pods that look alike and are looked at each for itself, before others are taken to be like them.
pub const SAMPLE: usize = 4;
/// But at least this often.
const LOOK_AT_LEAST: i64 = 300;
/// Seconds between two looks because an obstacle is told in other words.
const REWORDED_EVERY: i64 = 5;
/// Looks in a row that may come to nothing before looks become rarer.
const VAGUE_LOOKS: u32 = 5;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Healthy seconds until an incident is Recovered.
    pub resolve_after: i64,
    /// Seconds from Recovered to deletion.
    pub retention: i64,
}

/// One workload's container that crashes, or did.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Namespace.
    pub namespace: String,
    /// Name of the CrashDiagnosis.
    pub name: String,
    /// Identity.
    pub spec: CrashDiagnosisSpec,
    /// The top-level workload with its uid, where known.
    pub workload: Workload,
    /// Pods of the workload, where the kind tells.
    pub pods_total: Option<i64>,
    /// State.
    pub state: api::State,
    pods: BTreeMap<String, PodState>,
    explained: Vec<Explained>,
    /// The signature whose explanation stands in the status.
    shown: String,
    history: VecDeque<Past>,
    /// Crashes per signature and pod whose cause is not known yet.
    uncounted: BTreeMap<(String, String), u64>,
    /// When an obstacle was last told in other words.
    reworded: Option<Timestamp>,
    crashes: i64,
    last_crash: Option<api::Crash>,
    first_seen: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    /// The newest sign of trouble: a crash, or a pod in trouble that healed or vanished.
    trouble: Option<Timestamp>,
    recovered_at: Option<Timestamp>,
    /// What was counted before the operator started.
    earlier: Earlier,
    conditions: Vec<api::Condition>,
}

#[derive(Clone, Debug)]
struct Explained {
    signature: String,
    verdict: Verdict,
    /// Looks in a row that came to it.
    confirmed: u32,
    look_again: Timestamp,
    /// The pod whose crash told it.
    by: String,
    /// Pods that were looked at, at most [`SAMPLE`].
    looked: BTreeSet<String>,
}

#[derive(Clone, Debug)]
struct Past {
    entry: api::HistoryEntry,
    signature: String,
}

/// Crashes to count, under the cause that is known for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Cause.
    pub cause: String,
    /// Reason.
    pub reason: String,
    /// How many.
    pub crashes: u64,
}

/// Why a crash is to be looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LookFor {
    /// It is not.
    #[default]
    Nothing,
    /// There is no explanation, or one that has not been checked for a while.
    Explanation,
    /// It looks like crashes of other pods that are explained; is it?
    Sample,
}

/// What a sighting asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Crashes never seen before.
    pub new: usize,
    /// They need a look: evidence, diagnosis.
    pub look: LookFor,
    /// To be counted now, since their cause is known.
    pub count: Count,
}

impl Incident {
    /// A new one.
    pub fn new(namespace: &str, name: String, spec: CrashDiagnosisSpec, workload: Workload) -> Self {
        Self {
            namespace: namespace.into(),
            name,
            spec,
            workload,
            pods_total: None,
            state: api::State::Crashing,
            pods: BTreeMap::new(),
            explained: Vec::new(),
            shown: String::new(),
            history: VecDeque::new(),
            uncounted: BTreeMap::new(),
            reworded: None,
            crashes: 0,
            last_crash: None,
            first_seen: None,
            last_seen: None,
            trouble: None,
            recovered_at: None,
            earlier: Earlier::default(),
            conditions: Vec::new(),
        }
    }

    /// From an object that an earlier life of the operator wrote, or began to: then it has no status.
    pub fn restore(object: &api::CrashDiagnosis) -> Option<Self> {
        let owner = object.metadata.owner_references.iter().flatten().next();
        let w = &object.spec.workload;
        let workload = Workload {
            api_version: w.api_version.clone(),
            kind: w.kind.clone(),
            name: w.name.clone(),
            uid: owner.map(|o| o.uid.clone()),
        };
        let namespace = object.metadata.namespace.clone()?;
        let time = |t: &Option<Time>| t.as_ref().map(|t| t.0);
        let mut it = Self::new(&namespace, object.metadata.name.clone()?, object.spec.clone(), workload);
        let Some(status) = &object.status else { return Some(it) };
        it.pods_total = Some(status.pods_total);
        it.state = status.state;
        it.crashes = status.crashes;
        it.last_crash.clone_from(&status.last_crash);
        it.first_seen = time(&status.first_seen);
        it.last_seen = time(&status.last_seen);
        it.trouble = it.last_seen;
        it.recovered_at = time(&status.recovered_at);
        it.earlier = Earlier::of(status, MAX_HISTORY);
        it.conditions.clone_from(&status.conditions);
        it.history = status.history.iter().cloned().map(|entry| Past { entry, signature: String::new() }).collect();
        it.pods = status.pods.iter().map(|p| (p.uid.clone(), PodState::restore(p, &status.history))).collect();
        it.explained.push(Explained {
            signature: String::new(),
            verdict: Verdict::of(status),
            confirmed: 0,
            look_again: Timestamp::MIN,
            by: String::new(),
            looked: BTreeSet::new(),
        });
        Some(it)
    }

    /// A pod in trouble, or one that was and still exists.
    pub fn see(&mut self, s: &Sighting, now: Timestamp) -> Seen {
        let known = self.pods.contains_key(&s.uid);
        if !known && s.crashes.is_empty() && !s.down {
            return Seen::default();
        }
        let pod = self.pods.entry(s.uid.clone()).or_default();
        let was_in_trouble = pod.down || pod.restored;
        let first_time = !known || pod.restored;
        let is_known =
            |c: &&SeenCrash| pod.ids.contains(&c.id) || (first_time && self.earlier.counted(&s.pod, c, pod.last_at));
        let fresh: Vec<&SeenCrash> = s.crashes.iter().filter(|c| !is_known(c)).collect();
        pod.unwritten += fresh.len();
        let told = pod.signature != s.signature && s.down && s.crashes.iter().any(|c| c.id.starts_with("waiting:"));
        pod.update(s, now);
        if was_in_trouble && !s.down && fresh.is_empty() {
            self.trouble = self.trouble.max(s.running_since.or(Some(now)).filter(|t| *t <= now));
        }
        for crash in &fresh {
            self.record(crash, s, now);
        }
        let explained = self.explained.iter().find(|e| e.signature == s.signature);
        // The operator ended before it could look at this one.
        let unnamed = || first_time && self.history.iter().any(|p| p.entry.reason.is_empty() && p.entry.pod == s.pod);
        // The same obstacle in other words: what was missing is there now, and something else is not.
        let reworded = || told && self.reworded.is_none_or(|t| now.as_second() - t.as_second() >= REWORDED_EVERY);
        let for_words = |new_words| if new_words { LookFor::Explanation } else { LookFor::Nothing };
        let (look, new_words) = match explained {
            Some(e) => (e.look_for(&s.uid, !fresh.is_empty(), now), false),
            None if !fresh.is_empty() || self.explained.is_empty() || unnamed() => (LookFor::Explanation, false),
            None => (for_words(reworded()), reworded()),
        };
        // Where a look is due, its end is the time to count.
        let settled = explained.filter(|_| look == LookFor::Nothing).map(|e| e.verdict.clone());
        let count = settled.map(|v| self.count(&s.signature, &v)).unwrap_or_default();
        let new = fresh.len();
        if new_words {
            self.reworded = Some(now);
        }
        Seen { new, look, count }
    }

    /// The sighting, with the signature of what was said before where the kubelet now only says that it waits, and where this
    /// pod turned out to be another case than those that look like it.
    pub fn continued(&self, mut s: Sighting) -> Sighting {
        if let Some(pod) = self.pods.get(&s.uid).filter(|p| !p.signature.is_empty())
            && (sighting::is_bare_back_off(&s.signature) || lines::base(&pod.signature) == s.signature)
        {
            s.signature.clone_from(&pod.signature);
        }
        s
    }

    fn record(&mut self, crash: &SeenCrash, s: &Sighting, now: Timestamp) {
        let at = crash.at.unwrap_or(now);
        if self.state == api::State::Recovered {
            self.state = api::State::Crashing;
            self.recovered_at = None;
        }
        self.crashes += 1;
        self.first_seen = self.first_seen.or(Some(at));
        self.trouble = self.trouble.max(Some(at));
        let entry = api::HistoryEntry {
            time: Some(Time(at)),
            pod: s.pod.clone(),
            exit_code: crash.crash.exit_code,
            exit_reason: crash.crash.reason.clone(),
            ran_for: crash.crash.ran_for.clone(),
            id: Some(crash.id.clone()),
            ..api::HistoryEntry::default()
        };
        // Crashes of one second have an order of their own, whoever told of them first.
        let newer = |p: &&Past| {
            let place = (p.entry.time.as_ref().map(|t| t.0), p.entry.pod.as_str(), p.entry.id.as_deref());
            place > (Some(at), s.pod.as_str(), Some(crash.id.as_str()))
        };
        let place = self.history.iter().take_while(newer).count();
        if place == 0 {
            self.last_seen = Some(at);
            self.last_crash = Some(crash.crash.clone());
        }
        self.history.insert(place, Past { entry, signature: s.signature.clone() });
        self.history.truncate(MAX_HISTORY);
        *self.uncounted.entry((s.signature.clone(), s.uid.clone())).or_default() += 1;
    }

    fn forget_rare_verdicts(&mut self) {
        while self.explained.len() > MAX_VERDICTS {
            let pods_with = |s: &str| self.pods.values().filter(|p| p.signature == s).count();
            let last = self.explained.len() - 1;
            let rarest = (0..last).min_by_key(|&i| pods_with(&self.explained[i].signature)).unwrap_or(0);
            self.explained.remove(rarest);
        }
    }

    /// Earlier crashes, oldest first, for the engine.
    pub fn past(&self) -> Vec<PastCrash> {
        let past = |p: &Past| PastCrash {
            finished: p.entry.time.as_ref().map(|t| t.0),
            pod: p.entry.pod.clone(),
            exit_code: p.entry.exit_code,
            reason: p.entry.exit_reason.clone().unwrap_or_default(),
            ran_for: p.entry.ran_for.as_deref().and_then(resource::seconds),
            diagnosis: p.entry.reason.clone(),
            container: self.spec.container.clone(),
        };
        self.history.iter().rev().map(past).collect()
    }

    /// The explanation for crashes of this signature.
    pub fn explanation(&self, signature: &str) -> Option<&Verdict> {
        self.explained.iter().find(|e| e.signature == signature).map(|e| &e.verdict)
    }

    fn affected(&self, now: Timestamp, times: Times) -> impl Iterator<Item = (&String, &PodState)> {
        self.pods.iter().filter(move |(_, p)| p.in_trouble(now, times))
    }

    /// A pod's status shows its last crash and, while it is down, the one before. Were the operator to end now, an older
    /// one that is not written yet would be lost.
    pub fn must_be_written(&self) -> bool {
        self.pods.values().any(|p| p.unwritten > 1)
    }

    /// What was seen up to now is on its way to the object.
    pub fn sent(&mut self) {
        for pod in self.pods.values_mut() {
            pod.unwritten = 0;
        }
    }
}
