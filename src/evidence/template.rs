//! A pod template, as a Deployment or one of its revisions holds it -> the parts of [`WorkloadFacts`] that can be compared.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};

use crate::diagnose::facts::WorkloadFacts;

use super::text::word;
use super::{container, pod, pod_volume};

/// Most entries of one list that are kept; a template of the largest size that the API takes holds some ten thousand.
const MAX_ENTRIES: usize = 2_000;

/// Puts in what the template says.
pub fn put(mut facts: WorkloadFacts, template: Option<&PodTemplateSpec>) -> WorkloadFacts {
    let Some(template) = template else { return facts };
    facts.pod_labels = labels(template.metadata.as_ref().and_then(|m| m.labels.as_ref()));
    if let Some(spec) = &template.spec {
        facts.containers = container::of_spec(spec);
        for c in &mut facts.containers {
            c.env.truncate(MAX_ENTRIES);
            c.mounts.truncate(MAX_ENTRIES);
        }
        facts.volumes = spec.volumes.iter().flatten().take(MAX_ENTRIES).map(|v| pod_volume::facts(v, "")).collect();
        facts.security = pod::security(spec.security_context.as_ref());
        facts.settings = settings(spec);
    }
    facts
}

/// Labels, cleaned.
pub fn labels(labels: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    labels.into_iter().flatten().map(|(k, v)| (word(k), word(v))).collect()
}

/// What else can break a pod when it changes, in the words that people use.
fn settings(spec: &PodSpec) -> BTreeMap<String, String> {
    let selector = spec.node_selector.iter().flatten().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
    let secrets = spec.image_pull_secrets.iter().flatten().map(|s| s.name.as_str()).collect::<Vec<_>>().join(",");
    let text = |t: &Option<String>| t.clone().filter(|t| !t.is_empty());
    let on = |b: Option<bool>| b.filter(|b| *b).map(|b| b.to_string());
    [
        ("service account", text(&spec.service_account_name)),
        ("node selector", Some(selector).filter(|s| !s.is_empty())),
        ("image pull secrets", Some(secrets).filter(|s| !s.is_empty())),
        ("host network", on(spec.host_network)),
        ("DNS policy", text(&spec.dns_policy)),
        ("runtime class", text(&spec.runtime_class_name)),
        ("priority class", text(&spec.priority_class_name)),
        ("grace period", spec.termination_grace_period_seconds.map(|s| format!("{s} s"))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), word(&value?))))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_gives_what_can_be_compared() {
        let template = serde_json::json!({"metadata": {"labels": {"app": "web"}}, "spec": {
            "serviceAccountName": "web", "nodeSelector": {"disk": "ssd"}, "terminationGracePeriodSeconds": 30,
            "hostNetwork": false, "containers": [{"name": "app", "image": "web:1"}],
            "volumes": [{"name": "data", "emptyDir": {}}]}});
        let facts = put(WorkloadFacts::default(), Some(&serde_json::from_value(template).unwrap()));
        assert_eq!(facts.containers[0].image, "web:1");
        assert_eq!(facts.volumes.len(), 1);
        let settings: Vec<String> = facts.settings.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        assert_eq!(settings, ["grace period: 30 s", "node selector: disk=ssd", "service account: web"]);
    }

    #[test]
    fn a_huge_template_is_cut() {
        let env: Vec<_> = (0..20_000).map(|i| serde_json::json!({"name": format!("V{i}"), "value": "1"})).collect();
        let template = serde_json::json!({"spec": {"containers": [{"name": "app", "env": env}]}});
        let facts = put(WorkloadFacts::default(), Some(&serde_json::from_value(template).unwrap()));
        assert_eq!(facts.containers[0].env.len(), MAX_ENTRIES);
    }
}
