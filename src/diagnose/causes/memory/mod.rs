//! Memory: the kernel's limit, the runtime's heap, and what grows.

pub mod exhausted;
pub mod heap;
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
    Some(Evidence::new(Source::PodSpec, format!("resources.limits.memory: {}{request}", words::bytes(limit))))
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
    let to = words::quantity(to);
    let watch = if case.pod.policy_of(case.container) == RestartPolicy::Never {
        "watch what it really needs while it runs".to_owned()
    } else {
        format!("watch what it really needs: kubectl -n {} top pod {} --containers", case.pod.namespace, case.pod.name)
    };
    let text = format!("Raise the memory limit to {to} ({why}), then {watch}");
    (text, kubectl::set_limit(case, &format!("memory={to}")))
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
