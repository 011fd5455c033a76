//! What time and pods do to an incident: pods go, heal, are replaced; it recovers, and its time ends.

use super::{Incident, PodState, Times};
use crate::api;
use crate::diagnose::facts::Timestamp;

impl Incident {
    /// The pod exists no more.
    pub fn pod_gone(&mut self, uid: &str, now: Timestamp) {
        if self.pods.remove(uid).is_some_and(|p| p.down || p.restored) {
            self.trouble = self.trouble.max(Some(now));
        }
    }

    /// The pod's owner wants nothing said of it.
    pub fn forget_pod(&mut self, uid: &str) {
        self.pods.remove(uid);
    }

    /// The names of the pods that play a part.
    pub fn pod_names(&self) -> impl Iterator<Item = &str> {
        self.pods.values().map(|p| p.name.as_str())
    }

    /// The pod runs, or has ended well, and nothing about it is suspicious.
    pub fn pod_healthy(&mut self, uid: &str, now: Timestamp) {
        if let Some(pod) = self.pods.get_mut(uid) {
            if pod.down || pod.restored {
                self.trouble = self.trouble.max(Some(now));
            }
            pod.down = false;
            pod.restored = false;
            pod.word = "Running".into();
            pod.running_since = pod.running_since.or(Some(now));
            pod.next_restart = None;
            pod.ids.retain(|id| !id.starts_with("waiting:"));
        }
    }

    /// A run of the same workload ended well after the failures (Jobs): there is nothing left to wait for.
    pub fn succeeded(&mut self, now: Timestamp) {
        if self.state == api::State::Crashing {
            self.pods.clear();
            self.recover(now);
        }
    }

    /// Forgets pods that their controller has replaced, once they play no part any more; returns their uids.
    pub fn forget_replaced(&mut self, now: Timestamp, times: Times) -> Vec<String> {
        let over = |p: &PodState| p.replaced && !p.in_trouble(now, times);
        let gone: Vec<String> = self.pods.iter().filter(|(_, p)| over(p)).map(|(uid, _)| uid.clone()).collect();
        for uid in &gone {
            self.pods.remove(uid);
        }
        gone
    }

    /// The pods that play a part.
    pub fn pod_uids(&self) -> impl Iterator<Item = &String> {
        self.pods.keys()
    }

    /// When the newest crash was.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.last_seen
    }

    /// Lets time pass.
    pub fn tick(&mut self, now: Timestamp, times: Times) {
        let quiet = self.trouble.is_none_or(|t| now.as_second() - t.as_second() >= times.resolve_after);
        if self.state == api::State::Crashing && quiet && self.affected(now, times).next().is_none() {
            self.recover(now);
        }
    }

    fn recover(&mut self, now: Timestamp) {
        self.state = api::State::Recovered;
        self.recovered_at = Some(now);
    }

    /// Its time is over.
    pub fn expired(&self, now: Timestamp, times: Times) -> bool {
        self.state == api::State::Recovered
            && self.recovered_at.is_some_and(|t| now.as_second() - t.as_second() >= times.retention)
    }

    /// Whether no pod of it is known to exist.
    pub fn has_no_pods(&self) -> bool {
        self.pods.is_empty()
    }
}
