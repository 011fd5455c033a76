//! When the kill began, and what kept the program from coming up.

use super::*;

/// The events are those of later kills: the run's own kill came a grace period before its end by SIGKILL.
#[test]
fn a_grace_period_is_no_time_of_serving() {
    let world = |code: i32, ran: i64, log: &str| {
        World::new()
            .crashed(code, "Error", ran)
            .log(log)
            .with(|w| w.container().liveness = Some(Probe { initial_delay: 0, ..http() }))
            .event("Unhealthy", &format!("Liveness probe failed: {REFUSED}"), ran + 40)
            .event("Killing", "Container app failed liveness probe, will be restarted", ran + 40)
            .with(|w| {
                for event in &mut w.cluster.events {
                    event.count = 7;
                    event.first = Some(at(-600));
                }
            })
    };
    for last in ["Running migrations for Shop.Repo", "Loading fixtures ..."] {
        let found = world(137, 60, &format!("Starting repos..\n{last}\n")).diagnose();
        assert_eq!(found.reason, Reason::SlowStart, "{}", found.summary);
        assert!(found.summary.contains("30 s after its start") && found.summary.contains(last), "{}", found.summary);
    }
    // How long it took to end is not known here; nothing shows that it ever listened.
    assert_eq!(reason(&world(143, 60, "Starting repos..\n")), Reason::SlowStart);
    // It says that it listens, or lived longer than any probe of a start allows.
    assert_eq!(reason(&world(143, 60, "listening on :8080\n")), Reason::AppUnresponsive);
    assert_eq!(reason(&world(143, 86_000, "Starting repos..\n")), Reason::AppUnresponsive);
    assert_eq!(reason(&world(137, 86_000, "Starting repos..\n")), Reason::AppUnresponsive);
}

/// Who is refused, or trusts nobody, does not come up under a milder probe either; who answered before is another matter.
#[test]
fn a_start_that_a_peer_refuses_is_no_strict_endpoint() {
    let status = "HTTP probe failed with statuscode: 500";
    for (said, want) in [
        (
            "22:13:21 ERROR kube: error trying to connect: invalid certificate: UnknownIssuer\n",
            Reason::CertificateInvalid,
        ),
        ("22:13:21 ERROR pq: password authentication failed for user \"shop\"\n", Reason::DependencyAuthFailed),
        ("22:13:21 ERROR dial tcp 10.0.0.9:6379: connect: connection refused\n", Reason::ProbeTooStrict),
    ] {
        assert_eq!(reason(&killed(32, status).log(&format!("22:13:20 INFO loading\n{said}"))), want, "{said}");
        let up = format!("22:13:20 INFO server started\n{said}");
        assert_eq!(reason(&killed(3_000, status).log(&up)), Reason::ProbeTooStrict, "{said}");
    }
}
