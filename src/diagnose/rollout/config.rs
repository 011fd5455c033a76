//! A ConfigMap or Secret that changed between the last good run and the first crash. By the times in its metadata: values are
//! never read.

use super::course::Course;
use super::story::about;
use crate::diagnose::causes::node::siblings::refers;
use crate::diagnose::facts::{ConfigObject, KeyRef, PastCrash, State, Timestamp, VolumeSource, Workload};
use crate::diagnose::{Case, Evidence, Remedy, Source};

/// Seconds before the first crash in which a change counts where no good run is known, but a rollout is, or a workload that was
/// there before the change and had not crashed.
const NEAR: i64 = 3_600;
/// Seconds that the workload must be older than the change: what is applied together did not run before.
const OLDER: i64 = 10;

/// A change, told in three places.
pub struct Changed {
    /// `ConfigMap web changed 4 min before the first crash.`
    pub text: String,
    /// The same, traceable.
    pub evidence: Evidence,
    /// Where to look.
    pub advice: Remedy,
}

/// What the container reads that changed. `rolled_out`: the crash began with a rollout.
pub fn changed(case: &Case, course: &Course, rolled_out: bool) -> Vec<Changed> {
    let Some(first) = course.first else { return Vec::new() };
    let good = course.good_since.or_else(|| newest_good_start(case, first));
    let Some(since) = good.or_else(|| Timestamp::from_second(first.as_second() - NEAR).ok()) else { return Vec::new() };
    let is_told = |t: Timestamp| good.is_some() || rolled_out || ran_before(case, t);
    let known = case.cluster.configs.iter().filter(|c| c.namespace == case.pod.namespace);
    let mut found: Vec<&ConfigObject> = known
        .filter(|c| refers(case.pod, case.container, &c.kind, &c.name))
        .filter(|c| was_edited(c) && c.changed.is_some_and(|t| t > since && t <= first && is_told(t)))
        .collect();
    found.sort_by_key(|c| (std::cmp::Reverse(c.changed), &c.kind, &c.name));
    found.dedup_by_key(|c| (&c.kind, &c.name));
    found.into_iter().take(3).map(|c| tell(case, c, first, good.is_some())).collect()
}

/// What was only created did not change.
fn was_edited(c: &ConfigObject) -> bool {
    c.changed.zip(c.created).is_none_or(|(changed, created)| changed.as_second() > created.as_second() + 1)
}

fn tell(case: &Case, c: &ConfigObject, first: Timestamp, after_good: bool) -> Changed {
    let lead = c.changed.map_or(0, |t| first.as_second() - t.as_second());
    let after = if after_good { ", after the last good start" } else { "" };
    let what = format!("changed {} before the first crash{after}", about(lead));
    let object = format!("{} {}/{}", c.kind.to_lowercase(), c.namespace, c.name);
    let command = match c.kind.as_str() {
        "Secret" => format!("kubectl -n {} describe secret {}", case.pod.namespace, c.name),
        _ => format!("kubectl -n {} get configmap {} -o yaml", case.pod.namespace, c.name),
    };
    Changed {
        text: format!("{} {} {what}.", c.kind, c.name),
        evidence: Evidence::new(Source::Config, what).of(object).at(c.changed),
        advice: Remedy::command(format!("Compare {} {} with what it was before.", c.kind, c.name), command),
    }
}

/// The workload was there before this moment, and no crash of it before is known: its pods were replaced (deleted, drained), and the
/// new ones read something else.
fn ran_before(case: &Case, change: Timestamp) -> bool {
    let Some(controller) = case.pod.controller.as_ref() else { return false };
    let same = |w: &Workload| (&w.kind, &w.name) == (&controller.kind, &controller.name);
    let mut owners = case.cluster.workloads.iter().filter(|w| w.namespace == case.pod.namespace && same(&w.workload));
    let older = owners.any(|w| w.created.is_some_and(|c| c.as_second() + OLDER < change.as_second()));
    let crashed = |p: &PastCrash| p.container == case.container.name && p.finished.is_some_and(|f| f < change);
    older && !case.cluster.history.iter().any(crashed)
}

/// The newest start, before the first crash, of a pod of the same workload that is healthy.
fn newest_good_start(case: &Case, first: Timestamp) -> Option<Timestamp> {
    let pod = case.pod;
    let siblings = case.cluster.pods.iter().filter(|p| {
        p.namespace == pod.namespace
            && p.name != pod.name
            && p.deleting.is_none()
            && (&p.workload.kind, &p.workload.name) == (&pod.workload.kind, &pod.workload.name)
    });
    siblings
        .filter_map(|p| p.container(&case.container.name))
        .filter(|c| c.status.ready && c.status.restarts == 0)
        .filter_map(|c| match c.status.state {
            State::Running { since } => since.filter(|s| *s < first),
            _ => None,
        })
        .max()
}

/// ConfigMaps that the container reads, those of its environment first; Secrets are never read.
pub fn names(case: &Case) -> Vec<String> {
    fn of_volume(source: &VolumeSource, out: &mut Vec<String>) {
        match source {
            VolumeSource::ConfigMap(k) => out.push(k.name.clone()),
            VolumeSource::Projected(all) => all.iter().for_each(|s| of_volume(s, out)),
            _ => {}
        }
    }
    let c = case.container;
    let of_key = |f: &KeyRef| (f.kind == "ConfigMap").then(|| f.name.clone());
    let mut names: Vec<String> = c.env_from.iter().filter(|e| e.kind == "ConfigMap").map(|e| e.name.clone()).collect();
    names.extend(c.env.iter().filter_map(|e| e.from.as_ref().and_then(of_key)));
    let mounted = case.pod.volumes.iter().filter(|v| c.mounts.iter().any(|m| m.volume == v.name));
    mounted.for_each(|v| of_volume(&v.source, &mut names));
    // Every namespace has it, every pod mounts it, and nobody edits it.
    names.retain(|n| n != "kube-root-ca.crt");
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|n| seen.insert(n.clone()));
    names
}
