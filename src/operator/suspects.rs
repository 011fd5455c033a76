//! Pods that may turn out to be stuck: pending, or waiting for something that may heal by itself. Looked at again after a
//! while, ever more rarely; healthy starts leave the list by themselves.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnose::facts::{Pod, Timestamp};

/// Most pods remembered; a pod more is noticed with its next change.
const MAX: usize = 10_000;
/// Most of them with their facts; the others are fetched when their time comes.
const MAX_WITH_FACTS: usize = 500;
/// Seconds between looks, the last one for ever.
const AGAIN: &[i64] = &[30, 60, 120, 300, 600];

/// A pod to be looked at again.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Its facts, where it was decoded.
    pub pod: Option<Arc<Pod>>,
    due: Timestamp,
    looks: usize,
}

/// The list.
#[derive(Debug, Default)]
pub struct Suspects {
    by_uid: HashMap<String, Suspect>,
    with_facts: usize,
}

impl Suspects {
    /// Remembers a pod; `first_look` seconds from now, unless it is remembered already.
    pub fn add(
        &mut self,
        uid: &str,
        namespace: &str,
        name: &str,
        pod: Option<Arc<Pod>>,
        first_look: i64,
        now: Timestamp,
    ) {
        let pod = pod.filter(|_| self.with_facts < MAX_WITH_FACTS);
        if let Some(known) = self.by_uid.get_mut(uid) {
            self.with_facts -= usize::from(known.pod.is_some());
            self.with_facts += usize::from(pod.is_some());
            known.pod = pod;
            // What it waits for now may deserve an earlier look than what it waited for before.
            known.due = known.due.min(later(now, first_look));
            return;
        }
        if self.by_uid.len() < MAX {
            self.with_facts += usize::from(pod.is_some());
            let due = later(now, first_look);
            let suspect = Suspect { namespace: namespace.into(), name: name.into(), pod, due, looks: 0 };
            self.by_uid.insert(uid.into(), suspect);
        }
    }

    /// Brings its next look forward to a second from now.
    pub fn hurry(&mut self, uid: &str, now: Timestamp) {
        if let Some(known) = self.by_uid.get_mut(uid) {
            known.due = later(now, 1);
        }
    }

    /// It is fine, gone, or part of an incident now.
    pub fn clear(&mut self, uid: &str) {
        if let Some(known) = self.by_uid.remove(uid) {
            self.with_facts -= usize::from(known.pod.is_some());
        }
    }

    /// At most `most` pods whose time has come, by uid; each gets its next time.
    pub fn due(&mut self, now: Timestamp, most: usize) -> Vec<(String, Suspect)> {
        let mut due = Vec::new();
        for (uid, s) in self.by_uid.iter_mut().filter(|(_, s)| s.due <= now).take(most) {
            due.push((uid.clone(), s.clone()));
            s.due = later(now, AGAIN[s.looks.min(AGAIN.len() - 1)]);
            s.looks += 1;
        }
        due
    }
}

fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::at;

    #[test]
    fn looks_become_rarer_and_end_with_health() {
        let mut s = Suspects::default();
        s.add("u", "shop", "web-1", None, 30, at(0));
        assert!(s.due(at(29), 10).is_empty());
        assert_eq!(s.due(at(30), 10).len(), 1);
        assert!(s.due(at(59), 10).is_empty());
        assert_eq!(s.due(at(60), 10).len(), 1);
        assert!(s.due(at(119), 10).is_empty());
        s.clear("u");
        assert!(s.due(at(9999), 10).is_empty());
    }

    #[test]
    fn a_new_trouble_brings_the_look_forward() {
        let mut s = Suspects::default();
        s.add("u", "shop", "web-1", None, 31, at(0));
        s.add("u", "shop", "web-1", None, 11, at(2));
        assert!(s.due(at(12), 10).is_empty());
        assert_eq!(s.due(at(13), 10).len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let mut s = Suspects::default();
        for i in 0..MAX + 5 {
            s.add(&i.to_string(), "shop", "web", Some(Arc::new(Pod::default())), 0, at(0));
        }
        assert_eq!((s.by_uid.len(), s.with_facts), (MAX, MAX_WITH_FACTS));
        for i in 0..MAX {
            s.clear(&i.to_string());
        }
        assert_eq!((s.by_uid.len(), s.with_facts), (0, 0));
    }
}
