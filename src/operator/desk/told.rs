//! What the desk has others write: objects, Events, metrics; and what came of it.

use super::super::book::Key;
use super::super::entry::Tell;
use super::super::incident::Count;
use super::super::work::Job;
use super::Desk;
use crate::api::{self, State};
use crate::diagnose::facts::{Timestamp, Workload};
use crate::report::apply::{self, Wanted, Written};
use crate::report::event::{self, Regarding};

impl Desk {
    /// One of our objects was deleted, by us, by a user, or with its workload.
    pub fn on_object_deleted(&mut self, key: &Key) {
        if let Some(entry) = self.book.drop(key) {
            let (cause, reason) = entry.written.map(|w| (w.cause, w.reason)).unwrap_or_default();
            self.metrics.forget(&key.0, &entry.incident.spec, &cause, &reason);
        }
    }

    pub(super) fn written(
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

    pub(super) fn failed(&self, what: &'static str, error: &apply::Error) {
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

    pub(super) fn write_if_due(&mut self, key: &Key, now: Timestamp) {
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
    pub(super) fn tell(&mut self, key: &Key, now: Timestamp) {
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
                    let note = event::recovery_note(container, status, entry.incident.has_no_pods());
                    event::event(&regarding, note, "Recovered", false, now)
                }
                _ => {
                    event::event(&regarding, event::note(container, status, &key.0, &key.1), &status.reason, true, now)
                }
            };
            self.jobs.push_back(Job::Publish(Box::new(event)));
        }
    }

    pub(super) fn show(&self, key: &Key, before: Option<(&str, &str)>) {
        if let Some(entry) = self.book.entries.get(key)
            && let Some(status) = &entry.written
        {
            self.metrics.show(&key.0, &entry.incident.spec, status, before);
        }
    }

    pub(super) fn metrics_count(&self, key: &Key, count: &Count) {
        if let Some(entry) = self.book.entries.get(key) {
            self.metrics.count(&key.0, &entry.incident.spec, &count.cause, &count.reason, count.crashes);
        }
    }
}
