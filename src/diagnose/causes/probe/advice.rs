//! Numbers for probes, argued from what was seen.

use super::Killed;
use crate::diagnose::{Finding, kubectl, words};

/// A startup probe that gives twice the time that the start needed, or, where that is not known, twice what it had.
pub fn startup_probe(kill: &Killed, finding: Finding) -> Finding {
    let had = kill.kill.after.unwrap_or_else(|| kill.probe.earliest_kill());
    let (need, why) = match kill.observed_start() {
        Some(seen) if seen > 0 => (seen * 2, format!("the run that goes on now was up after {}", words::seconds(seen))),
        _ => (had * 2, format!("it had {} and was not up", words::seconds(had))),
    };
    let period = kill.probe.period.clamp(1, 10);
    let threshold = ((need + period - 1) / period).max(12);
    let text = format!(
        "Give the start its own time with a startupProbe: periodSeconds {period} x failureThreshold {threshold} = {} ({why}); the liveness probe waits until it passes. If it still dies, the start is slower than that: raise failureThreshold.",
        words::seconds(period * threshold)
    );
    let command = kubectl::probe_action(&kill.probe).and_then(|action| {
        let timeout = kill.probe.timeout.max(1);
        let fields = format!(
            r#""startupProbe":{{{action},"periodSeconds":{period},"timeoutSeconds":{timeout},"failureThreshold":{threshold}}}"#
        );
        kubectl::patch_container(kill.case, &fields)
    });
    add(finding, text, command)
}

/// A startup probe with twice as many tries.
pub fn startup_threshold(kill: &Killed, finding: Finding) -> Finding {
    let p = &kill.probe;
    let allowed = p.initial_delay + p.period * p.failure_threshold;
    let observed = kill.observed_start().filter(|s| *s > allowed);
    let threshold = observed
        .map_or(p.failure_threshold * 2, |s| (s * 2 + p.period - 1) / p.period.max(1))
        .max(p.failure_threshold + 1);
    let text = format!(
        "The startup probe allows {} (initialDelaySeconds {} + {} x {} s). Raise failureThreshold to {threshold} ({}), or make the start faster; watch how long it really takes.",
        words::seconds(allowed),
        p.initial_delay,
        p.failure_threshold,
        p.period,
        words::seconds(p.initial_delay + p.period * threshold)
    );
    let fields = format!(r#""startupProbe":{{"failureThreshold":{threshold}}}"#);
    add(finding, text, kubectl::patch_container(kill.case, &fields))
}

/// A longer timeout.
pub fn timeout(kill: &Killed, finding: Finding) -> Finding {
    let now = kill.probe.timeout;
    let wanted = (now * 3).clamp(5, 60);
    let text = format!(
        "Measure how long the probe's answer takes under load (kubectl exec … time …), and set timeoutSeconds above it: {wanted} s instead of {now} s to begin with."
    );
    let word = kill.kill.kind.word();
    let period = if kill.probe.period < wanted { format!(r#","periodSeconds":{}"#, wanted * 2) } else { String::new() };
    let fields = format!(r#""{word}Probe":{{"timeoutSeconds":{wanted}{period}}}"#);
    add(finding, text, kubectl::patch_container(kill.case, &fields))
}

/// Three tries instead of one.
pub fn threshold(kill: &Killed, finding: Finding) -> Finding {
    let now = kill.probe.failure_threshold;
    let wanted = (now * 3).max(3);
    let text = format!(
        "failureThreshold {now} kills after {}; with {wanted} it takes {} of failures in a row.",
        if now == 1 { "a single failure".to_owned() } else { format!("{now} failures") },
        words::seconds(kill.probe.period * wanted)
    );
    let fields = format!(r#""{}Probe":{{"failureThreshold":{wanted}}}"#, kill.kill.kind.word());
    add(finding, text, kubectl::patch_container(kill.case, &fields))
}

/// More CPU.
pub fn cpu(kill: &Killed, finding: Finding, limit: u64) -> Finding {
    let wanted = words::cpu((limit * 5).clamp(500, 2_000));
    let text = format!(
        "Raise the CPU limit of {} to {wanted}, or drop it and keep the request: a start needs many times the CPU of steady work. rate(container_cpu_cfs_throttled_seconds_total[5m]) shows the throttling.",
        words::cpu(limit)
    );
    add(finding, text, kubectl::set_limit(kill.case, &format!("cpu={wanted}")))
}

fn add(finding: Finding, text: String, command: Option<String>) -> Finding {
    match command {
        Some(command) => finding.advise_command(text, command),
        None => finding.advise(text),
    }
}
