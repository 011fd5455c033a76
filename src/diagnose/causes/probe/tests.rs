//! One test per shape of a probe kill. The world's container starts at 22:13:20 UTC (second 0).

use std::fmt::Write as _;

use crate::diagnose::facts::{Port, Probe, ProbeAction, State};
use crate::diagnose::testing::{World, at};
use crate::diagnose::{Confidence, Diagnosis, Reason};

pub(super) const REFUSED: &str =
    "Get \"http://10.0.0.1:8080/healthz\": dial tcp 10.0.0.1:8080: connect: connection refused";
const TIMEOUT: &str =
    "Get \"http://10.0.0.1:8080/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)";

fn http() -> Probe {
    Probe {
        action: ProbeAction::Http { path: "/healthz".into(), port: "8080".into(), scheme: "HTTP".into(), host: None },
        initial_delay: 10,
        period: 10,
        timeout: 1,
        failure_threshold: 3,
        success_threshold: 1,
        grace: None,
    }
}

/// Killed by its liveness probe at second `kill`, gone at `kill + 30`.
pub(super) fn killed(kill: i64, said: &str) -> World {
    World::new()
        .crashed(137, "Error", kill + 30)
        .with(|w| w.container().liveness = Some(http()))
        .event("Unhealthy", &format!("Liveness probe failed: {said}"), kill)
        .event("Killing", "Container app failed liveness probe, will be restarted", kill)
}

fn reason(world: &World) -> Reason {
    world.diagnose().reason
}

fn commands(found: &Diagnosis) -> String {
    found.remediation.iter().filter_map(|r| r.command.clone()).collect::<Vec<_>>().join("\n")
}

const STARTING: &str =
    "22:13:25 INFO loading modules\n22:13:40 INFO running migrations\n22:13:49 INFO migration 12 of 40\n";

#[test]
fn killed_before_it_was_up() {
    let found = killed(32, REFUSED).log(STARTING).diagnose();
    assert_eq!((found.reason, found.confidence), (Reason::SlowStart, Confidence::Likely));
    assert!(found.summary.contains("migration 12 of 40"), "{}", found.summary);
    assert!(found.evidence.iter().any(|e| e.detail.contains("connection refused")));
    assert!(found.evidence.iter().any(|e| e.detail.contains("failed liveness probe")));
    // It had 32 s: twice that is 64 s, and never less than 12 tries.
    assert!(commands(&found).contains(r#""startupProbe":{"httpGet":{"path":"/healthz","port":8080},"periodSeconds":10,"timeoutSeconds":1,"failureThreshold":12}"#), "{}", commands(&found));
}

#[test]
fn the_next_runs_start_gives_the_number() {
    let world = killed(32, REFUSED).log(STARTING).with(|w| {
        w.container().status.state = State::Running { since: Some(at(64)) };
        w.now = at(400);
        let mut log = w.cluster.logs[0].clone();
        log.slot = crate::diagnose::facts::LogSlot::Current;
        log.text = "22:14:30 INFO loading modules\n22:16:24 INFO server started\n".into();
        w.cluster.logs.push(log);
    });
    let found = world.diagnose();
    assert!(found.remediation[0].text.contains("2 min"), "{}", found.remediation[0].text);
    assert!(commands(&found).contains(r#""failureThreshold":24"#), "{}", commands(&found));
}

#[test]
fn up_only_after_the_failures_began_is_slow_as_well() {
    let log = "22:13:25 INFO loading\n22:13:48 INFO server started\n";
    assert_eq!(reason(&killed(32, REFUSED).log(log)), Reason::SlowStart);
}

#[test]
fn an_answer_of_503_while_migrating_is_a_slow_start() {
    assert_eq!(reason(&killed(32, "HTTP probe failed with statuscode: 503").log(STARTING)), Reason::SlowStart);
}

#[test]
fn an_answer_of_503_of_a_running_program_is_a_strict_endpoint() {
    let log = "22:13:21 INFO server started\n22:13:50 WARN health: database DOWN\n";
    assert_eq!(reason(&killed(3_000, "HTTP probe failed with statuscode: 503").log(log)), Reason::ProbeTooStrict);
}

#[test]
fn a_path_that_is_not_served() {
    let found = killed(32, "HTTP probe failed with statuscode: 404").log("22:13:21 INFO server started\n").diagnose();
    assert_eq!(found.reason, Reason::ProbeMisconfigured);
    assert!(found.summary.contains("/healthz"), "{}", found.summary);
}

#[test]
fn wrong_port_loopback_scheme_and_missing_tool() {
    let log = "22:13:21 INFO Listening on 0.0.0.0:3000\n";
    let found = killed(32, REFUSED)
        .log(log)
        .with(|w| w.container().ports = vec![Port { number: 3000, ..Port::default() }])
        .diagnose();
    assert_eq!(found.reason, Reason::ProbeMisconfigured);
    assert!(found.summary.contains("port 3000"), "{}", found.summary);
    let found = killed(32, REFUSED).log("22:13:21 INFO Listening on 127.0.0.1:8080\n").diagnose();
    assert_eq!(found.reason, Reason::ProbeMisconfigured);
    assert!(found.summary.contains("127.0.0.1:8080 only"), "{}", found.summary);
    for said in [
        "Get \"https://10.0.0.1:8080/\": http: server gave HTTP response to HTTPS client",
        "/bin/sh: 1: curl: not found",
        "HTTP probe failed with statuscode: 401",
    ] {
        assert_eq!(
            reason(&killed(32, said).log("22:13:21 INFO server started\n")),
            Reason::ProbeMisconfigured,
            "{said}"
        );
    }
}

#[test]
fn served_for_long_and_then_silent_hangs() {
    let mut log = String::from("22:13:21 INFO server started\n");
    for minute in 14..30 {
        let _ = writeln!(log, "22:{minute}:00 INFO GET /orders 200");
    }
    let world = killed(3_000, TIMEOUT).log(&log);
    assert_eq!(reason(&world), Reason::AppUnresponsive);
    let patient = world.with(|w| w.container().liveness = Some(Probe { timeout: 10, ..http() }));
    assert_eq!(reason(&patient), Reason::AppUnresponsive);
}

#[test]
fn a_second_is_short_for_a_program_that_goes_on_working() {
    let mut log = String::from("22:13:21 INFO server started\n");
    for second in 10..59 {
        let _ = writeln!(log, "23:02:{second} INFO GET /orders 200");
    }
    assert_eq!(reason(&killed(3_000, TIMEOUT).log(&log)), Reason::ProbeTimeout);
}

#[test]
fn an_exec_probe_that_never_ends_in_time() {
    let world = killed(70, "command \"/bin/health.sh\" timed out").log("22:13:25 INFO server started\n").with(|w| {
        w.container().liveness =
            Some(Probe { action: ProbeAction::Exec(vec!["/bin/health.sh".into()]), initial_delay: 45, ..http() });
    });
    let found = world.diagnose();
    assert_eq!(found.reason, Reason::ProbeTimeout);
    assert!(commands(&found).contains(r#""livenessProbe":{"timeoutSeconds":5"#), "{}", commands(&found));
}

#[test]
fn one_failure_kills() {
    let world =
        killed(3_000, TIMEOUT).with(|w| w.container().liveness = Some(Probe { failure_threshold: 1, ..http() }));
    let found = world.diagnose();
    assert_eq!(found.reason, Reason::ThresholdTooLow);
    assert!(commands(&found).contains(r#""failureThreshold":3"#));
}

#[test]
fn a_tiny_cpu_limit_starves_a_jvm() {
    let log = "22:13:25 Starting DemoApplication\n22:13:48  o.s.b.w.embedded.tomcat.TomcatWebServer : Tomcat initialized with port(s): 8080\n";
    let world = |cpu| killed(32, REFUSED).log(log).with(move |w| w.container().resources.cpu_limit = Some(cpu));
    let found = world(200).diagnose();
    assert_eq!(found.reason, Reason::CpuThrottling);
    assert!(commands(&found).contains("--limits=cpu=1"), "{}", commands(&found));
    assert_eq!(reason(&world(2_000)), Reason::SlowStart);
}

#[test]
fn startup_probe() {
    let world = |said: &str, log: &str| {
        World::new()
            .crashed(143, "Error", 62)
            .log(log)
            .with(|w| {
                w.container().liveness = Some(http());
                w.container().startup = Some(Probe { initial_delay: 0, failure_threshold: 6, ..http() });
            })
            .event("Unhealthy", &format!("Startup probe failed: {said}"), 60)
            .event("Killing", "Container app failed startup probe, will be restarted", 60)
    };
    let found = world(REFUSED, STARTING).diagnose();
    assert_eq!(found.reason, Reason::StartupProbeFailed);
    assert!(commands(&found).contains(r#""startupProbe":{"failureThreshold":12}"#), "{}", commands(&found));
    assert_eq!(
        reason(&world("HTTP probe failed with statuscode: 404", "22:13:25 server started\n")),
        Reason::ProbeMisconfigured
    );
}

#[test]
fn past_its_startup_probe_it_is_no_slow_start() {
    let world = killed(45, REFUSED).with(|w| w.container().startup = Some(http()));
    assert_eq!(reason(&world), Reason::AppUnresponsive);
}

#[test]
fn kill_shapes() {
    for (code, how) in [(137, "Error"), (143, "Error"), (0, "Completed"), (2, "Error")] {
        let world = World::new()
            .crashed(code, how, 33)
            .with(|w| w.container().liveness = Some(http()))
            .event("Unhealthy", &format!("Liveness probe failed: {REFUSED}"), 32)
            .event("Killing", "Container app failed liveness probe, will be restarted", 32);
        assert_eq!(reason(&world), Reason::SlowStart, "{code}");
    }
}

#[test]
fn readiness_alone_is_never_blamed() {
    let world = World::new().crashed(1, "Error", 33).with(|w| w.container().readiness = Some(http())).event(
        "Unhealthy",
        &format!("Readiness probe failed: {REFUSED}"),
        32,
    );
    assert_eq!(reason(&world), Reason::UnknownError);
}

#[test]
fn one_failure_of_a_start_that_three_would_have_let_through() {
    let world = killed(11, REFUSED)
        .log("22:13:25 INFO loading\n22:13:33 INFO server started\n")
        .with(|w| w.container().liveness = Some(Probe { failure_threshold: 1, ..http() }));
    assert_eq!(reason(&world), Reason::ThresholdTooLow);
}

#[test]
fn two_failures_within_two_seconds() {
    let world = killed(3_000, TIMEOUT)
        .with(|w| w.container().liveness = Some(Probe { failure_threshold: 2, period: 1, ..http() }));
    assert_eq!(reason(&world), Reason::ThresholdTooLow);
}

#[test]
fn a_probe_that_could_not_be_run_never_kills() {
    let world = World::new()
        .crashed(137, "Error", 62)
        .with(|w| w.container().liveness = Some(http()))
        .event("Unhealthy", "Liveness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec in container: … exec: \"curl\": executable file not found in $PATH", 60)
        .with(|w| w.cluster.events[0].count = 6);
    assert_eq!(reason(&world), Reason::TerminatedBySignal);
}

#[test]
fn a_slow_answer_without_a_word_in_the_log() {
    assert_eq!(reason(&killed(33, TIMEOUT)), Reason::ProbeTimeout);
    assert_eq!(reason(&killed(32, TIMEOUT).log(STARTING)), Reason::SlowStart);
}

#[test]
fn a_grpc_port_where_nothing_listens_yet() {
    let said = "timeout: failed to connect service \"10.0.0.1:8080\" within 1s: context deadline exceeded";
    assert_eq!(reason(&killed(32, said).log(STARTING)), Reason::SlowStart);
}

#[test]
fn without_the_kills_time_the_grace_period_is_no_part_of_the_run() {
    // a shell as PID 1 does not pass SIGTERM on: 30 s of the probe and 30 s of grace
    let found = World::new()
        .crashed(137, "Error", 60)
        .with(|w| w.container().liveness = Some(Probe { initial_delay: 0, ..http() }))
        .event("Unhealthy", &format!("Liveness probe failed: {REFUSED}"), 95)
        .event("Killing", "Container app failed liveness probe, will be restarted", 95)
        .with(|w| {
            for event in &mut w.cluster.events {
                (event.count, event.first) = (7, Some(at(-900)));
            }
        })
        .log("create the database\nRunning migrations for Repo\n")
        .diagnose();
    assert_eq!(found.reason, Reason::SlowStart, "{}", found.summary);
    assert!(found.summary.contains("30 s after its start"), "{}", found.summary);
}

#[test]
fn that_it_answered_once_is_said_only_where_the_log_shows_it() {
    let summary = |log: &str| killed(300, REFUSED).log(log).diagnose().summary;
    let unseen = summary("22:13:25 INFO loading modules\n");
    assert!(unseen.contains("nothing in its log shows that it ever listened"), "{unseen}");
    let seen = summary("22:13:25 INFO loading modules\n22:13:27 INFO server started\n");
    assert!(seen.contains("stopped answering"), "{seen}");
}

mod kills;
