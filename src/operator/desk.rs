//! The desk: owns all state, decides everything, awaits nothing. Pods, finished jobs and ticks of the clock come in;
//! jobs go out. Time is an argument.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use kube::runtime::watcher::Event;

use super::book::{Book, Key, Tell};
use super::ending::Ending;
use super::incident::{Count, Times};
use super::owners::{Owner, Owners};
use super::sighting::{self, Sighting};
use super::suspects::Suspects;
use super::work::{Done, Job, Look};
use crate::api::{self, CrashDiagnosis, State};
use crate::collect::Resolved;
use crate::diagnose::facts::{self, Cluster, Pod, Timestamp, Workload};
use crate::evidence;
use crate::health::Health;
use crate::report::apply::{self, Wanted, Written};
use crate::report::event::{self, Regarding};
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

    /// A pod of a Job ended well: what failed before it is made good, if the Job wants one success only.
    fn job_succeeded(&mut self, namespace: &str, pod: &SlimPod, now: Timestamp) {
        let (Some(job), Some(ended)) = (&pod.slim.job, pod.slim.ended) else { return };
        let made_good = |spec: &api::WorkloadRef| match spec.kind.as_str() {
            "Job" => spec.name == *job,
            "CronJob" => {
                job.strip_prefix(&spec.name).and_then(|r| r.strip_prefix('-')).is_some_and(|r| !r.contains('-'))
            }
            _ => false,
        };
        let mut keys = Vec::new();
        for (key, entry) in self.book.entries.iter_mut().filter(|(k, _)| k.0 == namespace) {
            let incident = &mut entry.incident;
            let later = incident.last_seen().is_none_or(|t| ended > t);
            if made_good(&incident.spec.workload) && incident.pods_total.unwrap_or(1) <= 1 && later {
                incident.succeeded(now);
                keys.push(key.clone());
            }
        }
        for key in keys {
            self.write_if_due(&key, now);
        }
    }

    /// A suspicious pod, as it is now; `around`: what was fetched for it.
    fn observe(&mut self, pod: &Arc<Pod>, around: Option<&Cluster>, now: Timestamp) {
        let pod = &self.with_namespace_annotations(pod);
        let nothing = Cluster::default();
        let noticed = detect::notice(pod, around.unwrap_or(&nothing), now, &self.rules.policy);
        if detect::is_muted(pod, now) {
            self.on_gone(&pod.uid, now);
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
        let seen = entry.incident.see(sight, now);
        self.metrics_count(key, &seen.count);
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        if seen.look && entry.looking.insert(sight.signature.clone()) {
            let no_logs = is_true(pod, "crashdiagnosis.dev/no-logs");
            self.jobs.push_back(Job::Look(Box::new(Look {
                key: key.clone(),
                signature: sight.signature.clone(),
                pod: pod.clone(),
                container: container.to_owned(),
                past: entry.incident.past(),
                owner: owner.clone(),
                with_log: self.rules.logs && !no_logs,
                known: entry.deeper.get(&sight.signature).cloned(),
            })));
        }
        self.write_if_due(key, now);
    }

    /// Not crashing as far as can be seen; worth another look if something waits.
    fn suspect(&mut self, pod: &Arc<Pod>, now: Timestamp) {
        self.ending.note(pod, now);
        let waits = pod.containers.iter().any(|c| matches!(c.status.state, facts::State::Waiting { .. }));
        if waits && pod.deleting.is_none() {
            let first_look = self.rules.policy.config_grace + 1;
            self.suspects.add(&pod.uid, &pod.namespace, &pod.name, Some(pod.clone()), first_look, now);
        } else {
            self.suspects.clear(&pod.uid);
        }
    }

    /// Owners may put our annotations on the namespace; those on the pod win.
    fn with_namespace_annotations(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        let Some(of_namespace) = self.namespaces.get(&pod.namespace) else { return pod.clone() };
        let mut pod = (**pod).clone();
        for (k, v) in of_namespace {
            pod.annotations.entry(k.clone()).or_insert_with(|| v.clone());
        }
        Arc::new(pod)
    }

    /// Our annotations on a namespace, as they are now.
    pub fn on_namespace(&mut self, name: String, annotations: std::collections::BTreeMap<String, String>) {
        if annotations.is_empty() {
            self.namespaces.remove(&name);
        } else {
            self.namespaces.insert(name, annotations);
        }
    }

    /// One of our objects was deleted, by us, by a user, or with its workload.
    pub fn on_object_deleted(&mut self, key: &Key) {
        if let Some(entry) = self.book.drop(key) {
            let (cause, reason) = entry.written.map(|w| (w.cause, w.reason)).unwrap_or_default();
            self.metrics.forget(&key.0, &entry.incident.spec, &cause, &reason);
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
            Done::Explained(key, signature, verdict) => {
                let Some(entry) = self.book.entries.get_mut(&key) else { return };
                entry.incident.explain(&signature, *verdict, now);
                self.write_if_due(&key, now);
            }
            Done::Deepened(key, signature, deeper) => {
                if let Some(entry) = self.book.entries.get_mut(&key) {
                    entry.deepened(signature, *deeper);
                }
            }
            Done::LookOver(key, signature) => {
                let Some(entry) = self.book.entries.get_mut(&key) else { return };
                entry.looking.remove(&signature);
                let count = entry.incident.look_over(&signature);
                self.metrics_count(&key, &count);
                self.write_if_due(&key, now);
                // Where a write is under way, its end is the time to tell of it.
                if self.book.entries.get(&key).is_some_and(|e| !e.writing) {
                    self.tell(&key, now);
                }
            }
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

    /// A pod that was looked at again. Unlike a watch event it may be older than what is known, so it only ever adds trouble.
    fn recheck(&mut self, pod: &Arc<Pod>, around: &Cluster, now: Timestamp) {
        if !detect::notice(pod, around, now, &self.rules.policy).is_empty() {
            self.observe_stuck(pod, around, now);
        }
    }

    fn observe_stuck(&mut self, pod: &Arc<Pod>, around: &Cluster, now: Timestamp) {
        let pod = &self.with_namespace_annotations(pod);
        let noticed = detect::notice(pod, around, now, &self.rules.policy);
        match self.owners.of(pod, now) {
            Owner::Known(owner) => {
                self.suspects.clear(&pod.uid);
                let mut pod = (**pod).clone();
                pod.workload.clone_from(&owner.workload);
                self.record(&Arc::new(pod), &owner, &noticed, now);
            }
            // Its next look finds the answer; the pod has waited for half a minute already.
            Owner::Ask if pod.phase == "Failed" => self.jobs.push_back(Job::Resolve(pod.clone())),
            Owner::Ask => {
                self.suspects.add(&pod.uid, &pod.namespace, &pod.name, None, 1, now);
                self.suspects.hurry(&pod.uid, now);
                self.jobs.push_back(Job::Resolve(pod.clone()));
            }
            Owner::Asked => self.suspects.hurry(&pod.uid, now),
        }
    }

    fn written(
        &mut self,
        key: &Key,
        status: api::CrashDiagnosisStatus,
        result: Result<Written, apply::Error>,
        now: Timestamp,
    ) {
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        match result {
            Ok(Written::Done) => {
                self.health.good("write");
                let before = entry.written.take();
                let newer = before.as_ref().is_none_or(|b| b.last_seen != status.last_seen);
                let ended = status.last_crash.as_ref().and_then(|c| c.finished_at.as_ref()).map(|t| t.0);
                if let Some(ended) = ended.filter(|t| newer && *t >= self.started && *t <= now) {
                    self.metrics.detection.observe(now.duration_since(ended).as_secs_f64());
                }
                tracing::info!(ns = %key.0, name = %key.1, state = ?status.state, reason = %status.reason, pods = %status.pods_ratio, "written");
                entry.wrote(status, now);
                let before = before.map(|b| (b.cause, b.reason));
                self.show(key, before.as_ref().map(|(c, r)| (c.as_str(), r.as_str())));
                self.tell(key, now);
                self.write_if_due(key, now);
            }
            Ok(Written::Gone) => {
                entry.is_gone();
                // Recovered, and somebody or the garbage collector took it: let it go.
                if entry.incident.state == State::Recovered || entry.incident.has_no_pods() {
                    self.on_object_deleted(key);
                } else {
                    self.write_if_due(key, now);
                }
            }
            Err(error) => {
                entry.failed(now);
                if entry.failures == 3 && matches!(&error, apply::Error::Api(kube::Error::Api(s)) if s.is_invalid()) {
                    // The same name for another container type: the spec cannot change, so the old object has to go.
                    entry.is_gone();
                    self.jobs.push_back(Job::Delete(key.clone()));
                }
                self.failed("write", &error);
            }
        }
    }

    fn failed(&self, what: &'static str, error: &apply::Error) {
        let apply::Error::Api(inner) = error;
        let category = apply::category(inner);
        self.metrics.reconcile_errors.with_label_values(&[category]).inc();
        let then = if what == "event" { "failed" } else { "failed, will be tried again" };
        tracing::warn!(what, category, %error, "{then}");
        if category == "Forbidden" {
            self.health.refused();
        }
        if what == "write" && category != "Conflict" && category != "Invalid" {
            self.health.bad("write", format!("CrashDiagnosis objects cannot be written: {error}"));
        }
    }

    /// The last pod of an incident is gone. Does its workload exist?
    fn deserted(&mut self, key: &Key, exists: Option<bool>, now: Timestamp) {
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        entry.deserted = Some(now);
        if exists == Some(false) && entry.incident.has_no_pods() {
            tracing::info!(ns = %key.0, name = %key.1, "the workload is gone: deleting its diagnosis");
            self.jobs.push_back(Job::Delete(key.clone()));
        }
    }

    /// Time passes; to be called about every second.
    pub fn tick(&mut self, now: Timestamp) {
        let keys: Vec<Key> = self.book.entries.keys().cloned().collect();
        for key in keys {
            let Some(entry) = self.book.entries.get_mut(&key) else { continue };
            entry.incident.tick(now, self.rules.times);
            if entry.incident.expired(now, self.rules.times) && !entry.writing && now >= entry.next_write {
                entry.writing = true;
                self.jobs.push_back(Job::Delete(key.clone()));
                continue;
            }
            self.look_after_deserted(&key, now);
            self.write_if_due(&key, now);
        }
        for (uid, suspect) in self.suspects.due(now, RECHECKS) {
            self.look_again(&uid, suspect, now);
        }
        for pod in self.ending.due(now) {
            self.jobs.push_back(Job::Recheck(pod.namespace.clone(), pod.name.clone(), Some(pod)));
        }
    }

    fn look_after_deserted(&mut self, key: &Key, now: Timestamp) {
        let synced = self.is_synced();
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        if !synced || !entry.incident.has_no_pods() {
            return;
        }
        let since = *entry.deserted.get_or_insert(now);
        if now.as_second() - since.as_second() >= DESERTED {
            // Until the answer comes nobody asks again; then every half hour.
            entry.deserted = now.checked_add(jiff::SignedDuration::from_mins(30)).ok();
            self.jobs.push_back(Job::Exists(key.clone(), entry.incident.workload.clone()));
        }
    }

    fn look_again(&mut self, uid: &str, suspect: super::suspects::Suspect, now: Timestamp) {
        if let Some(pod) = &suspect.pod {
            let noticed = detect::notice(pod, &Cluster::default(), now, &self.rules.policy);
            if !noticed.is_empty() {
                self.observe(&pod.clone(), None, now);
                return;
            }
            if !detect::wants_events(pod, now, &self.rules.policy) {
                return;
            }
        }
        let _ = uid;
        self.jobs.push_back(Job::Recheck(suspect.namespace, suspect.name, suspect.pod));
    }

    fn write_if_due(&mut self, key: &Key, now: Timestamp) {
        let synced = self.is_synced();
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        // Half of the first list is half of the truth: what an earlier life wrote is better until it is read.
        if !synced && entry.written.is_some() {
            return;
        }
        let Some(due) = entry.due(now, self.rules.times) else { return };
        entry.writing = true;
        let incident = &entry.incident;
        self.jobs.push_back(Job::Write(
            key.clone(),
            Box::new(Wanted {
                namespace: incident.namespace.clone(),
                name: incident.name.clone(),
                spec: incident.spec.clone(),
                workload: incident.workload.clone(),
                status: due.status,
                whole: due.whole,
            }),
        ));
    }

    /// Events that are due.
    fn tell(&mut self, key: &Key, now: Timestamp) {
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        let due = entry.tell(now);
        if !self.rules.events {
            return;
        }
        let Some(status) = &entry.written else { return };
        let container = &entry.incident.spec.container;
        for tell in due {
            let pod = |name: String, uid: String| Workload {
                api_version: "v1".into(),
                kind: "Pod".into(),
                name,
                uid: Some(uid),
            };
            let (object, in_pod) = match &tell {
                Tell::Pod(name, uid) => (pod(name.clone(), uid.clone()), true),
                Tell::Workload | Tell::Recovery => (entry.incident.workload.clone(), false),
            };
            let regarding =
                Regarding { namespace: key.0.clone(), object, container: in_pod.then(|| container.clone()) };
            let event = match tell {
                Tell::Recovery => {
                    event::event(&regarding, event::recovery_note(container, status), "Recovered", false, now)
                }
                _ => {
                    event::event(&regarding, event::note(container, status, &key.0, &key.1), &status.reason, true, now)
                }
            };
            self.jobs.push_back(Job::Publish(Box::new(event)));
        }
    }

    fn show(&self, key: &Key, before: Option<(&str, &str)>) {
        if let Some(entry) = self.book.entries.get(key)
            && let Some(status) = &entry.written
        {
            self.metrics.show(&key.0, &entry.incident.spec, status, before);
        }
    }

    fn metrics_count(&self, key: &Key, count: &Count) {
        if let Some(entry) = self.book.entries.get(key) {
            self.metrics.count(&key.0, &entry.incident.spec, &count.cause, &count.reason, count.crashes);
        }
    }
}

fn is_true(pod: &Pod, annotation: &str) -> bool {
    pod.annotations.get(annotation).is_some_and(|v| v.trim().eq_ignore_ascii_case("true"))
}
