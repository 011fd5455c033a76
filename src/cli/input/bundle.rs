//! `bundle.yaml`: what `capture` knew besides objects and logs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnose::facts::{Gap, Timestamp};
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
    /// Kinds of which every object is in the bundle, as `Kind/namespace` or `Kind`.
    pub complete: Vec<String>,
    /// What could not be read.
    pub unread: Vec<Missing>,
}

/// Something that could not be read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Missing {
    /// What.
    pub what: String,
    /// Of which object.
    pub object: String,
    /// Why not.
    pub why: String,
}

impl Bundle {
    /// The notes, if this is such a file.
    pub fn of(value: &Value) -> Option<Self> {
        (value.get("kind").and_then(Value::as_str) == Some(KIND)).then(|| Self::deserialize(value).ok()).flatten()
    }

    /// When it was captured.
    pub fn taken_at(&self) -> Option<Timestamp> {
        self.captured_at.parse().ok()
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
    }
}
