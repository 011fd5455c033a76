//! CpuThrottling: a CPU limit so small that the program could not answer its probe in time.

use super::failure::Failure;
use super::judge::{last_line, still};
use super::{Killed, advice};
use crate::diagnose::{Confidence, Evidence, Finding, Reason, Source, words};

/// A CPU limit (thousandths of a core) so small that any program is slow under it.
const TINY_CPU: u64 = 100;
/// The same for a JVM, which compiles its code while it starts.
const TINY_CPU_JAVA: u64 = 300;

/// Starved by its CPU limit: a limit that is tiny for what runs under it, or starvation in the log's own words.
pub(super) fn throttled(kill: &Killed, starting: bool) -> Option<Finding> {
    let limit = kill.case.container.resources.cpu_limit?;
    let starved = kill.course.starved.as_ref();
    let tiny = limit <= TINY_CPU || (limit <= TINY_CPU_JAVA && is_java(kill));
    let slow = matches!(kill.failure, Failure::Timeout | Failure::Refused | Failure::Status(503));
    if !(slow && (tiny || (starved.is_some() && limit <= 1_000))) {
        return None;
    }
    let what = if starting { "it was still starting under" } else { "it could not answer in time under" };
    let text = format!(
        "Killed by its {}{}: {what} a CPU limit of {} ({}).{}",
        kill.name(),
        kill.when(),
        words::cpu(limit),
        kill.failure.words(),
        if starting { still(kill) } else { String::new() }
    );
    let basis = kill.basis(!starting);
    let mut finding = Finding::new(Reason::CpuThrottling, Confidence::Likely, basis, text);
    finding.evidence.push(Evidence::new(Source::PodSpec, format!("resources.limits.cpu: {}", words::cpu(limit))));
    finding.evidence.extend(starved.map(|l| Evidence::new(Source::Log, l.clone())));
    let finding = last_line(kill, kill.evidence(finding)).but("nothing here measures the throttling itself");
    let finding = advice::cpu(kill, finding, limit);
    Some(if starting { advice::startup_probe(kill, finding) } else { advice::timeout(kill, finding) })
}

fn is_java(kill: &Killed) -> bool {
    let java = |text: &str| text.contains("-Xmx") || text.contains("-XX:") || text.contains("java");
    kill.course.java
        || kill.case.container.command_line().any(java)
        || kill
            .case
            .container
            .env
            .iter()
            .any(|e| e.name.contains("JAVA") || e.name.contains("JVM") || e.value.as_deref().is_some_and(java))
}
