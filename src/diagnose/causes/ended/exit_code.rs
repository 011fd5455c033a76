//! UnknownError, and what an exit code means by convention where the log does not tell more.

use super::{after, last_lines, signal, status_evidence};
use crate::diagnose::facts::Terminated;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop};

/// A code that points to a reason by itself, though weakly: shells (126, 127), and NTSTATUS codes of Windows containers.
const POINTERS: &[(i32, Reason, &str)] = &[
    (126, Reason::EntrypointNotExecutable, "the shell's code for a command that is there but may not be executed"),
    (127, Reason::EntrypointNotFound, "the shell's code for a command that was not found"),
    (-1_073_741_819, Reason::Segfault, "Windows 0xC0000005, access violation"),
    (-1_073_741_515, Reason::MissingSharedLibrary, "Windows 0xC0000135, a DLL was not found"),
    (-1_073_740_791, Reason::Aborted, "Windows 0xC0000409, fail-fast"),
    (-1_073_741_510, Reason::TerminatedBySignal, "Windows 0xC000013A, ended by Ctrl-C or a stop"),
    (-532_462_766, Reason::UnhandledException, "Windows 0xE0434352, an unhandled .NET exception"),
];

/// What codes mean by convention (sysexits.h, errno returned as a negative number by npm and others, Node.js, the JVM).
const CONVENTIONS: &[(i32, &str)] = &[
    (2, "wrong usage by the shell's convention, but also what Go exits with after a panic"),
    (3, "a JVM with ExitOnOutOfMemoryError exits so"),
    (7, "Node.js: an exception handler threw itself"),
    (9, "Node.js: an invalid option"),
    (13, "Node.js: a top-level await never settled"),
    (64, "EX_USAGE: wrong command line"),
    (65, "EX_DATAERR: wrong input data"),
    (66, "EX_NOINPUT: an input file cannot be read"),
    (69, "EX_UNAVAILABLE: a service that it needs is not there"),
    (70, "EX_SOFTWARE: an internal error"),
    (71, "EX_OSERR: the system refused something, such as a fork"),
    (73, "EX_CANTCREAT: an output file cannot be made"),
    (74, "EX_IOERR: reading or writing failed"),
    (75, "EX_TEMPFAIL: try again later"),
    (77, "EX_NOPERM: permission denied"),
    (78, "EX_CONFIG: wrong configuration"),
    (125, "`docker run`, `timeout` or `env` itself failed"),
    (243, "-13 (EACCES): permission denied, as npm returns it"),
    (254, "-2 (ENOENT): a file is missing, as npm returns it"),
    (255, "-1: the program returned an error of no number"),
];

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(crash) = case.crash().filter(|c| c.exit_code != 0 && !never_ran(c)) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some((_, reason, meaning)) = POINTERS.iter().find(|(code, ..)| *code == crash.exit_code) {
        found.push(pointer(case, crash, *reason, meaning));
    }
    found.push(unknown(case, crash));
    found
}

/// The runtime could not start it: other rules read the message.
fn never_ran(crash: &Terminated) -> bool {
    matches!(crash.reason.as_str(), "StartError" | "ContainerCannotRun" | "CreateContainerError")
}

fn pointer(case: &Case, crash: &Terminated, reason: Reason, meaning: &str) -> Finding {
    let command = case.container.command_line().collect::<Vec<_>>().join(" ");
    let text = format!("Exits {}{}: {meaning}.", crash.exit_code, after(crash));
    let mut finding = Finding::new(reason, Confidence::Possible, Basis::Symptom, text).evidence(status_evidence(crash));
    if !command.is_empty() {
        let command = crate::diagnose::words::cut(&command, 300);
        finding.evidence.push(Evidence::new(Source::PodSpec, format!("command: {command}")));
    }
    let finding = quote_log(case, finding);
    match reason {
        Reason::EntrypointNotFound => {
            finding.advise("Check that each program the entrypoint or command calls is in the image, and on its PATH.")
        }
        Reason::EntrypointNotExecutable => finding.advise(
            "Give the file the x bit in the image (RUN chmod +x), or call it through its interpreter (sh script.sh).",
        ),
        _ => finding.advise("Look at the last lines of the log, and run the image by hand with the same command."),
    }
}

fn quote_log(case: &Case, mut finding: Finding) -> Finding {
    match last_lines(case, 5) {
        Ok(lines) => finding.evidence.extend(lines.into_iter().map(|l| Evidence::new(Source::Log, l))),
        Err(_) if case.pod.wants_no_logs() => {
            finding.evidence.push(Evidence::new(Source::PodSpec, "crashdiagnosis.dev/no-logs: its log is not read"));
        }
        Err(why) => finding.evidence.push(Evidence::new(Source::Log, why)),
    }
    finding
}

fn unknown(case: &Case, crash: &Terminated) -> Finding {
    let convention = CONVENTIONS.iter().find(|(code, _)| *code == crash.exit_code && (*code != 3 || is_java(case)));
    let hint = convention.map_or_else(String::new, |(_, meaning)| format!(" (by convention: {meaning})"));
    let lines = last_lines(case, 5);
    let said = match &lines {
        Ok(lines) => format!("the last thing it printed was: {}", lines.last().map_or("", |l| l.trim_end_matches('.'))),
        Err(why) => (*why).to_owned(),
    };
    let text = format!("Exits {}{}{hint}; {said}.", crash.exit_code, after(crash));
    let finding =
        Finding::new(Reason::UnknownError, Confidence::Possible, Basis::Generic, text).evidence(status_evidence(crash));
    let finding = quote_log(case, finding);
    next_steps(case, crash, finding, lines.is_err())
}

/// Whether anything about the container speaks of a JVM: only there its exit codes mean something.
fn is_java(case: &Case) -> bool {
    let java = |text: &str| ["java", "jvm", "-Xm", "-XX:"].iter().any(|w| text.contains(w));
    let c = case.container;
    let env = c.env.iter().any(|e| java(&e.name.to_lowercase()) || e.value.as_deref().is_some_and(java));
    java(&c.image) || env || c.command_line().any(java) || case.crash_log().is_some_and(|l| java(&l.text))
}

fn next_steps(case: &Case, crash: &Terminated, finding: Finding, silent: bool) -> Finding {
    let (ns, pod, name) = (&case.pod.namespace, &case.pod.name, &case.container.name);
    let finding = if silent && case.crash_log().is_none() {
        finding.advise_command(
            "Read its log, where the reason most likely stands:",
            format!("kubectl -n {ns} logs {pod} -c {name} --previous"),
        )
    } else if silent {
        let finding = finding.advise("It says nothing: raise its log level, look for a log file inside the image, or add `set -x` to its entrypoint script.");
        finding.advise_command(
            "Run it by hand with the same settings:",
            format!("kubectl -n {ns} debug {pod} -it --copy-to={pod}-debug --container={name} -- sh"),
        )
    } else {
        finding.advise("The lines above are all that it said before it ended: look up the last one in its sources or documentation, or raise its log level.")
    };
    if signal(crash).is_none() && stop::stop(case).is_none() {
        return finding.advise("If it began with a rollout, compare image and configuration with the revision before (kubectl rollout history).");
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    #[test]
    fn only_a_code_is_known() {
        let found = World::new().crashed(1, "Error", 2).log("step one\nstep two\n").diagnose();
        assert_eq!((found.reason, found.confidence), (Reason::UnknownError, Confidence::Possible));
        assert!(found.summary.contains("step two"), "{}", found.summary);
        assert!(found.evidence.iter().any(|e| e.detail == "step one"));
    }

    #[test]
    fn a_code_of_the_jvm_means_nothing_elsewhere() {
        let exited = |log: &str| World::new().crashed(3, "Error", 9).log(log).diagnose().summary;
        assert!(!exited("[INFO] Booting worker with pid: 8\n").contains("JVM"));
        assert!(exited("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nup\n").contains("JVM"));
    }

    #[test]
    fn silence_is_evidence() {
        let found = World::new().crashed(243, "Error", 1).log("").diagnose();
        assert!(found.summary.contains("EACCES") && found.summary.contains("printed nothing"), "{}", found.summary);
        assert!(found.remediation.iter().any(|r| r.command.as_deref().is_some_and(|c| c.contains("debug web-1"))));
    }

    #[test]
    fn shells_codes_point_to_the_entrypoint() {
        assert_eq!(World::new().crashed(127, "Error", 1).diagnose().reason, Reason::EntrypointNotFound);
        assert_eq!(World::new().crashed(126, "Error", 1).diagnose().reason, Reason::EntrypointNotExecutable);
        assert_eq!(World::new().crashed(127, "Error", 1).diagnose().confidence, Confidence::Possible);
    }

    #[test]
    fn what_never_ran_has_no_exit_code_of_its_own() {
        assert!(World::new().crashed(128, "StartError", 0).examine(examine).is_empty());
    }
}
