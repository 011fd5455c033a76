//! A pod -> [`Pod`].

use k8s_openapi::api::core::v1 as core;

use crate::diagnose::facts::{Condition, Container, Pod, RestartPolicy, Security, State, Status, Terminated};

use super::event::time;
use super::owners::Owners;
use super::text::{message, word};
use super::workload;
use super::{container, pod_volume};

/// Our own annotations, and the one by which users name a pod's main container.
const ANNOTATIONS: &[&str] = &["crashdiagnosis.dev/", "kubectl.kubernetes.io/default-container"];

/// A pod with its top-level workload, as far as `owners` knows the way there.
pub fn facts(p: &core::Pod, owners: &Owners) -> Pod {
    let mut pod = of_metadata(p);
    if let Some(spec) = &p.spec {
        put_spec(&mut pod, spec);
    }
    if let Some(status) = &p.status {
        put_status(&mut pod, status);
    }
    pod.workload = owners.top(&pod);
    pod
}

fn of_metadata(p: &core::Pod) -> Pod {
    let meta = &p.metadata;
    let labels: std::collections::BTreeMap<String, String> =
        meta.labels.iter().flatten().map(|(k, v)| (word(k), word(v))).collect();
    let annotation = |name: &str| meta.annotations.as_ref().and_then(|a| a.get(name)).map(|v| word(v));
    let revision = labels.get("pod-template-hash").or_else(|| labels.get("controller-revision-hash")).cloned();
    Pod {
        namespace: word(meta.namespace.as_deref().unwrap_or_default()),
        name: word(meta.name.as_deref().unwrap_or_default()),
        uid: word(meta.uid.as_deref().unwrap_or_default()),
        static_hash: annotation("kubernetes.io/config.mirror").or_else(|| {
            annotation("kubernetes.io/config.hash")
                .filter(|_| annotation("kubernetes.io/config.source").as_deref() != Some("api"))
        }),
        annotations: meta
            .annotations
            .iter()
            .flatten()
            .filter(|(k, _)| ANNOTATIONS.iter().any(|a| k.starts_with(a)))
            .map(|(k, v)| (word(k), message(v)))
            .collect(),
        controller: workload::controller(meta),
        revision,
        labels,
        created: time(meta.creation_timestamp.as_ref()),
        deleting: time(meta.deletion_timestamp.as_ref()),
        grace_seconds: 30,
        ..Pod::default()
    }
}

fn put_spec(pod: &mut Pod, spec: &core::PodSpec) {
    pod.node = spec.node_name.as_deref().filter(|n| !n.is_empty()).map(word);
    pod.restart_policy = spec.restart_policy.as_deref().and_then(RestartPolicy::named).unwrap_or_default();
    pod.host_network = spec.host_network.unwrap_or(false);
    pod.dns_policy = spec.dns_policy.as_deref().map(word);
    pod.service_account = spec.service_account_name.as_deref().or(spec.service_account.as_deref()).map(word);
    pod.active_deadline_seconds = spec.active_deadline_seconds;
    pod.grace_seconds = spec.termination_grace_period_seconds.unwrap_or(30);
    pod.priority_class = spec.priority_class_name.as_deref().map(word);
    pod.runtime_class = spec.runtime_class_name.as_deref().map(word);
    pod.image_pull_secrets = spec.image_pull_secrets.iter().flatten().map(|s| word(&s.name)).collect();
    pod.node_selector = spec.node_selector.iter().flatten().map(|(k, v)| (word(k), word(v))).collect();
    pod.security = security(spec.security_context.as_ref());
    pod.resources = container::resources(spec.resources.as_ref());
    pod.volumes = spec.volumes.iter().flatten().map(|v| pod_volume::facts(v, &pod.name)).collect();
    pod.containers = container::of_spec(spec);
}

/// A pod-level security context.
pub fn security(s: Option<&core::PodSecurityContext>) -> Security {
    let Some(s) = s else { return Security::default() };
    Security {
        run_as_user: s.run_as_user,
        run_as_group: s.run_as_group,
        run_as_non_root: s.run_as_non_root,
        fs_group: s.fs_group,
        ..Security::default()
    }
}

fn put_status(pod: &mut Pod, status: &core::PodStatus) {
    pod.phase = word(status.phase.as_deref().unwrap_or_default());
    pod.reason = status.reason.as_deref().filter(|r| !r.is_empty()).map(word);
    pod.message = status.message.as_deref().filter(|m| !m.is_empty()).map(message);
    pod.qos = status.qos_class.as_deref().map(word);
    pod.nominated_node = status.nominated_node_name.as_deref().filter(|n| !n.is_empty()).map(word);
    pod.start_time = time(status.start_time.as_ref());
    pod.ips = status.pod_ips.iter().flatten().map(|ip| word(&ip.ip)).collect();
    if let Some(ip) = status.pod_ip.as_deref().filter(|ip| !ip.is_empty() && !pod.ips.iter().any(|known| known == ip)) {
        pod.ips.insert(0, word(ip));
    }
    pod.conditions = status.conditions.iter().flatten().map(condition).collect();
    let all = status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    for s in all {
        put_container_status(&mut pod.containers, s);
    }
}

fn condition(c: &core::PodCondition) -> Condition {
    Condition {
        kind: word(&c.type_),
        status: word(&c.status),
        reason: c.reason.as_deref().filter(|r| !r.is_empty()).map(word),
        message: c.message.as_deref().filter(|m| !m.is_empty()).map(message),
        since: time(c.last_transition_time.as_ref()),
    }
}

fn put_container_status(containers: &mut Vec<Container>, s: &core::ContainerStatus) {
    let known = containers.iter().position(|c| c.name == s.name);
    let index = known.unwrap_or_else(|| {
        // A status without a spec: a file that holds only part of a pod.
        containers.push(Container { name: word(&s.name), image: message(&s.image), ..Container::default() });
        containers.len() - 1
    });
    containers[index].status = Status {
        known: true,
        restarts: u32::try_from(s.restart_count).unwrap_or(0),
        ready: s.ready,
        started: s.started,
        container_id: s.container_id.as_deref().filter(|i| !i.is_empty()).map(word),
        image_id: word(&s.image_id),
        state: s.state.as_ref().map(state).unwrap_or_default(),
        last: s.last_state.as_ref().and_then(|l| l.terminated.as_ref()).map(terminated),
    };
}

fn state(s: &core::ContainerState) -> State {
    if let Some(t) = &s.terminated {
        return State::Terminated(terminated(t));
    }
    if let Some(r) = &s.running {
        return State::Running { since: time(r.started_at.as_ref()) };
    }
    s.waiting.as_ref().map_or(State::Unknown, |w| State::Waiting {
        reason: word(w.reason.as_deref().unwrap_or_default()),
        message: message(w.message.as_deref().unwrap_or_default()),
    })
}

/// An end. A container that never started has 1970 as its start in the API; `time` makes that "none".
fn terminated(t: &core::ContainerStateTerminated) -> Terminated {
    Terminated {
        exit_code: t.exit_code,
        signal: t.signal.filter(|s| *s != 0),
        reason: word(t.reason.as_deref().unwrap_or_default()),
        message: message(t.message.as_deref().unwrap_or_default()),
        started: time(t.started_at.as_ref()),
        finished: time(t.finished_at.as_ref()),
        container_id: t.container_id.as_deref().filter(|i| !i.is_empty()).map(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: serde_json::Value) -> Pod {
        facts(&serde_json::from_value(value).unwrap(), &Owners::default())
    }

    #[test]
    fn a_start_error_has_no_start() {
        let p = pod(serde_json::json!({
            "metadata": {"namespace": "shop", "name": "web"},
            "spec": {"containers": [{"name": "app", "image": "x"}]},
            "status": {"containerStatuses": [{"name": "app", "image": "x", "imageID": "", "ready": false, "restartCount": 2, "state": {},
                "lastState": {"terminated": {"exitCode": 128, "reason": "StartError",
                    "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "2024-05-01T10:00:00Z"}}}]}
        }));
        let last = p.containers[0].status.last.as_ref().unwrap();
        assert_eq!((last.started, last.ran_for(), last.finished.is_some()), (None, None, true));
    }

    #[test]
    fn a_container_may_have_a_restart_policy_of_its_own() {
        let p = pod(serde_json::json!({
            "metadata": {"name": "web"},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "app", "restartPolicy": "OnFailure", "restartPolicyRules": [
                {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}},
                {"action": "RestartAllContainers", "exitCodes": {"operator": "NotIn", "values": [0, 1]}}, {"action": "Restart"}]}]}
        }));
        let app = &p.containers[0];
        assert_eq!((p.restart_policy, app.restart_policy), (RestartPolicy::Never, Some(RestartPolicy::OnFailure)));
        let rules: Vec<_> = app.restart_rules.iter().map(|r| (r.not_in, r.codes.clone())).collect();
        assert_eq!(rules, [(false, vec![42]), (true, vec![0, 1])]);
    }

    #[test]
    fn limits_come_from_the_spec_and_probes_have_defaults() {
        let p = pod(serde_json::json!({
            "metadata": {"name": "web"},
            "spec": {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
                "containers": [{"name": "app", "livenessProbe": {"httpGet": {"port": "http"}},
                    "env": [{"name": "DB_PASSWORD", "value": "x1"}, {"name": "EMPTY_TOKEN", "value": ""}]}]},
            "status": {"containerStatuses": [{"name": "app", "image": "x", "imageID": "", "ready": true, "restartCount": 0,
                "resources": {"limits": {"memory": "9007199254740988Ki"}}}]}
        }));
        let app = p.container("app").unwrap();
        assert_eq!(app.resources.memory_limit, None);
        let probe = app.liveness.as_ref().unwrap();
        assert_eq!((probe.period, probe.timeout, probe.failure_threshold), (10, 1, 3));
        assert_eq!(app.env("DB_PASSWORD").unwrap().value.as_deref(), Some("***"));
        assert_eq!(app.env("EMPTY_TOKEN").unwrap().value.as_deref(), Some(""));
        assert_eq!(p.containers[0].kind, crate::diagnose::facts::ContainerKind::Sidecar);
        assert_eq!((p.workload.kind.as_str(), p.workload.name.as_str()), ("Pod", "web"));
    }
}
