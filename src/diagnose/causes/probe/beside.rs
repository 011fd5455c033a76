//! A probe's kill beside another explanation: the log tells why the program did not come up, the kubelet why it ended then.

use crate::diagnose::{Case, Cause, Diagnosis, Evidence, Source, stop};

/// Says in a diagnosis from the log that it was a probe that got the container killed.
pub fn mention(case: &Case, diagnosis: &mut Diagnosis) {
    let by_log = diagnosis.evidence.first().is_some_and(|e| e.source == Source::Log);
    if !by_log || diagnosis.cause() == Cause::LivenessProbe {
        return;
    }
    let Some(kill) = stop::probe_kill(case) else { return };
    let (Some(killing), Some(crash)) = (kill.killing, case.crash()) else { return };
    if let Some(rest) = diagnosis.summary.strip_prefix(&format!("Exits {}", crash.exit_code)) {
        diagnosis.summary = format!("Killed by its {} probe{rest}", kill.kind.word());
    }
    for event in [Some(killing), kill.failure].into_iter().flatten() {
        let times = if event.count > 1 { format!(" (x{})", event.count) } else { String::new() };
        let text = format!("{}: {}{times}", event.reason, event.message.trim());
        diagnosis.evidence.push(Evidence::new(Source::Event, text).at(event.last));
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::Reason;
    use crate::diagnose::facts::{Probe, ProbeAction};
    use crate::diagnose::testing::World;

    #[test]
    fn who_is_killed_while_it_waits_for_another_service_did_not_exit() {
        let world = World::new()
            .crashed(143, "Error", 42)
            .log("booting\nWARN cannot reach config:8888: connection refused, retry 1\nWARN cannot reach config:8888: connection refused, retry 2\n")
            .event("Unhealthy", "Liveness probe failed: dial tcp 10.0.0.1:8080: connect: connection refused", 40)
            .event("Killing", "Container app failed liveness probe, will be restarted", 41)
            .with(|w| {
                w.container().liveness = Some(Probe {
                    action: ProbeAction::Tcp { port: "8080".into() },
                    initial_delay: 20,
                    period: 10,
                    timeout: 1,
                    failure_threshold: 3,
                    success_threshold: 1,
                    grace: None,
                });
            });
        let found = world.diagnose();
        assert_eq!(found.reason, Reason::DependencyUnavailable);
        assert!(found.summary.starts_with("Killed by its liveness probe after 42 s"), "{}", found.summary);
        assert!(found.evidence.iter().any(|e| e.detail.contains("failed liveness probe")), "{:?}", found.evidence);
    }
}
