//! Segfault, Aborted, TerminatedBySignal: a signal ended the process, and no event says who sent it.

use super::{after, asked_to_stop, last_lines, signal, signalled, status_evidence};
use crate::diagnose::facts::Terminated;
use crate::diagnose::log::Concept;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop};

/// A signal (signal(7), Linux on amd64 and arm64).
struct Signal {
    number: i32,
    name: &'static str,
    /// What it means for the reader.
    meaning: &'static str,
    /// What to do.
    advice: &'static str,
    /// What a shell or parent prints for it, where no runtime does.
    printed: &'static [&'static str],
}

const SIGNALS: &[Signal] = &[
    Signal {
        number: 1,
        name: "SIGHUP",
        meaning: "its terminal or parent went away",
        advice: "Look for who sends it: a wrapper script, an init process, or a reload command.",
        printed: &[],
    },
    Signal {
        number: 2,
        name: "SIGINT",
        meaning: "as by Ctrl-C",
        advice: "Look for who sends it; STOPSIGNAL SIGINT in the image makes every stop look so.",
        printed: &[],
    },
    Signal {
        number: 3,
        name: "SIGQUIT",
        meaning: "asked to quit with a dump",
        advice: "Look for who sends it; STOPSIGNAL SIGQUIT in the image (nginx, php-fpm) makes every stop look so.",
        printed: &[],
    },
    Signal {
        number: 4,
        name: "SIGILL",
        meaning: "it used an instruction that this CPU does not have (or jumped into data)",
        advice: "Compare the node's CPU with those where it works: builds for newer CPUs (AVX, x86-64-v2/v3, ARMv8.2) fail on older ones and under emulation. Use a build for a plainer CPU, or keep it off these nodes. Agents that inject code into processes do this too.",
        printed: &["Illegal instruction"],
    },
    Signal {
        number: 5,
        name: "SIGTRAP",
        meaning: "a breakpoint or an assertion of the runtime",
        advice: "Get a core dump or a stack trace: runtimes trap where an internal check fails.",
        printed: &["Trace/breakpoint trap"],
    },
    Signal {
        number: 7,
        name: "SIGBUS",
        meaning: "memory that is mapped but cannot be had",
        advice: "Check the size of /dev/shm (64 MiB unless an emptyDir with medium Memory is mounted there), hugepages (huge_pages=off for databases where none are reserved), and files truncated while they were mapped.",
        printed: &["Bus error"],
    },
    Signal {
        number: 8,
        name: "SIGFPE",
        meaning: "an arithmetic error such as a division by zero",
        advice: "Get a core dump or a stack trace.",
        printed: &["Floating point exception", "Arithmetic exception"],
    },
    Signal {
        number: 9,
        name: "SIGKILL",
        meaning: "killed without a chance to clean up, and no event says by whom",
        advice: "Look at the node's kernel log for an out-of-memory kill (journalctl -k | grep -i 'killed process'), at who or what may kill processes there, and set a memory limit so that an OOM kill is reported as one.",
        printed: &[],
    },
    Signal {
        number: 13,
        name: "SIGPIPE",
        meaning: "it wrote to a pipe or socket that nobody reads any more",
        advice: "Handle or ignore SIGPIPE; look at which consumer of its output went away.",
        printed: &[],
    },
    Signal {
        number: 14,
        name: "SIGALRM",
        meaning: "a timer of its own ran out",
        advice: "Look for a timeout in the program or its wrapper (alarm, timeout).",
        printed: &[],
    },
    Signal {
        number: 15,
        name: "SIGTERM",
        meaning: "asked to stop, and no event says by whom",
        advice: "Look for who stops it: a deletion, a drain or a scale-down whose events are gone, a supervisor or `timeout` inside the container, or a probe (kubectl get events).",
        printed: &[],
    },
    Signal {
        number: 24,
        name: "SIGXCPU",
        meaning: "its CPU time limit (ulimit -t) was used up",
        advice: "Raise or drop the limit that the entrypoint or image sets.",
        printed: &["CPU time limit exceeded"],
    },
    Signal {
        number: 25,
        name: "SIGXFSZ",
        meaning: "its file size limit (ulimit -f) was reached",
        advice: "Raise or drop the limit that the entrypoint or image sets.",
        printed: &["File size limit exceeded"],
    },
    Signal {
        number: 31,
        name: "SIGSYS",
        meaning: "it used a system call that the seccomp profile forbids",
        advice: "Compare with seccompProfile Unconfined on a test pod; then allow that one call.",
        printed: &["Bad system call"],
    },
];

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(crash) = case.crash().filter(|c| c.reason != "OOMKilled") else { return Vec::new() };
    if stop::probe_kill(case).is_some() || stop::stop(case).is_some() || stop::hook_kill(case) {
        return Vec::new();
    }
    match signal(crash) {
        Some(9) if asked_to_stop(case).is_some() => vec![grace_over(case, crash)],
        Some(11) => vec![segfault(case, crash)],
        Some(6) => vec![aborted(case, crash)],
        Some(number) => by_signal(case, crash, number).into_iter().collect(),
        None if crash.exit_code == 0 => in_order(case, crash).into_iter().collect(),
        None => printed(case, crash).into_iter().collect(),
    }
}

fn with_log(case: &Case, mut finding: Finding) -> Finding {
    match last_lines(case, 3) {
        Ok(lines) => finding.evidence.extend(lines.into_iter().map(|l| Evidence::new(Source::Log, l))),
        Err(why) => finding.evidence.push(Evidence::new(Source::Log, why)),
    }
    finding
}

fn segfault(case: &Case, crash: &Terminated) -> Finding {
    let text = format!("Crashed with a segmentation fault (exit {}, SIGSEGV){}.", crash.exit_code, after(crash));
    let finding = Finding::new(Reason::Segfault, Confidence::Likely, Basis::Inferred, text)
        .evidence(status_evidence(crash))
        .advise("It is a fault in native code: of the program, of a native library, or of one built for another libc (musl against glibc). Compare with the image version or base image before it.")
        .advise("Get a core dump or run it under gdb or catchsegv to see which library it is in.")
        .but("Node.js as PID 1 ends so when its heap is full, too");
    with_log(case, finding)
}

fn aborted(case: &Case, crash: &Terminated) -> Finding {
    let text = format!("Aborted itself (exit {}, SIGABRT){}.", crash.exit_code, after(crash));
    let finding = Finding::new(Reason::Aborted, Confidence::Likely, Basis::Inferred, text)
        .evidence(status_evidence(crash))
        .advise("abort() is called where a program or its runtime finds itself broken: a failed assertion, corrupt memory, an uncaught C++ exception. The lines just before the end of its log name it.");
    with_log(case, finding)
}

/// It was stopping when it was killed, so that its grace time ran out.
fn grace_over(case: &Case, crash: &Terminated) -> Finding {
    let grace = case.pod.grace_seconds;
    let text = format!(
        "It was asked to stop, had not ended when its grace time of {grace} s was over, and was killed (SIGKILL, exit {}){}; no event says who stopped it.",
        crash.exit_code,
        after(crash)
    );
    let finding = Finding::new(Reason::TerminatedBySignal, Confidence::Likely, Basis::Inferred, text);
    let finding = match asked_to_stop(case) {
        Some(line) => finding.evidence(Evidence::new(Source::Log, line)),
        None => finding,
    };
    finding
        .evidence(status_evidence(crash))
        .advise("Look for who stops it: a probe, a deletion, a drain or a scale-down whose events are gone (kubectl get events).")
        .advise(format!("Let it end within {grace} s of SIGTERM, or raise terminationGracePeriodSeconds."))
}

fn by_signal(case: &Case, crash: &Terminated, number: i32) -> Option<Finding> {
    let signal = SIGNALS.iter().find(|s| s.number == number)?;
    // SIGKILL and SIGTERM come from outside, so the log may still hold the reason; the others are the end's own mark.
    let outside = matches!(number, 9 | 15);
    let (confidence, basis) =
        if outside { (Confidence::Possible, Basis::Symptom) } else { (Confidence::Likely, Basis::Inferred) };
    let text = format!("Ended by {} (exit {}){}: {}.", signal.name, crash.exit_code, after(crash), signal.meaning);
    let finding = Finding::new(Reason::TerminatedBySignal, confidence, basis, text)
        .evidence(status_evidence(crash))
        .advise(signal.advice);
    Some(with_log(case, finding))
}

/// It was told to stop, and did so in order (exit 0), although it must keep running.
fn in_order(case: &Case, crash: &Terminated) -> Option<Finding> {
    let line = signalled(case).filter(|_| case.pod.must_run(case.container))?;
    let text = format!(
        "It was told to stop by a signal and ended in order, with exit 0{}; no event says who sent it{}.",
        after(crash),
        suspect(case)
    );
    Some(
        Finding::new(Reason::TerminatedBySignal, Confidence::Possible, Basis::Symptom, text)
            .evidence(Evidence::new(Source::Log, line))
            .evidence(status_evidence(crash))
            .advise("Look for who stops it: a probe, a deletion, a drain or a scale-down whose events are gone (events last an hour: look while it happens, kubectl get events -w), or a supervisor inside the container."),
    )
}

/// The sender of most signals without an event: a liveness probe, whose events are gone after an hour.
fn suspect(case: &Case) -> String {
    case.container.liveness.as_ref().map_or_else(String::new, |p| {
        format!(
            ", most likely the kubelet, for its liveness probe (timeoutSeconds {}, periodSeconds {}, failureThreshold {})",
            p.timeout, p.period, p.failure_threshold
        )
    })
}

/// The parent survived to exit with a code of its own, but the shell printed what ended the child.
fn printed(case: &Case, crash: &Terminated) -> Option<Finding> {
    if case.log().find(Concept::Segfault).is_some() {
        return None;
    }
    let lines = last_lines(case, 12).ok()?;
    let (signal, line) = lines.iter().rev().find_map(|l| {
        let signal = SIGNALS.iter().find(|s| s.printed.iter().any(|p| l.contains(p)))?;
        Some((signal, l))
    })?;
    let text = format!(
        "A process of it was ended by {}: {}; then it exited {}.",
        signal.name, signal.meaning, crash.exit_code
    );
    Some(
        Finding::new(Reason::TerminatedBySignal, Confidence::Likely, Basis::Inferred, text)
            .evidence(Evidence::new(Source::Log, line.clone()))
            .evidence(status_evidence(crash))
            .advise(signal.advice),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::World;

    #[test]
    fn each_signal_has_its_name() {
        for (code, reason, word) in [
            (139, Reason::Segfault, "SIGSEGV"),
            (134, Reason::Aborted, "SIGABRT"),
            (132, Reason::TerminatedBySignal, "SIGILL"),
            (135, Reason::TerminatedBySignal, "SIGBUS"),
            (137, Reason::TerminatedBySignal, "SIGKILL"),
            (143, Reason::TerminatedBySignal, "SIGTERM"),
        ] {
            let found = World::new().crashed(code, "Error", 5).diagnose();
            assert_eq!(found.reason, reason, "{code}");
            assert!(found.summary.contains(word), "{}", found.summary);
            assert!(found.evidence.iter().any(|e| e.detail.contains(&code.to_string())));
        }
    }

    #[test]
    fn a_kill_while_it_was_stopping_is_the_end_of_its_grace_time() {
        let world = World::new().crashed(137, "Error", 4000).log("ready\nSIGTERM received, draining 41 connections\n");
        let found = world.with(|w| w.container().resources.memory_limit = Some(1 << 29)).diagnose();
        assert_eq!(found.reason, Reason::TerminatedBySignal);
        assert!(found.summary.contains("grace time of 30 s"), "{}", found.summary);
    }

    #[test]
    fn an_unexplained_sigkill_is_only_possible() {
        assert_eq!(World::new().crashed(137, "Error", 5).diagnose().confidence, Confidence::Possible);
    }

    #[test]
    fn a_shell_that_lives_on_tells_of_its_childs_signal() {
        let found = World::new().crashed(1, "Error", 5).log("starting\nIllegal instruction (core dumped)\n").diagnose();
        assert_eq!(found.reason, Reason::TerminatedBySignal);
        assert!(found.summary.contains("SIGILL"), "{}", found.summary);
    }
}
