//! What an earlier life of the operator has counted: nothing is counted twice after a restart, and nothing is lost.
//!
//! The object names ten crashes and ten pods. What is newer than all of them is new; what is as old must stand among them,
//! or have been pushed out by newer ones.

use super::sighting::SeenCrash;
use crate::api::CrashDiagnosisStatus;
use crate::diagnose::facts::Timestamp;

/// When, which pod, which container id; also the order in which the object lists crashes.
type Place = (Timestamp, String, String);

/// Taken from the object, once.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    until: Option<Timestamp>,
    crashes: Vec<Place>,
    /// Older crashes may have been pushed out of the list.
    crashes_cut: bool,
    /// There were more pods in trouble than the object names.
    pods_cut: bool,
}

impl Earlier {
    /// Reads it; `most` is the number of crashes that an object holds.
    pub fn of(status: &CrashDiagnosisStatus, most: usize) -> Self {
        let place = |h: &crate::api::HistoryEntry| {
            Some((h.time.as_ref()?.0, h.pod.clone(), h.id.clone().filter(|id| !id.is_empty())?))
        };
        let crashes: Vec<Place> = status.history.iter().filter_map(place).collect();
        let named = i64::try_from(status.pods.len()).unwrap_or(i64::MAX);
        Self {
            until: status.last_seen.as_ref().map(|t| t.0),
            // Entries without an id tell nothing of the others.
            crashes_cut: crashes.len() < status.history.len() || status.history.len() >= most,
            crashes,
            pods_cut: status.pods_affected > named,
        }
    }

    /// Whether this crash of a pod that this life has not seen yet was counted. `last`: the newest crash that the object
    /// knows of the pod, where it names the pod.
    pub fn counted(&self, pod: &str, crash: &SeenCrash, last: Option<Timestamp>) -> bool {
        let Some(until) = self.until else { return false };
        if self.crashes.iter().any(|(_, p, id)| p == pod && *id == crash.id) {
            return true;
        }
        match crash.at {
            // An obstacle has no time of its own: it was counted if the pod was in trouble, which may go unnamed.
            None => last.is_none() && self.pods_cut,
            Some(at) if last.is_some_and(|t| at < t) => true,
            Some(at) if at > until => false,
            Some(at) if self.crashes_cut => {
                let oldest = self.crashes.iter().min();
                oldest.is_none_or(|(t, p, id)| (at, pod, crash.id.as_str()) < (*t, p.as_str(), id.as_str()))
            }
            Some(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AffectedPod, HistoryEntry};
    use crate::diagnose::testing::at;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn crash(id: &str, seconds: i64) -> SeenCrash {
        SeenCrash { id: id.into(), at: Some(at(seconds)), ..SeenCrash::default() }
    }

    fn status(crashes: &[(&str, &str, i64)], affected: i64) -> CrashDiagnosisStatus {
        let entry = |(pod, id, t): &(&str, &str, i64)| HistoryEntry {
            time: Some(Time(at(*t))),
            pod: (*pod).into(),
            id: Some((*id).into()),
            ..HistoryEntry::default()
        };
        CrashDiagnosisStatus {
            last_seen: crashes.iter().map(|c| Time(at(c.2))).max_by_key(|t| t.0),
            history: crashes.iter().map(entry).collect(),
            pods: vec![AffectedPod { name: "a".into(), ..AffectedPod::default() }],
            pods_affected: affected,
            ..CrashDiagnosisStatus::default()
        }
    }

    #[test]
    fn a_replica_that_crashed_in_the_same_second_is_new() {
        let e = Earlier::of(&status(&[("a", "a1", 50)], 1), 10);
        assert!(e.counted("a", &crash("a1", 50), Some(at(50))));
        assert!(!e.counted("b", &crash("b1", 50), None));
        assert!(!e.counted("b", &crash("b1", 49), None), "told late by another kubelet");
        assert!(!e.counted("a", &crash("a2", 51), Some(at(50))));
    }

    #[test]
    fn what_may_have_been_pushed_out_was_counted() {
        let e = Earlier::of(&status(&[("d", "d1", 50), ("c", "c1", 40)], 4), 2);
        assert!(e.counted("b", &crash("b1", 39), None));
        assert!(e.counted("b", &crash("b1", 40), None), "it sorts behind what is listed");
        assert!(!e.counted("e", &crash("e1", 40), None), "it would be listed");
        assert!(!e.counted("e", &crash("e1", 51), None));
    }

    #[test]
    fn an_older_end_of_a_named_pod_was_counted() {
        let e = Earlier::of(&status(&[("a", "a3", 50)], 1), 10);
        assert!(e.counted("a", &crash("a2", 30), Some(at(50))));
    }

    #[test]
    fn an_obstacle_of_a_pod_that_goes_unnamed_is_not_counted_again() {
        let waiting = SeenCrash { id: "waiting:image".into(), ..SeenCrash::default() };
        let many = Earlier::of(&status(&[("a", "waiting:image", 50)], 500), 10);
        assert!(many.counted("b", &waiting, None));
        let one = Earlier::of(&status(&[("a", "waiting:image", 50)], 1), 10);
        assert!(!one.counted("b", &waiting, None));
        assert!(one.counted("a", &waiting, Some(at(50))));
    }

    #[test]
    fn a_new_incident_has_no_earlier_life() {
        assert!(!Earlier::default().counted("a", &crash("a1", 1), None));
    }
}
