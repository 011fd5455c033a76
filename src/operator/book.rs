//! All incidents, how to find them by workload and by pod, and what of them stands in the cluster already.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::entry::Entry;
use super::incident::{Incident, Times};
use crate::api::{CrashDiagnosis, State};
use crate::diagnose::facts::{Container, Pod, Timestamp, Workload};
use crate::report::{name, resource};

/// Namespace and name of a CrashDiagnosis.
pub type Key = (String, String);

/// All incidents.
#[derive(Debug, Default)]
pub struct Book {
    /// By namespace and name of the object.
    pub entries: HashMap<Key, Entry>,
    by_pod: HashMap<String, BTreeSet<Key>>,
}

impl Book {
    /// Takes up an object of an earlier life.
    pub fn restore(&mut self, object: &CrashDiagnosis) {
        let Some(incident) = Incident::restore(object) else { return };
        let key = (incident.namespace.clone(), incident.name.clone());
        for uid in incident.pod_uids() {
            self.by_pod.entry(uid.clone()).or_default().insert(key.clone());
        }
        let mut entry = Entry::new(incident);
        entry.written_owner.clone_from(&entry.incident.workload.uid);
        entry.written.clone_from(&object.status);
        if let Some(status) = object.status.as_ref().filter(|s| s.state == State::Crashing) {
            entry.has_told(status);
        }
        self.entries.insert(key, entry);
    }

    /// The incident of a pod's container, opened if there is none.
    pub fn open(&mut self, pod: &Pod, workload: &Workload, container: &Container) -> Key {
        let spec = resource::spec(workload, &container.name, container.kind);
        let plain = name::plain(&workload.kind, &workload.name, &container.name);
        let mut key = (pod.namespace.clone(), plain);
        let group = |api_version: &str| api_version.split_once('/').map_or("", |(g, _)| g).to_owned();
        let taken = |e: &Entry| group(&e.incident.spec.workload.api_version) != group(&workload.api_version);
        if self.entries.get(&key).is_some_and(taken) {
            key.1 = name::hashed(&workload.kind, &workload.name, &container.name, &workload.api_version);
        }
        let entry = self
            .entries
            .entry(key.clone())
            .or_insert_with(|| Entry::new(Incident::new(&key.0, key.1.clone(), spec, workload.clone())));
        if workload.uid.is_some() {
            entry.incident.workload.uid.clone_from(&workload.uid);
        }
        entry.deserted = None;
        entry.silenced = false;
        self.by_pod.entry(pod.uid.clone()).or_default().insert(key.clone());
        key
    }

    /// Incidents that a pod plays a part in.
    pub fn of_pod(&self, uid: &str) -> Vec<Key> {
        self.by_pod.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Whether a pod plays a part in any.
    pub fn knows_pod(&self, uid: &str) -> bool {
        self.by_pod.contains_key(uid)
    }

    /// The uids of all pods that play a part, in one namespace or in all.
    pub fn pods(&self, namespace: Option<&str>) -> HashSet<String> {
        let within = |keys: &BTreeSet<Key>| namespace.is_none_or(|ns| keys.iter().any(|k| k.0 == ns));
        self.by_pod.iter().filter(|(_, keys)| within(keys)).map(|(uid, _)| uid.clone()).collect()
    }

    /// Forgets pods that were replaced a while ago.
    pub fn forget_replaced(&mut self, key: &Key, now: Timestamp, times: Times) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        for uid in entry.incident.forget_replaced(now, times) {
            if let Some(keys) = self.by_pod.get_mut(&uid) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_pod.remove(&uid);
                }
            }
        }
    }

    /// The pod exists no more. Returns the incidents that it was part of.
    pub fn pod_gone(&mut self, uid: &str, now: Timestamp) -> Vec<Key> {
        let keys: Vec<Key> = self.by_pod.remove(uid).into_iter().flatten().collect();
        for key in &keys {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.incident.pod_gone(uid, now);
                if entry.incident.has_no_pods() {
                    entry.deserted = Some(now);
                }
            }
        }
        keys
    }

    /// The pod's owner wants nothing said of it: an incident of which nothing else is left is to go.
    pub fn silence(&mut self, uid: &str) {
        for key in self.by_pod.remove(uid).into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.incident.forget_pod(uid);
                entry.silenced = entry.incident.has_no_pods();
            }
        }
    }

    /// Names of pods in trouble in a namespace.
    pub fn pods_in(&self, namespace: &str) -> BTreeSet<String> {
        let within = self.entries.iter().filter(|(k, _)| k.0 == namespace);
        within.flat_map(|(_, e)| e.incident.pod_names().map(str::to_owned)).collect()
    }

    /// The object is gone for good: so is the incident.
    pub fn drop(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        for uid in entry.incident.pod_uids() {
            if let Some(keys) = self.by_pod.get_mut(uid) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_pod.remove(uid);
                }
            }
        }
        Some(entry)
    }
}
