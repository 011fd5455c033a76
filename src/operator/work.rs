//! What the desk has others do: each job is one bounded piece of work against the API server, and ends with one or more [`Done`].

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use kube::Client;
use tokio::sync::mpsc::UnboundedSender;

use super::book::Key;
use crate::api::CrashDiagnosisStatus;
use crate::collect::{self, Reader, Resolved, Subject};
use crate::diagnose::facts::{Cluster, PastCrash, Pod, Timestamp};
use crate::diagnose::signature::Signatures;
use crate::diagnose::{self, Case};
use crate::evidence::ClusterBuilder;
use crate::report::apply::{self, Wanted, Written};
use crate::report::metrics::Metrics;
use crate::report::resource::Verdict;

/// Seconds for which a closer look at a crash holds for crashes that look alike.
const CLOSER_LOOK_EVERY: i64 = 300;
/// The same, where it is about a peer with which nothing was found to be wrong. (The kubelet's back-off soon makes crashes rarer.)
const OPEN_LOOK_EVERY: i64 = 25;

/// A piece of work.
#[derive(Debug)]
pub enum Job {
    /// Find the top-level workload of a pod (and of all pods of its controller).
    Resolve(Arc<Pod>),
    /// Collect evidence and diagnose.
    Look(Box<Look>),
    /// Write an object.
    Write(Key, Box<Wanted>),
    /// Delete an object.
    Delete(Key),
    /// Publish an Event.
    Publish(Box<k8s_openapi::api::events::v1::Event>),
    /// Look whether a pod is stuck: the pod itself where its facts are not at hand, its events, its claims.
    Recheck(String, String, Option<Arc<Pod>>),
    /// Does the workload of a deserted incident still exist?
    Exists(Key, crate::diagnose::facts::Workload),
    /// Does the API server answer?
    Ping,
}

/// Whose crash is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The object.
    pub key: Key,
    /// Crashes with this signature are taken to be alike.
    pub signature: String,
    /// The pod's uid.
    pub uid: String,
}

/// One look at one crash.
#[derive(Debug)]
pub struct Look {
    /// Whose.
    pub whose: Whose,
    /// The pod, with its top-level workload.
    pub pod: Arc<Pod>,
    /// Container name.
    pub container: String,
    /// Earlier crashes.
    pub past: Vec<PastCrash>,
    /// What is known of the owner.
    pub owner: Arc<Resolved>,
    /// Read logs.
    pub with_log: bool,
    /// Namespaces whose owners want logs left alone.
    pub quiet: Vec<String>,
    /// What closer looks at such crashes found lately.
    pub known: Vec<Deeper>,
}

/// What a closer look made of a first verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Deeper {
    /// Reason and confidence of the first verdict.
    first: (String, String),
    /// The better verdict, where there was one.
    better: Option<Verdict>,
    at: Timestamp,
    /// It is about a peer, and nothing was found to be wrong with it.
    open: bool,
}

impl Deeper {
    /// From both verdicts.
    pub fn new(first: &Verdict, second: &Verdict, at: Timestamp) -> Self {
        Self {
            at,
            first: (first.reason.clone(), first.confidence.clone()),
            better: Some(second).filter(|s| *s != first).cloned(),
            open: second.reason == "DependencyUnavailable" && second.root_cause.is_none(),
        }
    }

    /// What stands behind a crash is looked at every few minutes, not at each crash. A peer with which nothing was wrong is looked
    /// at again sooner: one that crashes itself is called ready in between, until the kubelet and the endpoints say otherwise.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        let lasts = if self.open { OPEN_LOOK_EVERY } else { CLOSER_LOOK_EVERY };
        now.as_second() - self.at.as_second() < lasts
    }

    /// Whether it began with such a verdict.
    pub fn began_with(&self, first: &Verdict) -> bool {
        (&self.first.0, &self.first.1) == (&first.reason, &first.confidence)
    }

    /// Whether another begins with the same.
    pub fn is_like(&self, other: &Self) -> bool {
        self.first == other.first
    }

    /// What it says where the first verdict came out the same again.
    pub fn again(&self, first: &Verdict) -> Verdict {
        self.better.clone().unwrap_or_else(|| first.clone())
    }
}

/// What came of a job.
#[derive(Debug)]
pub enum Done {
    /// Of [`Job::Resolve`]: the controller's uid, and the answer.
    Resolved(String, Box<Resolved>),
    /// Of [`Job::Look`]: an explanation; a better one may follow.
    Explained(Whose, Box<Verdict>),
    /// Of [`Job::Look`]: what the closer look made of the first verdict.
    Deepened(Whose, Box<Deeper>),
    /// Of [`Job::Look`]: it is over.
    LookOver(Whose),
    /// Of [`Job::Write`].
    Written(Key, Box<CrashDiagnosisStatus>, Result<Written, apply::Error>),
    /// Of [`Job::Delete`].
    Deleted(Key, Result<(), apply::Error>),
    /// Of [`Job::Publish`].
    Published(Result<(), apply::Error>),
    /// Of [`Job::Recheck`]: the pod and what was read around it.
    Rechecked(Option<Box<(Arc<Pod>, Cluster)>>),
    /// Of [`Job::Exists`]; `None`: cannot be told.
    Exists(Key, Option<bool>),
    /// Of [`Job::Ping`].
    Answered(bool),
}

/// What the work needs.
#[derive(Clone)]
pub struct Tools {
    /// For writes.
    pub client: Client,
    /// For reads.
    pub reader: Reader,
    /// For counting.
    pub metrics: Arc<Metrics>,
    /// The lines of the log that matter stand in the CrashDiagnosis.
    pub log_excerpts: bool,
    /// The user's signatures, as they are now.
    pub signatures: tokio::sync::watch::Receiver<Signatures>,
}

impl Tools {
    fn verdict(&self, diagnosis: &diagnose::Diagnosis) -> Verdict {
        let mut verdict = Verdict::from(diagnosis);
        if !self.log_excerpts {
            verdict.log_excerpt.clear();
        }
        verdict
    }
}

/// Does a job.
pub async fn work(job: Job, tools: Tools, done: UnboundedSender<Done>) {
    // The desk outlives its workers; should it be gone, there is nobody to tell.
    let tell = |d| drop(done.send(d));
    match job {
        Job::Resolve(pod) => {
            let (resolved, _) = collect::resolve(&tools.reader, &pod).await;
            let uid = super::owners::controller_uid(&pod).unwrap_or_default().to_owned();
            tell(Done::Resolved(uid, Box::new(resolved)));
        }
        Job::Look(look) => {
            let whose = look.whose.clone();
            // A defect in one rule must cost one diagnosis, not the operator's attention to this workload.
            if AssertUnwindSafe(look_at(*look, &tools, &tell)).catch_unwind().await.is_err() {
                tools.metrics.reconcile_errors.with_label_values(&["Panic"]).inc();
            }
            tell(Done::LookOver(whose));
        }
        Job::Write(key, wanted) => {
            let result = apply::write(&tools.client, &wanted).await;
            tell(Done::Written(key, Box::new(wanted.status), result));
        }
        Job::Delete(key) => {
            let result = apply::delete(&tools.client, &key.0, &key.1, None).await;
            tell(Done::Deleted(key, result));
        }
        Job::Publish(event) => tell(Done::Published(apply::publish(&tools.client, &event).await)),
        Job::Recheck(namespace, name, pod) => {
            let found = collect::pod_and_events(&tools.reader, &namespace, &name, pod.as_deref()).await;
            tell(Done::Rechecked(found.map(|(pod, cluster)| Box::new((Arc::new(pod), cluster)))));
        }
        Job::Exists(key, workload) => {
            let exists = collect::exists(&tools.reader, &key.0, &workload).await;
            tell(Done::Exists(key, exists));
        }
        Job::Ping => tell(Done::Answered(tools.client.apiserver_version().await.is_ok())),
    }
}

/// First verdict from what is at hand at once; then, where that asks for more, another.
async fn look_at(look: Look, tools: &Tools, tell: &impl Fn(Done)) {
    let Some(container) = look.pod.container(&look.container).cloned() else { return };
    let mut builder = ClusterBuilder::new();
    builder.cluster_mut().pods.push((*look.pod).clone());
    builder.cluster_mut().history.clone_from(&look.past);
    builder.cluster_mut().signatures = tools.signatures.borrow().clone();
    collect::first(&tools.reader, &look.pod, &container, look.with_log, &mut builder).await;
    let cluster = builder.finish();
    let Some(first) = explain(&cluster, &look, tools) else { return };
    let verdict = tools.verdict(&first);
    let explained = |v| Done::Explained(look.whose.clone(), Box::new(v));
    let known = look.known.iter().find(|k| k.began_with(&verdict));
    match known {
        // A repeat costs no more than its log and events.
        Some(known) if known.is_fresh(Timestamp::now()) => return tell(explained(known.again(&verdict))),
        // What is written stays until the closer look is over, lest its root cause comes and goes.
        Some(_) => {}
        None => tell(explained(verdict.clone())),
    }

    let subject =
        Subject { uid: &look.pod.uid, container: &look.container, with_logs: look.with_log, quiet: &look.quiet };
    let more = collect::more(&tools.reader, &look.owner, cluster, &subject).await;
    let second = more.and_then(|cluster| explain(&cluster, &look, tools));
    let refined = second.map_or_else(|| verdict.clone(), |d| tools.verdict(&d));
    let deeper = Deeper::new(&verdict, &refined, Timestamp::now());
    tell(Done::Deepened(look.whose.clone(), Box::new(deeper)));
    if refined != verdict || known.is_some() {
        tell(explained(refined));
    }
}

fn explain(cluster: &Cluster, look: &Look, tools: &Tools) -> Option<diagnose::Diagnosis> {
    let pod = cluster.pods.iter().find(|p| p.uid == look.pod.uid)?;
    let container = pod.container(&look.container)?;
    let started = Instant::now();
    let diagnosis = diagnose::diagnose(&Case::new(cluster, pod, container, Timestamp::now()));
    tools.metrics.diagnose.observe(started.elapsed().as_secs_f64());
    Some(diagnosis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::at;

    fn verdict(reason: &str, summary: &str) -> Verdict {
        Verdict { reason: reason.into(), summary: summary.into(), ..Verdict::default() }
    }

    #[test]
    fn a_closer_look_holds_while_the_first_verdict_is_the_same() {
        let deeper = Deeper::new(&verdict("A", "1 time"), &verdict("A", "because of b"), at(0));
        assert_eq!(deeper.again(&verdict("A", "2 times")), verdict("A", "because of b"));
        assert!(deeper.began_with(&verdict("A", "2 times")) && !deeper.began_with(&verdict("C", "2 times")));
        assert!(deeper.is_fresh(at(299)) && !deeper.is_fresh(at(300)));
        let peer = verdict("DependencyUnavailable", "refused");
        let nobody = Deeper::new(&peer, &peer, at(0));
        assert!(nobody.is_fresh(at(24)) && !nobody.is_fresh(at(25)));
    }

    #[test]
    fn a_closer_look_that_found_nothing_leaves_the_newest_verdict() {
        let deeper = Deeper::new(&verdict("A", "1 time"), &verdict("A", "1 time"), at(0));
        assert_eq!(deeper.again(&verdict("A", "2 times")), verdict("A", "2 times"));
    }
}
