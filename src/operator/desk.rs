//! The desk: owns all state, decides everything, awaits nothing. Pods, finished jobs and ticks of the clock come in;
//! jobs go out. Time is an argument.

mod later;
mod silence;
mod told;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use kube::runtime::watcher::Event;

use super::book::{Book, Key};
use super::ending::Ending;
use super::incident::{LookFor, Times};
use super::owners::{Owner, Owners};
use super::sighting::{self, Sighting};
use super::suspects::Suspects;
use super::work::{Done, Job, Look, Whose};
use crate::api::CrashDiagnosis;
use crate::collect::Resolved;
use crate::diagnose::facts::{Cluster, Pod, Timestamp};
use crate::evidence;
use crate::health::Health;
use crate::report::metrics::Metrics;
use crate::watch::detect::{self, Noticed, Policy, Trigger};
use crate::watch::slim::SlimPod;

/// Seconds after which a deserted incident's workload is looked for, and again.
const DESERTED: i64 = 30;
/// Pods looked at again per tick, so that a mass start does not become a mass of requests.
const RECHECKS: usize = 2;

/// What is decided by flags.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What counts as crashing.
    pub policy: Policy,
    /// How long things last.
    pub times: Times,
    /// Read logs.
    pub logs: bool,
    /// Publish Events.
    pub events: bool,
    /// The namespace of each watch, by its place; `None` for all.
    pub scopes: Vec<Option<String>>,
}

/// All state.
pub struct Desk {
    rules: Rules,
    book: Book,
    owners: Owners,
    suspects: Suspects,
    ending: Ending,
    /// Annotations of ours on namespaces.
    namespaces: HashMap<String, std::collections::BTreeMap<String, String>>,
    /// Per watch: pods of incidents not seen yet in the list that is going on.
    unseen: HashMap<usize, HashSet<String>>,
    synced: HashSet<usize>,
    jobs: VecDeque<Job>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    /// Crashes that ended before this were not seen live.
    started: Timestamp,
}

impl Desk {
    /// A desk with what earlier lives wrote.
    pub fn new(
        rules: Rules,
        objects: &[CrashDiagnosis],
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        now: Timestamp,
    ) -> Self {
        let mut book = Book::default();
        for object in objects {
            book.restore(object);
        }
        let desk = Self {
            rules,
            book,
            owners: Owners::default(),
            suspects: Suspects::default(),
            ending: Ending::default(),
            namespaces: HashMap::new(),
            unseen: HashMap::new(),
            synced: HashSet::new(),
            jobs: VecDeque::new(),
            metrics,
            health,
            started: now,
        };
        let keys: Vec<Key> = desk.book.entries.keys().cloned().collect();
        for key in keys {
            desk.show(&key, None);
        }
        desk
    }

    /// Jobs that are due.
    pub fn take_jobs(&mut self) -> VecDeque<Job> {
        std::mem::take(&mut self.jobs)
    }

    /// How many incidents there are.
    pub fn incidents(&self) -> usize {
        self.book.entries.len()
    }

    /// Every watch has given its first full list.
    pub fn is_synced(&self) -> bool {
        self.synced.len() == self.rules.scopes.len()
    }

    /// Something from the watch of scope `i`.
    pub fn on_watch(&mut self, i: usize, event: Event<SlimPod>, now: Timestamp) {
        match event {
            Event::Init => {
                let scope = self.rules.scopes.get(i).cloned().flatten();
                self.unseen.insert(i, self.book.pods(scope.as_deref()));
            }
            Event::InitApply(pod) => {
                if let (Some(unseen), Some(uid)) = (self.unseen.get_mut(&i), pod.metadata.uid.as_ref()) {
                    unseen.remove(uid);
                }
                self.on_pod(&pod, now);
            }
            Event::InitDone => {
                for uid in self.unseen.remove(&i).unwrap_or_default() {
                    self.on_gone(&uid, now);
                }
                self.synced.insert(i);
            }
            Event::Apply(pod) => self.on_pod(&pod, now),
            Event::Delete(pod) => {
                self.on_pod(&pod, now);
                self.on_gone(pod.metadata.uid.as_deref().unwrap_or_default(), now);
            }
        }
    }

    fn on_gone(&mut self, uid: &str, now: Timestamp) {
        self.suspects.clear(uid);
        self.ending.gone(uid);
        self.owners.forget(uid);
        for key in self.book.pod_gone(uid, now) {
            self.write_if_due(&key, now);
        }
    }

    fn on_pod(&mut self, pod: &SlimPod, now: Timestamp) {
        let meta = &pod.metadata;
        let (Some(uid), Some(name)) = (meta.uid.as_deref(), meta.name.as_deref()) else { return };
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        if let Some(full) = &pod.full {
            let facts = evidence::pod::facts(full, &evidence::Owners::default());
            self.observe(&Arc::new(facts), None, now);
            return;
        }
        for key in self.book.of_pod(uid) {
            if let Some(entry) = self.book.entries.get_mut(&key)
                && (pod.slim.healthy || pod.slim.succeeded)
            {
                entry.incident.pod_healthy(uid, now);
            }
            self.write_if_due(&key, now);
        }
        if pod.slim.succeeded {
            self.job_succeeded(namespace, pod, now);
        }
        if pod.slim.starting {
            let first_look = self.rules.policy.stuck_after + 1;
            self.suspects.add(uid, namespace, name, None, first_look, now);
        } else {
            self.suspects.clear(uid);
        }
    }

    /// A suspicious pod, as it is now; `around`: what was fetched for it.
    fn observe(&mut self, pod: &Arc<Pod>, around: Option<&Cluster>, now: Timestamp) {
        let pod = &self.with_namespace_annotations(pod);
        let nothing = Cluster::default();
        let noticed = detect::notice(pod, around.unwrap_or(&nothing), now, &self.rules.policy);
        if let Some(until) = detect::muted_until(pod, now) {
            self.silence(pod, until, now);
            return;
        }
        let known = self.book.knows_pod(&pod.uid);
        if noticed.is_empty() && !known {
            self.suspect(pod, now);
            return;
        }
        self.suspects.clear(&pod.uid);
        let owner = match self.owners.of(pod, now) {
            Owner::Known(owner) => owner,
            Owner::Ask => return self.jobs.push_back(Job::Resolve(pod.clone())),
            Owner::Asked => return,
        };
        let mut pod = (**pod).clone();
        pod.workload.clone_from(&owner.workload);
        self.record(&Arc::new(pod), &owner, &noticed, now);
    }

    fn record(&mut self, pod: &Arc<Pod>, owner: &Arc<Resolved>, noticed: &[Noticed], now: Timestamp) {
        let mut keys: Vec<Key> = Vec::new();
        for n in noticed {
            let Some(container) = pod.container(&n.container) else { continue };
            let key = self.book.open(pod, &owner.workload, container);
            if let Some(entry) = self.book.entries.get_mut(&key) {
                entry.incident.pods_total = owner.pods_total.or(entry.incident.pods_total);
            }
            let sight = sighting::sight(pod, container, n.trigger == Trigger::Stuck);
            self.see(&key, pod, owner, &sight, &n.container, now);
            keys.push(key);
        }
        if self.ending.is_gone(&pod.uid) {
            return self.on_gone(&pod.uid, now);
        }
        for key in self.book.of_pod(&pod.uid).into_iter().filter(|k| !keys.contains(k)).collect::<Vec<_>>() {
            let Some(name) = self.book.entries.get(&key).map(|e| e.incident.spec.container.clone()) else { continue };
            if let Some(container) = pod.container(&name) {
                let sight = sighting::sight(pod, container, false);
                self.see(&key, pod, owner, &sight, &name, now);
            }
        }
    }

    fn see(
        &mut self,
        key: &Key,
        pod: &Arc<Pod>,
        owner: &Arc<Resolved>,
        sight: &Sighting,
        container: &str,
        now: Timestamp,
    ) {
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        let sight = &entry.incident.continued(sight.clone());
        let seen = entry.incident.see(sight, now);
        self.metrics_count(key, &seen.count);
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        if seen.look != LookFor::Nothing {
            let whose = Whose { key: key.clone(), signature: sight.signature.clone(), uid: sight.uid.clone() };
            let look = Look {
                whose,
                pod: pod.clone(),
                container: container.to_owned(),
                past: entry.incident.past(),
                owner: owner.clone(),
                with_log: self.rules.logs && !pod.wants_no_logs(),
                quiet: silence::no_logs(&self.namespaces),
                known: Vec::new(),
            };
            let look = entry.begin(look, seen.look);
            self.jobs.extend(look.map(|l| Job::Look(Box::new(l))));
        }
        self.write_if_due(key, now);
    }

    fn look_over(&mut self, whose: &Whose, now: Timestamp) {
        let Some(entry) = self.book.entries.get_mut(&whose.key) else { return };
        let next = entry.look_over(whose);
        self.jobs.extend(next.into_iter().map(|l| Job::Look(Box::new(l))));
        let counts = entry.incident.look_over(&whose.signature, &whose.uid, now);
        for count in counts {
            self.metrics_count(&whose.key, &count);
        }
        self.write_if_due(&whose.key, now);
        // Where a write is under way, its end is the time to tell of it.
        if self.book.entries.get(&whose.key).is_some_and(|e| !e.writing) {
            self.tell(&whose.key, now);
        }
    }

    /// A job is done.
    pub fn on_done(&mut self, done: Done, now: Timestamp) {
        match done {
            Done::Resolved(controller, resolved) => {
                for pod in self.owners.answered(&controller, *resolved, now) {
                    self.observe(&pod, None, now);
                }
            }
            Done::Explained(whose, verdict) => {
                let Some(entry) = self.book.entries.get_mut(&whose.key) else { return };
                entry.incident.explain(&whose.signature, &whose.uid, *verdict, now);
                self.write_if_due(&whose.key, now);
            }
            Done::Deepened(whose, deeper) => {
                if let Some(entry) = self.book.entries.get_mut(&whose.key) {
                    entry.deepened(&whose.signature, *deeper);
                }
            }
            Done::LookOver(whose) => self.look_over(&whose, now),
            Done::Written(key, status, result) => self.written(&key, *status, result, now),
            Done::Deleted(key, Ok(())) => self.on_object_deleted(&key),
            Done::Deleted(key, Err(error)) => {
                self.failed("delete", &error);
                if let Some(entry) = self.book.entries.get_mut(&key) {
                    entry.failed(now);
                }
            }
            Done::Published(result) => {
                if let Err(error) = result {
                    self.failed("event", &error);
                }
            }
            Done::Rechecked(Some(found)) => {
                let (pod, cluster) = *found;
                self.recheck(&Arc::new((*pod).clone()), &cluster, now);
            }
            // The leader's own question.
            Done::Rechecked(None) | Done::Answered(_) => {}
            Done::Exists(key, exists) => self.deserted(&key, exists, now),
        }
    }

    /// Time passes; to be called about every second.
    pub fn tick(&mut self, now: Timestamp) {
        let keys: Vec<Key> = self.book.entries.keys().cloned().collect();
        for key in keys {
            let Some(entry) = self.book.entries.get_mut(&key) else { continue };
            entry.incident.tick(now, self.rules.times);
            let over = entry.incident.expired(now, self.rules.times) && now >= entry.next_write;
            if (over || entry.may_be_silenced(now)) && !entry.writing {
                entry.writing = true;
                self.jobs.push_back(Job::Delete(key.clone()));
                continue;
            }
            let held = entry.holds_back() && !entry.writing;
            self.book.forget_replaced(&key, now, self.rules.times);
            self.look_after_deserted(&key, now);
            self.write_if_due(&key, now);
            if held {
                self.tell(&key, now);
            }
        }
        for (_, suspect) in self.suspects.due(now, RECHECKS) {
            self.look_again(suspect, now);
        }
        for pod in self.ending.due(now) {
            self.jobs.push_back(Job::Recheck(pod.namespace.clone(), pod.name.clone(), Some(pod)));
        }
    }
}
