//! Owners' wishes: what they say of a pod or its namespace, and what follows where they want silence.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::work::Job;
use super::Desk;
use crate::diagnose::facts::{Pod, Timestamp};

/// Pods looked at again when their namespace changes its word.
const MOST: usize = 50;

/// Our annotations, by namespace.
pub type Wishes = HashMap<String, BTreeMap<String, String>>;

/// Namespaces that want logs left alone.
pub fn no_logs(wishes: &Wishes) -> Vec<String> {
    let says = |of: &BTreeMap<String, String>| Pod { annotations: of.clone(), ..Pod::default() }.wants_no_logs();
    wishes.iter().filter(|(_, of)| says(of)).map(|(ns, _)| ns.clone()).collect()
}

impl Desk {
    /// Owners may put our annotations on the namespace; those on the pod win.
    pub(super) fn with_namespace_annotations(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        let Some(of_namespace) = self.namespaces.get(&pod.namespace) else { return pod.clone() };
        let mut pod = (**pod).clone();
        for (k, v) in of_namespace {
            pod.annotations.entry(k.clone()).or_insert_with(|| v.clone());
        }
        Arc::new(pod)
    }

    /// Our annotations on a namespace, as they are now. What is known of its pods is looked at in their light.
    pub fn on_namespace(&mut self, name: String, annotations: BTreeMap<String, String>) {
        let before = self.namespaces.remove(&name).unwrap_or_default();
        if before != annotations {
            for pod in self.book.pods_in(&name).into_iter().take(MOST) {
                self.jobs.push_back(Job::Recheck(name.clone(), pod, None));
            }
        }
        if !annotations.is_empty() {
            self.namespaces.insert(name, annotations);
        }
    }

    /// Nothing is to be said of this pod, for now or for ever. A row of which nothing else is left goes.
    pub(super) fn silence(&mut self, pod: &Pod, until: Timestamp, now: Timestamp) {
        self.suspects.clear(&pod.uid);
        self.owners.forget(&pod.uid);
        self.book.silence(&pod.uid);
        // The kubelet may have nothing new to tell of it when the time is over.
        if until < Timestamp::MAX && pod.deleting.is_none() {
            let wait = until.as_second() - now.as_second() + 1;
            self.suspects.add(&pod.uid, &pod.namespace, &pod.name, None, wait, now);
        }
    }
}
