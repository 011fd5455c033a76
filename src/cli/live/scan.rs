//! Reads the pods in pages and keeps those that may be in trouble: memory follows crashes, not the cluster.

use std::sync::Arc;

use kube::api::ListParams;
use kube::{Api, Client};

use crate::diagnose::facts::{Cluster, Pod, Timestamp};
use crate::evidence;
use crate::watch::detect::{self, Policy};
use crate::watch::slim::SlimPod;

/// Pods per page.
const PAGE: u32 = 250;
/// Most pods kept with their facts.
const MAX_SUSPECTS: usize = 2000;
/// Most pods without containers yet that are asked about.
const MAX_STARTING: usize = 200;
/// How often a list that expired half-way is begun anew.
const MAX_EXPIRED: usize = 2;

/// What a scan found.
#[derive(Debug, Default)]
pub struct Found {
    /// Pods in trouble, or perhaps in trouble.
    pub suspects: Vec<Arc<Pod>>,
    /// (namespace, name) of pods that wait for their containers; their facts are not at hand.
    pub starting: Vec<(String, String)>,
    /// How many pods there are.
    pub pods: usize,
    /// More were suspicious than are kept.
    pub cut: bool,
}

/// All pods of a namespace, or of the cluster.
pub async fn scan(client: &Client, namespace: Option<&str>) -> Result<Found, kube::Error> {
    let api: Api<SlimPod> = match namespace {
        Some(ns) => Api::namespaced(client.clone(), ns),
        None => Api::all(client.clone()),
    };
    let (mut found, mut expired) = (Found::default(), 0);
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = match api.list(&params).await {
            Ok(page) => page,
            // The list's version is gone from the server's history: begin anew.
            Err(kube::Error::Api(s)) if s.code == 410 && expired < MAX_EXPIRED => {
                expired += 1;
                found = Found::default();
                params = ListParams::default().limit(PAGE);
                continue;
            }
            Err(error) => return Err(error),
        };
        let now = Timestamp::now();
        for pod in page.items {
            found.keep(&pod, now);
        }
        match page.metadata.continue_.filter(|c| !c.is_empty()) {
            Some(next) => params = params.continue_token(&next),
            None => return Ok(found),
        }
    }
}

impl Found {
    fn keep(&mut self, pod: &SlimPod, now: Timestamp) {
        self.pods += 1;
        if let Some(full) = &pod.full {
            let facts = evidence::pod::facts(full, &evidence::Owners::default());
            if !is_suspect(&facts, now) {
                return;
            }
            if self.suspects.len() < MAX_SUSPECTS {
                self.suspects.push(Arc::new(facts));
            } else {
                self.cut = true;
            }
        } else if pod.slim.starting {
            let meta = &pod.metadata;
            let (Some(namespace), Some(name)) = (meta.namespace.clone(), meta.name.clone()) else { return };
            if self.starting.len() < MAX_STARTING {
                self.starting.push((namespace, name));
            } else {
                self.cut = true;
            }
        }
    }
}

/// By its own status it is crashing, or may be stuck.
pub fn is_suspect(pod: &Pod, now: Timestamp) -> bool {
    let policy = Policy::offline();
    !detect::notice(pod, &Cluster::default(), now, &policy).is_empty() || detect::wants_events(pod, now, &policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slim(name: &str, status: &serde_json::Value) -> SlimPod {
        let pod = json!({"metadata": {"namespace": "shop", "name": name, "uid": name, "resourceVersion": "1"},
            "spec": {"nodeName": "n1", "containers": [{"name": "app"}]}, "status": status});
        serde_json::from_str(&pod.to_string()).unwrap()
    }

    #[test]
    fn only_what_may_be_in_trouble_is_kept() {
        let now: Timestamp = "2026-01-01T12:00:00Z".parse().unwrap();
        let container = |state: serde_json::Value, last: serde_json::Value| {
            json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": "i", "imageID": "", "ready": true,
                "restartCount": 1, "state": state, "lastState": last}]})
        };
        let end = json!({"terminated": {"exitCode": 1, "finishedAt": "2026-01-01T09:00:00Z", "startedAt": "2026-01-01T08:59:58Z"}});
        let mut found = Found::default();
        found.keep(&slim("loops", &container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), end.clone())), now);
        found.keep(
            &slim("stable-again", &container(json!({"running": {"startedAt": "2026-01-01T09:00:01Z"}}), end)),
            now,
        );
        found.keep(&slim("starts", &json!({"phase": "Pending"})), now);
        found.keep(&slim("fine", &json!({"phase": "Running"})), now);
        assert_eq!(found.suspects.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["loops"]);
        assert_eq!(found.starting, [("shop".to_owned(), "starts".to_owned())]);
        assert_eq!((found.pods, found.cut), (4, false));
    }
}
