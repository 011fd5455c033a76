//! What time tells: pods that may be stuck, workloads that may be gone, Jobs that succeeded after all.

use std::sync::Arc;

use super::super::book::Key;
use super::super::owners::Owner;
use super::super::suspects::Suspect;
use super::super::work::Job;
use super::{DESERTED, Desk};
use crate::api::{self};
use crate::diagnose::facts::{self, Cluster, Pod, Timestamp};
use crate::watch::detect;
use crate::watch::slim::SlimPod;

impl Desk {
    /// Not crashing as far as can be seen; worth another look if something waits.
    pub(super) fn suspect(&mut self, pod: &Arc<Pod>, now: Timestamp) {
        self.ending.note(pod, now);
        let waits = pod.containers.iter().any(|c| matches!(c.status.state, facts::State::Waiting { .. }));
        let ended = pod.phase == "Succeeded";
        if (waits || ended) && pod.deleting.is_none() {
            // Of an end in good order its events tell at once; what waits may heal first.
            let first_look = if ended { 1 } else { self.rules.policy.config_grace + 1 };
            self.suspects.add(&pod.uid, &pod.namespace, &pod.name, Some(pod.clone()), first_look, now);
        } else {
            self.suspects.clear(&pod.uid);
        }
    }

    /// A pod that was looked at again. Unlike a watch event it may be older than what is known, so it only ever adds trouble.
    pub(super) fn recheck(&mut self, pod: &Arc<Pod>, around: &Cluster, now: Timestamp) {
        let pod = &self.with_namespace_annotations(pod);
        if let Some(until) = detect::muted_until(pod, now) {
            return self.silence(pod, until, now);
        }
        if !detect::notice(pod, around, now, &self.rules.policy).is_empty() {
            self.observe_stuck(pod, around, now);
        }
    }

    pub(super) fn observe_stuck(&mut self, pod: &Arc<Pod>, around: &Cluster, now: Timestamp) {
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

    pub(super) fn look_again(&mut self, suspect: Suspect, now: Timestamp) {
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
        self.jobs.push_back(Job::Recheck(suspect.namespace, suspect.name, suspect.pod));
    }

    /// The last pod of an incident is gone. Does its workload exist?
    pub(super) fn deserted(&mut self, key: &Key, exists: Option<bool>, now: Timestamp) {
        let Some(entry) = self.book.entries.get_mut(key) else { return };
        entry.deserted = Some(now);
        if exists == Some(false) && entry.incident.has_no_pods() {
            tracing::info!(ns = %key.0, name = %key.1, "the workload is gone: deleting its diagnosis");
            self.jobs.push_back(Job::Delete(key.clone()));
        }
    }

    pub(super) fn look_after_deserted(&mut self, key: &Key, now: Timestamp) {
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

    /// A pod of a Job ended well: what failed before it is made good, if the Job wants one success only.
    pub(super) fn job_succeeded(&mut self, namespace: &str, pod: &SlimPod, now: Timestamp) {
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
}
