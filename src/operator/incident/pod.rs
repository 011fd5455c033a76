//! What is known of one pod of an incident.

use std::collections::VecDeque;

use super::super::backoff::BackOff;
use super::super::sighting::Sighting;
use super::Times;
use crate::api;
use crate::diagnose::facts::Timestamp;
use crate::report::resource;

/// Identities of crashes kept per pod: a status shows two ends at most, and one obstacle.
const MAX_IDS: usize = 4;

#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent observations")]
pub(super) struct PodState {
    pub(super) name: String,
    pub(super) node: Option<String>,
    pub(super) restarts: i64,
    pub(super) word: String,
    pub(super) ids: VecDeque<String>,
    pub(super) last_at: Option<Timestamp>,
    pub(super) running_since: Option<Timestamp>,
    pub(super) down: bool,
    /// Over, and its controller has made another.
    pub(super) replaced: bool,
    pub(super) next_restart: Option<Timestamp>,
    pub(super) back_off: BackOff,
    pub(super) signature: String,
    /// Its crash is being looked at.
    pub(super) looked_at: bool,
    /// Crashes that the object may not know of yet.
    pub(super) unwritten: usize,
    /// Known from the object only; not seen since the operator started.
    pub(super) restored: bool,
}

impl PodState {
    pub(super) fn restore(p: &api::AffectedPod, history: &[api::HistoryEntry]) -> Self {
        let of_pod = history.iter().rev().filter(|h| h.pod == p.name).filter_map(|h| h.id.clone());
        let mut ids: VecDeque<String> = of_pod.chain(p.last_crash.clone()).collect();
        ids.drain(..ids.len().saturating_sub(MAX_IDS));
        Self {
            name: p.name.clone(),
            node: p.node.clone(),
            restarts: p.restarts,
            word: p.state.clone(),
            ids,
            last_at: p.last_crash_at.as_ref().map(|t| t.0),
            restored: true,
            ..Self::default()
        }
    }

    pub(super) fn update(&mut self, s: &Sighting, now: Timestamp) {
        for c in &s.crashes {
            if self.ids.contains(&c.id) {
                continue;
            }
            // A pod that was known from its object may show an end before the one that the object names.
            if c.at.is_some() && c.at < self.last_at {
                self.ids.push_front(c.id.clone());
            } else {
                self.ids.push_back(c.id.clone());
                // The kubelet gives no time to an end that it did not see (ContainerStatusUnknown): it was a moment ago.
                let unseen = (!c.id.starts_with("waiting:")).then(|| resource::whole_seconds(now));
                self.last_at = self.last_at.max(c.at.or(unseen));
            }
        }
        while self.ids.len() > MAX_IDS {
            self.ids.pop_front();
        }
        self.name.clone_from(&s.pod);
        self.node.clone_from(&s.node);
        self.restarts = s.restarts;
        self.word.clone_from(&s.word);
        self.running_since = s.running_since;
        self.down = s.down;
        self.replaced = s.replaced;
        if let Some(waited) = s.waited {
            self.back_off.saw(s.restarts, waited);
        }
        self.next_restart = s.waits.and_then(|wait| self.back_off.next(s.restarts, &wait));
        self.restored = false;
        // What runs again after an obstacle keeps the signature of its trouble.
        if s.down || self.signature.is_empty() || !s.crashes.is_empty() {
            self.signature.clone_from(&s.signature);
        }
    }

    /// Down, or not up for long enough since, or (replaced by its controller, like an evicted pod) down a short while ago.
    pub(super) fn in_trouble(&self, now: Timestamp, times: Times) -> bool {
        let recent = |t: Timestamp| now.as_second() - t.as_second() < times.resolve_after;
        self.down || self.restored || self.running_since.or(self.last_at).is_some_and(recent)
    }
}
