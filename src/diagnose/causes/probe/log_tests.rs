//! Probe kills that the log explains.

use super::tests::{REFUSED, killed};
use crate::diagnose::Reason;
use crate::diagnose::facts::ProbeAction;

#[test]
fn plain_http_to_a_port_of_tls_is_told_by_the_server() {
    for line in [
        "http: TLS handshake error from 10.240.0.6:52122: tls: first record does not look like a TLS handshake",
        "22:14:00 [error] client sent plain HTTP request was sent to HTTPS port while reading client request headers",
    ] {
        let found =
            killed(40, "HTTP probe failed with statuscode: 400").log(&format!("22:13:21 up\n{line}\n")).diagnose();
        assert_eq!(found.reason, Reason::ProbeMisconfigured);
        assert!(found.remediation[0].text.contains("scheme: HTTPS"), "{:?}", found.remediation);
        assert_eq!(found.evidence[0].detail, line);
    }
}

#[test]
fn a_variable_that_is_not_there_is_no_missing_tool() {
    let asks = |command: &str| {
        killed(32, "/bin/sh: MY_POD_IP: not found")
            .with(|w| {
                let probe = w.container().liveness.as_mut().expect("a probe");
                probe.action = ProbeAction::Exec(vec!["/bin/sh".into(), "-c".into(), command.into()]);
            })
            .diagnose()
    };
    let found = asks("ctl --endpoints=$(MY_POD_IP):2379 get foo");
    assert_eq!(found.reason, Reason::ProbeMisconfigured);
    assert!(found.remediation[0].text.contains("${MY_POD_IP}"), "{:?}", found.remediation);
    assert!(asks("MY_POD_IP x").remediation[0].text.contains("a tool that is in the image"));
}

#[test]
fn what_the_system_refuses_explains_the_probe() {
    for (line, reason) in [
        (
            "2019/05/10 22:13:33 [alert] 61#61: pthread_create() failed (11: Resource temporarily unavailable)",
            Reason::ProcessLimitExceeded,
        ),
        ("22:13:33 ERROR accept: too many open files", Reason::ProcessLimitExceeded),
        ("22:13:33 ERROR cannot write /data/wal: No space left on device", Reason::DiskFull),
    ] {
        let log = format!(
            "22:13:22 starting\n{line}\n22:13:40 ERROR healthcheck error: Get http://127.0.0.1:10246/healthz: dial tcp 127.0.0.1:10246: connect: connection refused\n22:13:52 received SIGTERM, shutting down\n"
        );
        for said in [REFUSED, "HTTP probe failed with statuscode: 500"] {
            assert_eq!(killed(32, said).log(&log).diagnose().reason, reason, "{line} {said}");
        }
    }
}

#[test]
fn a_checker_that_asks_itself_blames_no_other_service() {
    let log = "22:13:22 up\n22:13:43 ERROR healthcheck error: Get http://127.0.0.1:10246/healthz: dial tcp 127.0.0.1:10246: connect: connection refused\n";
    let world = || killed(1000, "HTTP probe failed with statuscode: 500").log(log);
    assert!(!world().diagnose().summary.contains("another service"), "{}", world().diagnose().summary);
}
