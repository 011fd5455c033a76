use super::*;
use crate::diagnose::facts::LogSlot;

fn course(text: &str, ran: i64) -> Course {
    let started = "2026-11-16T15:42:40Z".parse().ok();
    let log = Log {
        namespace: String::new(),
        pod: String::new(),
        container: String::new(),
        slot: LogSlot::Previous,
        text: text.into(),
        truncated: false,
    };
    read(&log, started, Some(ran), None)
}

#[test]
fn up_lines_of_many_programs() {
    for line in [
        "15:44:17,062 INFO  JBoss EAP started in 90027ms - Started 741 of 1012 services",
        "2026-11-16 15:44:17 INFO  Started DemoApplication in 97.1 seconds (JVM running for 99)",
        "[2026-11-16 15:44:17 +0000] [1] [INFO] Listening at: http://0.0.0.0:80 (1)",
        "INFO:     15:44:17 Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)",
        "2026-11-16 15:44:17.000 UTC [1] LOG:  database system is ready to accept connections",
        r#"time="2026-11-16T15:44:17Z" level=info msg="serving registry" port=50051"#,
        "[2026-11-16T15:44:17,000][INFO ][o.e.n.Node ] [es-data-0] started",
        r#"{"level":"info","ts":1794843857.1,"msg":"Starting"}
           {"level":"info","ts":1794843857.1,"msg":"server started"}"#,
    ] {
        let ready = course(line, 200).ready;
        assert!(ready.is_some(), "{line}");
        assert_eq!(ready.and_then(|m| m.at), Some(97), "{line}");
    }
}

#[test]
fn lines_of_a_start_under_way_are_not() {
    for line in [
        "[es-data-0] starting ...",
        "Tomcat initialized with port(s): 8080 (http)",
        "server is not ready yet",
        "Waiting for application startup.",
        r#"{"msg":"configuring client listeners","listen-client-urls":["https://127.0.0.1:2379"]}"#,
        "waiting for database to be ready",
    ] {
        assert_eq!(course(line, 200).ready, None, "{line}");
    }
}

#[test]
fn ports_are_read_with_their_hosts() {
    for (line, host, port) in [
        ("2026-11-16 15:44:17 Listening on 127.0.0.1:9942", "127.0.0.1", 9942),
        ("HTTP server listening on http://0.0.0.0:6001", "0.0.0.0", 6001),
        ("Tomcat started on port(s): 8080 (http) with context path ''", "", 8080),
        (r#"{"message":"Start listening on port 4448"}"#, "", 4448),
        ("Now listening on: http://[::]:8080", "::", 8080),
        (r#"level=info msg="Listening" address=:8443"#, "", 8443),
        ("Serving probes on tcp:127.0.0.1:5555", "127.0.0.1", 5555),
        ("listening on tcp://10.0.0.7:9000", "10.0.0.7", 9000),
    ] {
        let found = course(line, 200).listens;
        assert!(found.iter().any(|l| l.host == host && l.port == port), "{line}: {found:?}");
    }
    assert_eq!(course("serving on tcp:127.0.0.1:5555", 9).listens.len(), 1);
    assert!(course("connected to redis:6379, listening for messages", 9).listens.is_empty());
}

#[test]
fn the_shutdown_is_not_part_of_the_course() {
    let run =
        course("15:42:50 loading\n15:43:00 received SIGTERM, shutting down\n15:43:01 server started to drain\n", 30);
    assert_eq!((run.lines, run.ready), (1, None));
    assert_eq!(run.last.and_then(|l| l.at), Some(10));
}

#[test]
fn answered_requests_are_seen() {
    let run = course("10.2.1 - - [16/Nov/2026:15:43:10 +0000] \"GET /healthz HTTP/1.1\" 200 62\n", 60);
    assert_eq!(run.served.and_then(|s| s.at), Some(30));
}
