//! Memory: the kernel's limit, the runtime's heap, and what grows.

pub mod exhausted;
pub mod heap;
mod initial;
pub mod leak;
pub mod oom;
mod pool;
mod settings;

use crate::diagnose::facts::{RestartPolicy, Terminated};
use crate::diagnose::{Case, Evidence, Source, kubectl, words};

const MI: u64 = 1 << 20;

/// The limit that the kernel holds the container to: its own, else the pod's. Bytes.
pub(super) fn limit(case: &Case) -> Option<u64> {
    case.container.resources.memory_limit.or(case.pod.resources.memory_limit)
}

/// Whether that limit is the pod's (`spec.resources`, Kubernetes >= 1.34), which its containers share: none of them may be
/// given more than the pod has.
fn is_shared(case: &Case) -> bool {
    case.container.resources.memory_limit.is_none() && case.pod.resources.memory_limit.is_some()
}

/// Whose limit it is, as the words before `memory limit`.
fn whose(case: &Case) -> &'static str {
    if is_shared(case) { "the pod's" } else { "its" }
}

/// The command that sets the limit which holds: the container's, or the pod's, or both where the pod's would be too small.
fn set_limit(case: &Case, bytes: u64) -> Option<String> {
    let to = words::quantity(bytes);
    match case.pod.resources.memory_limit {
        None => kubectl::set_limit(case, &format!("memory={to}")),
        Some(_) if is_shared(case) => kubectl::patch_pod_limit(case, &to, None),
        Some(pod) => {
            let more = bytes.saturating_sub(case.container.resources.memory_limit.unwrap_or_default());
            kubectl::patch_pod_limit(case, &words::quantity(pod.saturating_add(more)), Some(&to))
        }
    }
}

/// One and a half times the limit, in a round number: a step that shows whether more memory helps at all.
fn raised(limit: u64) -> u64 {
    let wanted = limit + limit / 2;
    let step = match wanted {
        0..=134_217_728 => 16 * MI,
        134_217_729..=1_073_741_824 => 64 * MI,
        _ => 256 * MI,
    };
    wanted.div_ceil(step) * step
}

fn limit_evidence(case: &Case) -> Option<Evidence> {
    let limit = limit(case)?;
    let request = case.container.resources.memory_request;
    let request = request.map_or_else(String::new, |r| format!(", resources.requests.memory: {}", words::bytes(r)));
    let place = if is_shared(case) { "spec.resources.limits.memory (of the pod)" } else { "resources.limits.memory" };
    Some(Evidence::new(Source::PodSpec, format!("{place}: {}{request}", words::bytes(limit))))
}

fn status_evidence(case: &Case) -> Option<Evidence> {
    let crash = case.crash()?;
    let ran = crash.ran_for().map_or_else(String::new, |s| format!(", after {}", words::seconds(s)));
    let text = format!("terminated: reason {}, exitCode {}{ran}", crash.reason, crash.exit_code);
    Some(Evidence::new(Source::ContainerStatus, text).at(crash.finished))
}

/// Killed within this many seconds it was still loading: what it needs is not known even roughly.
const LOADING: i64 = 10;

/// Advice to raise the limit: text and command.
fn raise(case: &Case, limit: u64) -> (String, Option<String>) {
    let loading = case.crash().and_then(Terminated::ran_for).is_some_and(|s| s <= LOADING);
    let (to, why) = if loading {
        (limit.saturating_mul(2), "twice the limit of now, since it was killed while it was still loading")
    } else {
        (raised(limit), "half as much again as now")
    };
    let command = set_limit(case, to);
    let to = words::quantity(to);
    let watch = if case.pod.policy_of(case.container) == RestartPolicy::Never {
        "watch what it really needs while it runs".to_owned()
    } else {
        format!("watch what it really needs: kubectl -n {} top pod {} --containers", case.pod.namespace, case.pod.name)
    };
    let which = if is_shared(case) {
        "the pod's memory limit (spec.resources, shared by its containers: another of them may be the one that takes it)"
    } else {
        "the memory limit"
    };
    let text = format!("Raise {which} to {to} ({why}), then {watch}");
    (text, command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raised_limits_are_round() {
        for (mi, to) in [(30, 48), (64, 96), (256, 384), (512, 768), (1024, 1536), (4096, 6144)] {
            assert_eq!(raised(mi * MI), to * MI, "{mi}Mi");
        }
    }
}
