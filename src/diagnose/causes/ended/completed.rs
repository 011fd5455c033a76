//! CompletedUnexpectedly: the main process ended with 0 although the pod must keep running.

use std::sync::LazyLock;

use regex::Regex;

use super::{after, last_lines, log_blames, signalled, status_evidence};
use crate::diagnose::facts::Terminated;
use crate::diagnose::{Basis, Case, Confidence, Evidence, Finding, Reason, Source, stop};

/// Programs that put themselves into the background unless told otherwise, as they stand in a command.
static DAEMON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)
        \bservice\s+\S+\s+(?:re)?start\b | \bsystemctl\s+start\b | /etc/init\.d/\S+\s+start
        | \bapachectl\s+(?:-k\s+)?(?:start|graceful)\b | \bcatalina\.sh\s+start\b | \bstartup\.sh\b | \bpg_ctl\b.*\bstart\b
        | --daemonize(?:\s+|=)yes | --daemon\b | \bdaemonize\b | --fork\b | -daemon\b | \bpm2\s+start\b | \bnohup\b | &\s*$",
    )
    .expect("a valid pattern")
});

/// Words of a log that say the work is done.
static DONE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(complet(?:e|ed|ion)|finished|done|success(?:ful(?:ly)?)?|nothing to do|up to date|exiting|all \w+ (?:applied|processed)|bye)\b")
        .expect("a valid pattern")
});

/// Words of a log that say that it leaves because of a bound that it has set itself.
static BOUND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        \b(?:memory|rss|heap)\b.{0,30}\b(?:threshold|limit|maximum|max)\b.{0,40}\b(?:exceeded|reached|hit)\b
        | \b(?:exceed(?:ed|s)|reached|hit|over)\b.{0,30}\b(?:memory|rss|heap)\b.{0,20}\b(?:threshold|limit|maximum)\b
        | \b(?:max(?:imum)?[\ _-]?(?:number\ of\ )?(?:requests|jobs|tasks|messages|lifetime|age|uptime|runtime))\b.{0,40}\b(?:exceeded|reached|hit)\b
        | \b(?:exceed(?:ed|s)|reached|hit)\b.{0,20}\bmax(?:imum)?[\ _-]?(?:number\ of\ )?(?:requests|jobs|tasks|messages|lifetime|age|uptime|runtime)\b",
    )
    .expect("a valid pattern")
});

/// Help or usage text.
static USAGE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?im)^\s*usage:|^\s*(?:available )?(?:commands|options|flags):").expect("a valid pattern")
});

/// See the module.
pub fn examine(case: &Case) -> Vec<Finding> {
    let Some(crash) = case.crash().filter(|c| c.exit_code == 0 && c.reason != "OOMKilled") else { return Vec::new() };
    // nginx, for one, exits 0 when a probe gets it killed.
    if !case.pod.must_run(case.container) || stop::probe_kill(case).is_some() || stop::stop(case).is_some() {
        return Vec::new();
    }
    // it ended in order because it was told to
    if signalled(case).is_some() {
        return Vec::new();
    }
    vec![finding(case, crash)]
}

fn finding(case: &Case, crash: &Terminated) -> Finding {
    let (why, advice) = reading(case);
    let text = format!(
        "Its main process ended by itself{} with exit 0 (Completed), so the kubelet starts it again: {why}.",
        after(crash)
    );
    let basis = if log_blames(case) { Basis::Symptom } else { Basis::Explained };
    let mut finding =
        Finding::new(Reason::CompletedUnexpectedly, Confidence::Likely, basis, text).evidence(status_evidence(crash));
    match last_lines(case, 4) {
        Ok(lines) => finding.evidence.extend(lines.into_iter().map(|l| Evidence::new(Source::Log, l))),
        Err(why) => finding.evidence.push(Evidence::new(Source::Log, why)),
    }
    let command = case.container.command_line().collect::<Vec<_>>().join(" ");
    if !command.is_empty() {
        finding
            .evidence
            .push(Evidence::new(Source::PodSpec, format!("command: {}", crate::diagnose::words::cut(&command, 300))));
    }
    finding.advise(advice).but("the kubelet saw no failure")
}

/// Why it may have ended, and what to do.
fn reading(case: &Case) -> (&'static str, &'static str) {
    let command = case.container.command_line().collect::<Vec<_>>().join(" ");
    let log = case.crash_log().map_or("", |l| l.text.as_str());
    let tail = log.len() - log.len().min(2_000);
    let tail = log.char_indices().map(|(i, _)| i).find(|i| *i >= tail).map_or("", |i| &log[i..]);
    let shell =
        matches!(case.container.command.first().map(String::as_str), Some("sh" | "bash" | "/bin/sh" | "/bin/bash"));
    if DAEMON.is_match(&command) {
        (
            "its command puts the program into the background, and the container ends with its first process",
            "Run the program in the foreground (nginx -g 'daemon off;', apachectl -D FOREGROUND, redis without --daemonize, no & at the end), with exec from a script.",
        )
    } else if USAGE.is_match(log) {
        (
            "it printed its help and ended, so it was started without the command or arguments that it needs",
            "Give the container the subcommand or arguments that this version of the image needs (args:).",
        )
    } else if BOUND.is_match(tail) {
        (
            "it says that it reached a bound of its own (memory, age, number of jobs or requests), and left so that it is started afresh",
            "If its memory grows without need, find the leak; else raise that bound, or let a supervisor inside the container restart its workers, so that the pod does not count as crashing.",
        )
    } else if DONE.is_match(tail) {
        (
            "it did its work and was done",
            "If it is meant to end, make it a Job or CronJob (or an init container); if it is meant to serve, start it with its serve command.",
        )
    } else if log.trim().is_empty() && case.container.command.is_empty() && case.container.args.is_empty() {
        (
            "it printed nothing, and the spec gives it no command: most likely the image's default is a shell or interpreter, which ends at once without a terminal",
            "Give the container a command that stays (command: / args:), or an image that starts a server.",
        )
    } else if shell {
        (
            "its shell command ran to its end",
            "Let the last command of the script stay in the foreground (exec the server), or make it a Job if it is meant to end.",
        )
    } else {
        (
            "a container under restartPolicy Always must not end",
            "If it is meant to end, make it a Job or CronJob; if it is meant to stay, start it in the foreground and look at why it returns.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::facts::{ContainerKind, RestartPolicy};
    use crate::diagnose::testing::World;

    fn done() -> World {
        World::new().crashed(0, "Completed", 3)
    }

    #[test]
    fn an_end_with_0_under_always_is_named_with_its_reading() {
        for (command, log, word) in [
            ("service nginx start", "", "background"),
            ("", "Database migration completed in 6.2 s\n", "did its work"),
            ("", "", "shell or interpreter"),
            ("serve-thing", "Usage: thing [OPTIONS] COMMAND\n\nCommands:\n  run\n", "printed its help"),
            ("echo hi", "hi\n", "must not end"),
            (
                "",
                "WARN memory threshold 1500MB exceeded (1544MB), finishing current job and shutting down\nbye\n",
                "a bound of its own",
            ),
            ("", "reached max requests (1000), exiting\n", "a bound of its own"),
        ] {
            let found = done()
                .log(log)
                .with(|w| w.container().command = command.split_whitespace().map(Into::into).collect())
                .diagnose();
            assert_eq!(found.reason, Reason::CompletedUnexpectedly, "{command}");
            assert!(found.summary.contains(word), "{}", found.summary);
        }
    }

    #[test]
    fn an_end_that_is_wanted_is_not() {
        assert!(done().policy(RestartPolicy::OnFailure).examine(examine).is_empty());
        assert!(done().with(|w| w.container().kind = ContainerKind::Init).examine(examine).is_empty());
        let sidecar = done().policy(RestartPolicy::Never).with(|w| w.container().kind = ContainerKind::Sidecar);
        assert_eq!(sidecar.examine(examine).len(), 1);
    }

    #[test]
    fn who_was_told_to_stop_did_not_complete() {
        for log in [
            "listening\nreceived SIGTERM, closing server\nbye\n",
            "up\n[notice] 1#1: signal 15 (SIGTERM) received from 7, exiting\n",
            "INFO Handling signal: term\nINFO Shutting down: Master\n",
        ] {
            let found = done().log(log).diagnose();
            assert_eq!((found.reason, found.confidence), (Reason::TerminatedBySignal, Confidence::Possible), "{log}");
            assert!(!found.remediation.iter().any(|r| r.text.contains("CronJob")), "{log}");
        }
        for log in ["registered handler for SIGTERM signal\nall 3 jobs done\n", "finished, shutting down\n"] {
            assert_eq!(done().log(log).diagnose().reason, Reason::CompletedUnexpectedly, "{log}");
        }
    }

    #[test]
    fn nginx_killed_by_its_probe_did_not_complete() {
        let killed = done().event("Killing", "Container app failed liveness probe, will be restarted", 2);
        assert!(killed.examine(examine).is_empty());
    }
}
