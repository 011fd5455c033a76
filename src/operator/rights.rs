//! Whether the rights are there that the work needs: asked at the start, and when a request was refused; asked again with
//! pauses until they are. What is missing is said in words, and only costs what it is needed for.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};

use crate::health::Health;

/// Pauses between two questions while something is missing.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// A right, and what cannot be done without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    without: &'static str,
}

const fn need(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    without: &'static str,
) -> Need {
    Need { verb, group, resource, subresource, without }
}

const OURS: &str = "crashdiagnosis.dev";

/// Those whose loss would be noticed late or never; each further kind of evidence fails alone and is named in the diagnosis.
const NEEDS: &[Need] = &[
    need("watch", "", "pods", "", "crashes are not noticed"),
    need("patch", OURS, "crashdiagnoses", "", "diagnoses are not written"),
    need("patch", OURS, "crashdiagnoses", "status", "diagnoses are not written"),
    need("delete", OURS, "crashdiagnoses", "", "old diagnoses are not removed"),
    need("list", "", "events", "", "events are no evidence"),
    need("get", "apps", "replicasets", "", "workloads are named by guess"),
];
const LOGS: Need = need("get", "", "pods", "log", "logs are no evidence");
const EVENTS: Need = need("create", "events.k8s.io", "events", "", "no Events are published");

/// What is asked about.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Namespaces; none for all.
    pub namespaces: Vec<String>,
    /// Logs are read.
    pub logs: bool,
    /// Events are published.
    pub events: bool,
}

impl Scope {
    fn needs(&self) -> Vec<Need> {
        let mut needs = NEEDS.to_vec();
        needs.extend(self.logs.then_some(LOGS));
        needs.extend(self.events.then_some(EVENTS));
        needs
    }
}

/// Watches over the rights until the process ends.
pub async fn watch_over(client: Client, scope: Scope, health: Arc<Health>) {
    loop {
        let mut pause = PAUSES.0;
        while let Some(missing) = missing(&client, &scope).await {
            if missing.is_empty() {
                health.good("rights");
                break;
            }
            health.bad("rights", missing.join("; "));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
        health.refusal().await;
        // Refusals come in flocks.
        tokio::time::sleep(PAUSES.0).await;
    }
}

/// What is missing; `None`: the question itself was not answered, which others report.
async fn missing(client: &Client, scope: &Scope) -> Option<Vec<String>> {
    let anywhere = [String::new()];
    let namespaces = if scope.namespaces.is_empty() { &anywhere[..] } else { &scope.namespaces };
    let mut missing = Vec::new();
    for namespace in namespaces {
        for need in scope.needs() {
            if !allowed(client, need, namespace).await.ok()? {
                missing.push(words(need, namespace));
            }
        }
    }
    Some(missing)
}

async fn allowed(client: &Client, need: Need, namespace: &str) -> Result<bool, kube::Error> {
    let text = |s: &str| Some(s.to_owned()).filter(|s| !s.is_empty());
    let attributes = ResourceAttributes {
        verb: text(need.verb),
        group: text(need.group),
        resource: text(need.resource),
        subresource: text(need.subresource),
        namespace: text(namespace),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() },
        ..SelfSubjectAccessReview::default()
    };
    let answer = Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|s| s.allowed))
}

fn words(need: Need, namespace: &str) -> String {
    let slash = if need.subresource.is_empty() { "" } else { "/" };
    let dot = if need.group.is_empty() { "" } else { "." };
    let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {namespace}") };
    let Need { verb, group, resource, subresource, without } = need;
    format!("the right to {verb} {resource}{slash}{subresource}{dot}{group}{place} is missing: {without}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_is_said_like_kubectl_auth_can_i() {
        assert_eq!(words(LOGS, ""), "the right to get pods/log is missing: logs are no evidence");
        assert_eq!(
            words(NEEDS[2], "shop"),
            "the right to patch crashdiagnoses/status.crashdiagnosis.dev in namespace shop is missing: diagnoses are not written"
        );
    }

    #[test]
    fn what_is_switched_off_needs_no_right() {
        let none = Scope::default().needs();
        assert!(!none.contains(&LOGS) && !none.contains(&EVENTS));
        let all = Scope { logs: true, events: true, ..Scope::default() }.needs();
        assert!(all.contains(&LOGS) && all.contains(&EVENTS));
    }
}
