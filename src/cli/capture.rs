//! `capture POD`: what a live diagnosis of one pod read, as a folder that `diagnose -f` reads: redacted, small, to be attached
//! to an issue or kept as a case.
//!
//! The reader is watched while the diagnosis is made, so the bundle holds what the answer rests on, and gives the same one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::collect::{self, Kind};
use crate::diagnose::facts::{self, Container, Pod, Timestamp};
use crate::diagnose::signature::Signatures;
use crate::evidence::{self, ClusterBuilder, harmless};

use super::bundle_dir;
use super::cluster::{self, Cluster};
use super::input::bundle::Bundle;
use super::live::{self, Looked, Scope};

/// Flags of `capture`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The pod
    #[arg(value_name = "POD")]
    pod: String,
    /// Its namespace; default: that of the kubeconfig's context
    #[arg(short, long, value_name = "NS")]
    namespace: Option<String>,
    /// The folder to write; made where it is not there. An older bundle in it is replaced
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Write into a folder that holds other files
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    cluster: cluster::Flags,
}

/// Runs it.
pub fn main(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = match bundle_dir::may_write(&args.to, args.force) {
        Ok(()) => runtime.block_on(capture(args)),
        Err(why) => Err(why),
    };
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(said) => {
            println!("{said}");
            Ok(ExitCode::SUCCESS)
        }
        Err(why) => {
            eprintln!("crash-diagnosis: {why}");
            Ok(ExitCode::from(2))
        }
    }
}

async fn capture(args: &Args) -> Result<String, String> {
    let at = cluster::open(&args.cluster).await?;
    let namespace = args.namespace.clone().unwrap_or_else(|| at.namespace.clone());
    into(at, &namespace, &args.pod, &args.to).await
}

/// Looks at the pod, and writes what was read; says what that was.
pub async fn into(mut at: Cluster, namespace: &str, pod: &str, dir: &Path) -> Result<String, String> {
    let kept = Arc::new(Mutex::new(Kept::default()));
    let keep = kept.clone();
    at.reader = at.reader.clone().on_read(Arc::new(move |_, value| {
        keep.lock().unwrap_or_else(PoisonError::into_inner).take(value);
    }));
    let scope = Scope::Pod(namespace.to_owned(), pod.to_owned());
    let mut looked: Vec<Looked> = Vec::new();
    live::look(&at, &scope, &Signatures::default(), |l| looked.push(l)).await?;
    let mut facts: Vec<facts::Cluster> = Vec::new();
    let answers: Vec<String> = looked.iter().map(|l| format!("{}: {}", l.answer.container, l.answer.reason)).collect();
    facts.extend(looked.into_iter().map(|l| l.facts));
    facts.push(the_rest(&at.reader, namespace, pod, &facts, &kept).await);
    let mut kept = std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner));
    let volumes = claimed(&facts);
    kept.0.retain(|_, object| matters(object, namespace, &volumes));
    let bundle = notes(namespace, pod, &facts);
    let written = bundle_dir::write(dir, &bundle, kept.0.values(), facts.iter().flat_map(|f| &f.logs))?;
    let crashing = if answers.is_empty() { "nothing in it is crashing".into() } else { answers.join(", ") };
    Ok(format!("{}: {written} ({crashing})", dir.display()))
}

/// What was read, redacted on arrival: one of each object, the first of its states (the diagnosis began with it), and of
/// an event the last.
#[derive(Default)]
struct Kept(BTreeMap<(String, String, String), Value>);

impl Kept {
    fn take(&mut self, value: &Value) {
        let Some(items) = value.get("items").and_then(Value::as_array) else { return self.one(value.clone()) };
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = text("kind").trim_end_matches("List").to_owned();
        for item in items {
            let mut item = item.clone();
            if let Value::Object(fields) = &mut item {
                fields.entry("kind").or_insert_with(|| kind.clone().into());
                fields.entry("apiVersion").or_insert_with(|| text("apiVersion").into());
            }
            self.one(item);
        }
    }

    fn one(&mut self, value: Value) {
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = (text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
        // Its annotations are those of everything in it, and were put on the pod.
        if key.0 == "Namespace" || (key.0 != "Event" && self.0.contains_key(&key)) {
            return;
        }
        if let Some(object) = harmless::harmless(value) {
            self.0.insert(key, object);
        }
    }
}

/// What a bundle holds besides: the objects above the owner, and evidence on the containers that nobody looked at.
async fn the_rest(
    reader: &collect::Reader,
    namespace: &str,
    name: &str,
    looked: &[facts::Cluster],
    kept: &Mutex<Kept>,
) -> facts::Cluster {
    let mut builder = ClusterBuilder::new();
    let known = looked.iter().find_map(|f| f.pod(namespace, name)).cloned();
    let Some(mut pod) = known.or_else(|| pod_of(kept, namespace, name)) else { return builder.finish() };
    if let Some(wished) = live::with_wishes(reader, vec![Arc::new(pod.clone())]).await.pop() {
        pod = Arc::unwrap_or_clone(wished);
    }
    let (owner, _) = collect::resolve(reader, &pod).await;
    pod.workload = owner.workload;
    if let Some(kind) = Kind::of(&pod.workload.api_version, &pod.workload.kind) {
        // Whatever comes of it: it was kept on arrival.
        let _ = reader.get(kind, Some(namespace), &pod.workload.name).await;
    }
    if looked.is_empty() {
        collect::around(reader, &pod, &mut builder).await;
    }
    let no_logs = pod.wants_no_logs();
    let read = |c: &&Container| looked.iter().flat_map(|f| &f.logs).any(|l| l.pod == pod.name && l.container == c.name);
    for container in pod.containers.iter().filter(|c| !read(c)) {
        if looked.is_empty() {
            collect::first(reader, &pod, container, !no_logs, &mut builder).await;
        }
        if !no_logs {
            collect::running_log(reader, &pod, container, &mut builder).await;
        }
    }
    builder.finish()
}

fn pod_of(kept: &Mutex<Kept>, namespace: &str, name: &str) -> Option<Pod> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let object = kept.0.get(&("Pod".to_owned(), namespace.to_owned(), name.to_owned()))?;
    let pod = serde_json::from_value(object.clone()).ok()?;
    Some(evidence::pod::facts(&pod, &evidence::Owners::default()))
}

/// Names of the PersistentVolumes behind the claims that were read.
fn claimed(facts: &[facts::Cluster]) -> Vec<String> {
    facts.iter().flat_map(|f| &f.claims).filter_map(|c| c.volume.clone()).collect()
}

/// Lists of the whole cluster bring others' volumes and attachments along; those are nobody's business.
fn matters(object: &Value, namespace: &str, volumes: &[String]) -> bool {
    let text = |path: &str| object.pointer(path).and_then(Value::as_str);
    let ours = |name: Option<&str>| name.is_some_and(|n| volumes.iter().any(|v| v == n));
    match text("/kind") {
        Some("VolumeAttachment") => ours(text("/spec/source/persistentVolumeName")),
        Some("PersistentVolume") => {
            ours(text("/metadata/name")) || text("/spec/claimRef/namespace").is_none_or(|ns| ns == namespace)
        }
        _ => true,
    }
}

fn notes(namespace: &str, pod: &str, facts: &[facts::Cluster]) -> Bundle {
    let mut bundle = Bundle::new(namespace, pod, Timestamp::now());
    for f in facts {
        bundle.add(f);
    }
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_state_of_an_object_and_the_last_of_an_event_are_kept() {
        let mut kept = Kept::default();
        let object = |kind: &str, note: &str| json!({"kind": kind, "apiVersion": "v1", "metadata": {"name": "a", "namespace": "s"}, "reason": note});
        kept.take(&object("Pod", "first"));
        kept.take(&json!({"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "a", "namespace": "s"}, "reason": "second"}, {"metadata": {"name": "b", "namespace": "s"}}]}));
        kept.take(&object("Event", "first"));
        kept.take(&object("Event", "second"));
        kept.take(&json!({"kind": "SecretList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}, "data": {"k": "v"}}]}));
        let shown: Vec<_> = kept.0.iter().map(|(k, v)| format!("{} {} {}", k.0, k.2, v["reason"])).collect();
        assert_eq!(shown, ["Event a \"second\"", "Pod a \"first\"", "Pod b null"]);
    }

    #[test]
    fn other_peoples_volumes_are_left_out() {
        let volume = |name: &str, ns: &str| json!({"kind": "PersistentVolume", "metadata": {"name": name}, "spec": {"claimRef": {"namespace": ns}}});
        let ours = ["pv-1".to_owned()];
        assert!(matters(&volume("pv-1", "shop"), "shop", &ours));
        assert!(!matters(&volume("pv-2", "bank"), "shop", &ours));
        assert!(matters(&json!({"kind": "PersistentVolume", "metadata": {"name": "free"}, "spec": {}}), "shop", &ours));
        assert!(!matters(
            &json!({"kind": "VolumeAttachment", "spec": {"source": {"persistentVolumeName": "pv-2"}}}),
            "shop",
            &ours
        ));
        assert!(matters(&json!({"kind": "StorageClass"}), "shop", &ours));
    }
}
