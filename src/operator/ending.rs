//! Pods of Jobs that are deleted while they run: a Job whose deadline ran out does that (job controller), and so does a person.
//! Only the Job tells which, a moment later; so their last state is kept until it was asked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::diagnose::facts::{Pod, State, Timestamp};

/// Seconds after the last news of the pod: the controller deletes first, and writes the Job's condition then.
const PATIENCE: i64 = 2;
/// Most pods kept; of more, the Job's own next pods tell.
const MAX: usize = 200;

/// The list.
#[derive(Debug, Default)]
pub struct Ending {
    waiting: HashMap<String, (Timestamp, Arc<Pod>)>,
    gone: HashSet<String>,
    asked: VecDeque<String>,
}

impl Ending {
    /// Remembers a pod's newest state, if it is one of those.
    pub fn note(&mut self, pod: &Arc<Pod>, now: Timestamp) {
        let of_job = pod.controller.as_ref().is_some_and(|o| o.kind == "Job");
        let ended = pod.containers.iter().any(|c| matches!(c.status.state, State::Terminated(_)));
        let room = self.waiting.len() < MAX || self.waiting.contains_key(&pod.uid);
        if of_job && ended && pod.deleting.is_some() && room && !self.asked.contains(&pod.uid) {
            self.waiting.insert(pod.uid.clone(), (now, pod.clone()));
        }
    }

    /// The pod exists no more.
    pub fn gone(&mut self, uid: &str) {
        if self.waiting.contains_key(uid) || self.asked.iter().any(|u| u == uid) {
            self.gone.insert(uid.to_owned());
        }
    }

    /// Whether a pod that was asked about has gone meanwhile.
    pub fn is_gone(&self, uid: &str) -> bool {
        self.gone.contains(uid)
    }

    /// Pods whose Job may be asked now; each is given once.
    pub fn due(&mut self, now: Timestamp) -> Vec<Arc<Pod>> {
        let ready = |at: Timestamp| now.as_second() - at.as_second() >= PATIENCE;
        let due: Vec<String> = self.waiting.iter().filter(|(_, (at, _))| ready(*at)).map(|(u, _)| u.clone()).collect();
        let pods: Vec<Arc<Pod>> = due.iter().filter_map(|uid| Some(self.waiting.remove(uid)?.1)).collect();
        self.asked.extend(due);
        while self.asked.len() > MAX {
            if let Some(uid) = self.asked.pop_front() {
                self.gone.remove(&uid);
            }
        }
        pods
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{Owner, Terminated};
    use crate::diagnose::testing::{World, at};

    fn pod(uid: &str) -> Arc<Pod> {
        let mut world = World::new();
        world.container().status.state = State::Terminated(Terminated { exit_code: 137, ..Terminated::default() });
        let mut pod = world.pod().clone();
        pod.uid = uid.into();
        pod.deleting = Some(at(30));
        pod.controller = Some(Owner { kind: "Job".into(), name: "export".into(), ..Owner::default() });
        Arc::new(pod)
    }

    #[test]
    fn a_jobs_pod_is_asked_about_once_and_a_moment_after_its_last_news() {
        let mut ending = Ending::default();
        ending.note(&pod("a"), at(0));
        ending.note(&pod("a"), at(1));
        assert!(ending.due(at(2)).is_empty());
        ending.gone("a");
        assert_eq!(ending.due(at(3)).len(), 1);
        assert!(ending.is_gone("a"));
        ending.note(&pod("a"), at(4));
        assert!(ending.due(at(10)).is_empty());
    }

    #[test]
    fn others_pods_and_those_that_still_run_are_nothing_to_ask_about() {
        let mut ending = Ending::default();
        let mut kept = (*pod("b")).clone();
        kept.controller = None;
        ending.note(&Arc::new(kept.clone()), at(0));
        let mut running = (*pod("c")).clone();
        running.containers[0].status.state = State::Running { since: None };
        ending.note(&Arc::new(running), at(0));
        assert!(ending.due(at(10)).is_empty());
        ending.gone("b");
        assert!(!ending.is_gone("b"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut ending = Ending::default();
        for i in 0..3 * MAX {
            ending.note(&pod(&i.to_string()), at(0));
        }
        assert_eq!(ending.due(at(5)).len(), MAX);
        for i in 0..3 * MAX {
            ending.note(&pod(&format!("x{i}")), at(0));
            ending.gone(&format!("x{i}"));
        }
        ending.due(at(5));
        assert!(ending.asked.len() <= MAX && ending.gone.len() <= MAX);
    }
}
