//! One group of pods that crash alike: collect, diagnose, collect what that asks for, diagnose again.

use crate::collect::{self, Reader, Subject};
use crate::diagnose::facts::{Cluster, PastCrash, Pod, Timestamp};
use crate::diagnose::signature::Signatures;
use crate::diagnose::{self, Case, Diagnosis};
use crate::evidence::ClusterBuilder;
use crate::report::resource::Verdict;
use crate::watch::group::Group;

use super::super::answer;
use super::{Looked, Owned};

/// The pod with the newest crash stands for all; where it tells nothing, the next that does.
pub async fn look(
    reader: &Reader,
    group: &Group<'_>,
    owned: &Owned,
    past: &[PastCrash],
    signatures: &Signatures,
) -> Option<Looked> {
    let mut group = group.clone();
    let total = owned.owner.pods_total.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    group.pods_total = total.max(group.members.len());
    let mut first = None;
    for (pod, noticed) in group.members.iter().take(answer::MAX_ASKED) {
        let known = || {
            let mut known = ClusterBuilder::new();
            let cluster = known.cluster_mut();
            cluster.pods.push((*pod).clone());
            cluster.history = past.to_vec();
            cluster.signatures = signatures.clone();
            known
        };
        let Some((facts, diagnosis)) = one(reader, pod, &noticed.container, owned, known()).await else { continue };
        let vague = Verdict::from(&diagnosis).is_vague();
        let Some(container) = pod.container(&noticed.container) else { continue };
        let looked = Looked { answer: answer::of(&group, pod, container, &diagnosis), facts };
        if !vague {
            return Some(looked);
        }
        first.get_or_insert(looked);
    }
    first
}

async fn one(
    reader: &Reader,
    pod: &Pod,
    name: &str,
    owned: &Owned,
    mut builder: ClusterBuilder,
) -> Option<(Cluster, Diagnosis)> {
    let container = pod.container(name)?;
    let no_logs = pod.wants_no_logs();
    owned.gap.iter().for_each(|gap| builder.add_gap(gap.clone()));
    collect::first(reader, pod, container, !no_logs, &mut builder).await;
    collect::around(reader, pod, &mut builder).await;
    let cluster = builder.finish();
    let subject = Subject { uid: &pod.uid, container: name, with_logs: !no_logs, quiet: &[] };
    let known = cluster.clone();
    let cluster = collect::more(reader, &owned.owner, known, &subject).await.unwrap_or(cluster);
    let second = explain(&cluster, pod, name)?;
    Some((cluster, second))
}

fn explain(cluster: &Cluster, pod: &Pod, container: &str) -> Option<Diagnosis> {
    let pod = cluster.pods.iter().find(|p| p.uid == pod.uid)?;
    Some(diagnose::diagnose(&Case::new(cluster, pod, pod.container(container)?, Timestamp::now())))
}
