//! Who owns the pods: what was resolved lately, and the pods that wait for an answer.

use std::collections::HashMap;
use std::sync::Arc;

use crate::collect::Resolved;
use crate::diagnose::facts::{Pod, Timestamp};

/// Seconds for which an answer holds: replica counts change.
const FRESH: i64 = 300;
/// Most answers kept.
const MAX: usize = 2000;
/// Most pods that wait; a pod more comes back with its next change.
const MAX_WAITING: usize = 1000;

/// Answers by the uid of the pod's controller.
#[derive(Debug, Default)]
pub struct Owners {
    known: HashMap<String, (Arc<Resolved>, Timestamp)>,
    waiting: HashMap<String, HashMap<String, Arc<Pod>>>,
    waiting_total: usize,
}

/// Where a pod belongs.
#[derive(Debug)]
pub enum Owner {
    /// Known.
    Known(Arc<Resolved>),
    /// The pod waits; this is the first one to ask.
    Ask,
    /// The pod waits for an answer that is on its way.
    Asked,
}

impl Owners {
    /// The pod's owner, or the pod is put aside until [`Self::answered`].
    pub fn of(&mut self, pod: &Arc<Pod>, now: Timestamp) -> Owner {
        let Some(uid) = controller_uid(pod) else {
            let own = Resolved { workload: pod.workload.clone(), pods_total: Some(1), ..Resolved::default() };
            return Owner::Known(Arc::new(own));
        };
        if let Some((resolved, at)) = self.known.get(uid)
            && now.as_second() - at.as_second() < FRESH
        {
            return Owner::Known(resolved.clone());
        }
        let first = !self.waiting.contains_key(uid);
        let pods = self.waiting.entry(uid.to_owned()).or_default();
        if (self.waiting_total < MAX_WAITING || first) && pods.insert(pod.uid.clone(), pod.clone()).is_none() {
            self.waiting_total += 1;
        }
        if first { Owner::Ask } else { Owner::Asked }
    }

    /// The answer; gives back the pods that waited for it.
    pub fn answered(&mut self, controller: &str, resolved: Resolved, now: Timestamp) -> Vec<Arc<Pod>> {
        if self.known.len() >= MAX {
            self.known.retain(|_, (_, at)| now.as_second() - at.as_second() < FRESH);
            if self.known.len() >= MAX {
                self.known.clear();
            }
        }
        self.known.insert(controller.to_owned(), (Arc::new(resolved), now));
        let pods = self.waiting.remove(controller).unwrap_or_default();
        self.waiting_total -= pods.len();
        pods.into_values().collect()
    }

    /// A pod that is gone waits no more.
    pub fn forget(&mut self, pod_uid: &str) {
        for pods in self.waiting.values_mut() {
            if pods.remove(pod_uid).is_some() {
                self.waiting_total -= 1;
            }
        }
    }
}

/// The uid by which a pod's owner is looked up; `None` for a pod that is its own workload.
pub fn controller_uid(pod: &Pod) -> Option<&str> {
    pod.controller.as_ref().filter(|_| pod.workload.kind != "Pod")?.uid.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::Workload;
    use crate::diagnose::testing::{World, at};

    fn pod(uid: &str) -> Arc<Pod> {
        let mut pod = World::new().pod().clone();
        pod.uid = uid.into();
        let rs =
            Workload { kind: "ReplicaSet".into(), name: "web-1".into(), uid: Some("rs".into()), ..Workload::default() };
        pod.controller = Some(rs);
        Arc::new(pod)
    }

    #[test]
    fn one_question_for_all_replicas() {
        let mut owners = Owners::default();
        assert!(matches!(owners.of(&pod("a"), at(0)), Owner::Ask));
        assert!(matches!(owners.of(&pod("b"), at(0)), Owner::Asked));
        assert_eq!(owners.answered("rs", Resolved::default(), at(1)).len(), 2);
        assert!(matches!(owners.of(&pod("c"), at(2)), Owner::Known(_)));
        assert!(matches!(owners.of(&pod("c"), at(1000)), Owner::Ask));
        assert_eq!(owners.waiting_total, 1);
        owners.forget("c");
        assert_eq!(owners.waiting_total, 0);
    }

    #[test]
    fn a_bare_pod_owns_itself() {
        let mut bare = World::new().pod().clone();
        bare.workload.kind = "Pod".into();
        assert!(matches!(Owners::default().of(&Arc::new(bare), at(0)), Owner::Known(r) if r.pods_total == Some(1)));
    }
}
