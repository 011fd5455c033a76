//! `bundle.yaml`: what `capture` knew besides objects and logs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnose::facts::{Cluster, Gap, Log, LogSlot, PastCrash, Timestamp};
use crate::evidence::{ClusterBuilder, text};

/// Kind of the file.
pub const KIND: &str = "CrashDiagnosisBundle";

/// Notes that make a bundle complete.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bundle {
    /// API version of the file.
    pub api_version: String,
    /// [`KIND`].
    pub kind: String,
    /// When it was captured (RFC 3339).
    pub captured_at: String,
    /// The pod that it is about, as `NAMESPACE/NAME`; empty where it is about many.
    pub pod: String,
    /// Kinds of which every object is in the bundle, as `Kind/namespace` or `Kind`, and answers to narrower questions.
    pub complete: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Missing>,
    /// Logs whose beginning is missing, as `NAMESPACE/POD/CONTAINER/previous`.
    pub truncated: Vec<String>,
    /// Earlier crashes that an operator had noted.
    pub history: Vec<Past>,
}

/// Something that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Missing {
    /// What.
    pub what: String,
    /// Of which object.
    pub object: String,
    /// Why not.
    pub why: String,
}

/// An earlier crash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Past {
    finished: Option<Timestamp>,
    pod: String,
    container: String,
    exit_code: Option<i32>,
    reason: String,
    ran_for: Option<i64>,
    diagnosis: String,
}

impl Bundle {
    /// An empty one.
    pub fn new(namespace: &str, pod: &str, now: Timestamp) -> Self {
        Self {
            api_version: "crashdiagnosis.dev/v1alpha1".into(),
            kind: KIND.into(),
            captured_at: now.to_string(),
            pod: format!("{namespace}/{pod}"),
            ..Self::default()
        }
    }

    /// Adds what one look at a container knew.
    pub fn add(&mut self, facts: &Cluster) {
        push_new(&mut self.complete, facts.listed.iter().cloned());
        let missing = |g: &Gap| Missing { what: g.what.clone(), object: g.object.clone(), why: g.why.clone() };
        push_new(&mut self.unread, facts.gaps.iter().map(missing));
        push_new(&mut self.truncated, facts.logs.iter().filter(|l| l.truncated).map(log_name));
        push_new(&mut self.history, facts.history.iter().map(Past::of));
    }

    /// The notes, if this is such a file.
    pub fn of(value: &Value) -> Option<Self> {
        (value.get("kind").and_then(Value::as_str) == Some(KIND)).then(|| Self::deserialize(value).ok()).flatten()
    }

    /// When it was captured.
    pub fn taken_at(&self) -> Option<Timestamp> {
        self.captured_at.parse().ok()
    }

    /// The pod that it is about: namespace and name.
    pub fn subject(&self) -> Option<(String, String)> {
        let (namespace, name) = self.pod.split_once('/')?;
        Some((text::word(namespace), text::word(name)))
    }

    /// Hands on what it says.
    pub fn note(self, builder: &mut ClusterBuilder) {
        for entry in &self.complete {
            let (kind, namespace) = entry.split_once('/').map_or((entry.as_str(), None), |(k, ns)| (k, Some(ns)));
            builder.complete(&text::word(kind), namespace.map(text::word).as_deref());
        }
        for m in self.unread {
            builder.add_gap(Gap {
                what: text::word(&m.what),
                object: text::word(&m.object),
                why: text::message(&m.why),
            });
        }
        builder.cluster_mut().history.extend(self.history.into_iter().map(Past::fact));
    }
}

/// How [`Bundle::truncated`] names a log.
pub fn log_name(log: &Log) -> String {
    let slot = match log.slot {
        LogSlot::Previous => "previous",
        LogSlot::Current => "current",
    };
    format!("{}/{}/{}/{slot}", log.namespace, log.pod, log.container)
}

impl Past {
    fn of(p: &PastCrash) -> Self {
        Self {
            finished: p.finished,
            pod: p.pod.clone(),
            container: p.container.clone(),
            exit_code: p.exit_code,
            reason: p.reason.clone(),
            ran_for: p.ran_for,
            diagnosis: p.diagnosis.clone(),
        }
    }

    fn fact(self) -> PastCrash {
        PastCrash {
            finished: self.finished,
            pod: text::word(&self.pod),
            container: text::word(&self.container),
            exit_code: self.exit_code,
            reason: text::word(&self.reason),
            ran_for: self.ran_for,
            diagnosis: text::word(&self.diagnosis),
        }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, new: impl Iterator<Item = T>) {
    for item in new {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{World, at};

    #[test]
    fn notes_survive_the_way_through_the_file() {
        let mut world = World::new().log("x\n");
        world.cluster.logs[0].truncated = true;
        world.cluster.listed = vec!["Service/*/db".into(), "StorageClass".into(), "Pod/shop?app=db".into()];
        world.cluster.gaps.push(Gap {
            what: "events".into(),
            object: "pod shop/web-1".into(),
            why: "forbidden".into(),
        });
        world.cluster.history.push(PastCrash {
            finished: Some(at(1)),
            exit_code: Some(137),
            ran_for: Some(60),
            ..PastCrash::default()
        });
        let mut bundle = Bundle::new("shop", "web-1", at(0));
        bundle.add(&world.cluster);
        bundle.add(&world.cluster);
        let back = Bundle::of(&serde_json::to_value(&bundle).unwrap()).unwrap();
        assert_eq!((back.taken_at(), back.subject()), (Some(at(0)), Some(("shop".into(), "web-1".into()))));
        assert_eq!(back.truncated, ["shop/web-1/app/previous"]);
        let mut builder = ClusterBuilder::new();
        back.note(&mut builder);
        let cluster = builder.finish();
        assert_eq!(
            (cluster.listed, cluster.gaps, cluster.history),
            (world.cluster.listed, world.cluster.gaps, world.cluster.history)
        );
    }
}
