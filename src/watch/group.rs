//! Fifty replicas failing alike are one row: groups what was noticed by (workload, container).

use std::collections::BTreeMap;

use crate::diagnose::facts::{Cluster, Pod, Timestamp, Workload};

use super::detect::{self, Noticed, Policy};

/// One (workload, container) that is crashing.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// The top-level workload.
    pub workload: &'a Workload,
    /// The container's name.
    pub container: String,
    /// Its crashing pods with what was noticed of each, newest crash first; the first one stands for all.
    pub members: Vec<(&'a Pod, Noticed)>,
    /// How many pods the workload has in the facts.
    pub pods_total: usize,
}

/// Everything that is crashing now, in order of namespace, workload and container.
pub fn crashing<'a>(cluster: &'a Cluster, now: Timestamp, policy: &Policy) -> Vec<Group<'a>> {
    let noticed = |pod: &'a Pod| detect::notice(pod, cluster, now, policy).into_iter().map(move |n| (pod, n));
    let mut groups = of(cluster.pods.iter().flat_map(noticed));
    for group in &mut groups {
        let same = |p: &&Pod| {
            p.namespace == group.namespace
                && p.workload.kind == group.workload.kind
                && p.workload.name == group.workload.name
        };
        group.pods_total = cluster.pods.iter().filter(same).filter(|p| p.phase != "Succeeded").count();
    }
    groups
}

/// Groups what was noticed; how many pods there are besides is left to the caller.
pub fn of<'a>(noticed: impl Iterator<Item = (&'a Pod, Noticed)>) -> Vec<Group<'a>> {
    let mut groups: BTreeMap<(&str, &str, &str, String), Group<'a>> = BTreeMap::new();
    for (pod, noticed) in noticed {
        let w = &pod.workload;
        let key = (pod.namespace.as_str(), w.kind.as_str(), w.name.as_str(), noticed.container.clone());
        let group = groups.entry(key).or_insert_with(|| Group {
            namespace: &pod.namespace,
            workload: w,
            container: noticed.container.clone(),
            members: Vec::new(),
            pods_total: 0,
        });
        group.members.push((pod, noticed));
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for group in &mut groups {
        group.members.sort_by(|a, b| b.1.at.cmp(&a.1.at).then_with(|| a.0.name.cmp(&b.0.name)));
    }
    groups
}
