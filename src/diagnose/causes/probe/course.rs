//! The course of a run, as its log tells it: still starting, up since when, listening where, answering how fast.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::facts::{Log, Timestamp};

/// A line and when it was written, in seconds after the container's start, where that can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The line, trimmed and cut.
    pub line: String,
    /// Seconds after the start.
    pub at: Option<i64>,
}

/// Where it says that it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Host part, as written; empty for all addresses.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The line.
    pub line: String,
}

/// A run, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// A log was there.
    pub read: bool,
    /// Lines that say something, without those of the shutdown.
    pub lines: usize,
    /// The first line that says that it is up.
    pub ready: Option<Mark>,
    /// The last request that it answered with 2xx or 3xx, or a worker's last piece of work.
    pub served: Option<Mark>,
    /// Where it listens.
    pub listens: Vec<Listen>,
    /// The last line before the shutdown.
    pub last: Option<Mark>,
    /// A line that tells of starvation: event loop blocked, thread starvation.
    pub starved: Option<String>,
    /// It is a Java program, by its log.
    pub java: bool,
    /// The line of the log, counted from 0, at which the shutdown begins.
    pub stop: Option<usize>,
}

static STOPPING: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bsig(?:term|int)\b|signal:? ?(?:15|terminated)|received (?:term|signal)|terminat(?:ion|e) signal|shutting down|shutdown (?:has been )?(?:requested|signal|in progress|initiated)|graceful(?:ly)? (?:shut|stop)|stopping \.\.\.|os signal|\bTERM signal")
        .expect("a valid pattern")
});

static READY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?ix)
        \bstarted\b.{0,80}\bin\s+[\d.,]+\s*(?:ms|milliseconds|s\b|sec|seconds|m\b|minutes)
        | \b(?:application|server|service|startup|start-up|boot|bootstrap|initiali[sz]ation|node|agent|broker|set-?up)\s+
          (?:(?:has|is|was|process|sequence|startup)\s+){0,2}(?:complete[d]?|finished|done|up|ready|initialized|started|running)\b
        | \bset\ up\ (?:is\ )?(?:done|complete)
        | \bready\ (?:to|for)\ (?:accept|handle|serve|connections|start\ up|requests|use|process)
        | \bready\ in\ [\d.]+
        | \baccepting\ (?:connections|requests|traffic)
        | \blisten(?:ing|s)\b[:\s]+(?:on|at|for|to|https?://|\[|:|\d|0\.0)
        | \b(?:running|available)\ (?:on|at)\ (?:https?://|port|\S*:\d)
        | \b(?:serving|serves?)\ (?:on|at|http|https|grpc|traffic|metrics\ on|requests|registry|\S+\ (?:api\ )?(?:on|at)\b)
        | \bstarted\ (?:\S+\ ){0,3}(?:server|listener|connector)\b
        | \b(?:tomcat|netty|jetty|undertow|httpd|apache|nginx|kestrel|puma|gunicorn)\b.{0,40}\bstarted\b
        | \bwaiting\ for\ (?:connections|requests|messages|jobs)
        | \b(?:joined|assigned)\b.{0,30}\b(?:group|cluster|partitions?)\b | \bpartitions?\b.{0,20}\bassigned\b
        | \b(?:consuming|subscribed)\ (?:from|to|queue|topics?)\b
        | [\]:]\s+started\s*$
        | \bup\ and\ running\b",
    )
    .expect("a valid pattern")
});

static NOT_READY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bnot\b|\bun(?:able|available|til|ready)\b|\bfail|\berror\b|waiting for (?:db|database|\w+ to)|\bbefore\b|\bwill be\b|\bstarting\b").expect("a valid pattern")
});

static ANSWERED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:GET|POST|PUT|HEAD|PATCH|DELETE|OPTIONS)\b.{1,300}?["\s:=](?:2\d\d|30\d)\b|"status(?:_?code)?":\s*"?(?:2\d\d|30\d)\b|\bstatus(?:_?code)?=(?:2\d\d|30\d)\b"#)
        .expect("a valid pattern")
});

/// A worker's line of work done: it has no requests to answer.
static WORKED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:processed|consumed|committed|handled|forwarded|published|delivered|acknowledged|completed)\b.{0,40}\b(?:messages?|events?|jobs?|tasks?|records?|requests?|orders?|offsets?|batch(?:es)?)\b")
        .expect("a valid pattern")
});

/// Part of a known whole: the progress of a start, a migration, an import.
static PROGRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\d\s?%|\d+\s*(?:/|of|out of)\s*\d+|\bmigrat|\brestor|\breplay|\brecover|\bfail|\berror\b")
        .expect("a valid pattern")
});

static LISTEN_LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\blisten(?:ing|s)?\b|\bserving\b|\brunning (?:on|at)\b|\bstarted (?:on|at)\b|\bbound to\b|\bbinding to\b|(?:server|tomcat|netty|jetty|http) started\b|\bport\(?s?\)?[ :=]+\d|\bavailable at\b")
        .expect("a valid pattern")
});

static NOT_OWN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bconnect|\bupstream|\bproxy(?:ing)? to|\bforward|\bdial|\bdatabase\b|\bredis\b|\bfail|\brefused|\berror\b|\binitialized with\b|\bconfigur(?:ing|ed)\b|listen-|\bstopped listening").expect("a valid pattern")
});

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:^|[\s/"'(=,@])(\[[0-9a-f:.]*\]|[\w.*-]*):{1,3}(\d{2,5})(?:\b|$)"#).expect("a valid pattern")
});

static PORT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\bport(?:\(s\)|s)?[ :=]+\x22?(\d{2,5})\b").expect("a valid pattern"));

static STARVED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)thread starvation|clock leap|event.?loop.{0,30}(?:block|lag|delay)|has been blocked for|cpu.{0,20}throttl|\bstarved\b").expect("a valid pattern")
});

static JAVA: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)Spring Boot|\bJVM\b|JAVA_(?:TOOL_)?OPT|\borg\.(?:spring|apache|jboss|eclipse|hibernate|wildfly)[.\w]*|\bcom\.\w+\.\w+\.[A-Z]\w+|\bo\.(?:s|a|e)\.\w|\bTomcat\b|WFLYSRV|Quarkus|Keycloak")
        .expect("a valid pattern")
});

static EPOCH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""(?:ts|time|timestamp|t)":\s*"?(1[5-9]\d{8}|2\d{9})(?:\.\d+)?\b"#).expect("a valid pattern")
});

static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\d:]|/\d{4}:)(\d{1,2}):(\d\d):(\d\d)(?:[.,]\d+)?\s?([AP]M)?(?:[^\d:]|$)")
        .expect("a valid pattern")
});

const DAY: i64 = 86_400;

/// Seconds of the day that a line's time stamp names.
fn clock(line: &str) -> Option<i64> {
    if let Some(epoch) = EPOCH.captures(line) {
        return epoch[1].parse::<i64>().ok().map(|e| e % DAY);
    }
    let head = line.char_indices().nth(160).map_or(line, |(i, _)| &line[..i]);
    let found = CLOCK.captures(head)?;
    let part = |i: usize| found[i].parse::<i64>().ok();
    let (mut hour, minute, second) = (part(1)?, part(2)?, part(3)?);
    match found.get(4).map(|m| m.as_str()) {
        Some("PM") if hour < 12 => hour += 12,
        Some("AM") if hour == 12 => hour = 0,
        _ => {}
    }
    (hour < 24 && minute < 60 && second < 61).then_some(hour * 3_600 + minute * 60 + second)
}

/// Reads the log of a run that started at `started` and took `ran` seconds.
pub fn read(log: &Log, started: Option<Timestamp>, ran: Option<i64>) -> Course {
    let all: Vec<(usize, &str)> = log.text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).collect();
    let tail = all.len().saturating_sub(40);
    let stop = all.iter().skip(tail).position(|(_, l)| STOPPING.is_match(l)).map(|i| i + tail);
    let lines: Vec<&str> = all[..stop.unwrap_or(all.len())].iter().map(|(_, l)| *l).collect();
    let lines = lines.as_slice();
    let zero = zero(log, lines, started, ran);
    let mark = |line: &str| {
        let at = zero.zip(clock(line)).map(|(z, c)| (c - z).rem_euclid(DAY));
        Mark { line: crate::diagnose::words::cut(line, 300), at: at.filter(|_| ran.is_none_or(|r| r < DAY)) }
    };
    let is_ready = |l: &&&str| READY.is_match(l) && !NOT_READY.is_match(l);
    Course {
        read: true,
        lines: lines.len(),
        ready: lines.iter().find(is_ready).map(|l| mark(l)),
        served: lines.iter().rev().find(|l| is_work(l)).map(|l| mark(l)),
        listens: lines.iter().flat_map(|l| listens(l)).take(32).collect(),
        last: lines.iter().rev().find(|l| clock(l).is_some()).or(lines.last()).map(|l| mark(l)),
        starved: lines.iter().find(|l| STARVED.is_match(l)).map(|l| crate::diagnose::words::cut(l, 300)),
        java: lines.iter().take(200).any(|l| JAVA.is_match(l)),
        stop: stop.map(|i| all[i].0),
    }
}

/// A request answered with success, or a piece of a worker's work done.
fn is_work(line: &str) -> bool {
    ANSWERED.is_match(line) || (WORKED.is_match(line) && !PROGRESS.is_match(line))
}

/// The time of day at which the container started, by the log's clock. Where that clock is in another zone, or the log was
/// written by another run, the first stamped line stands for the start, unless the beginning was cut off.
fn zero(log: &Log, lines: &[&str], started: Option<Timestamp>, ran: Option<i64>) -> Option<i64> {
    let first = lines.iter().find_map(|l| clock(l))?;
    if let (Some(started), Some(ran)) = (started, ran) {
        let zero = started.as_second().rem_euclid(DAY);
        if (first - zero + 2).rem_euclid(DAY) <= ran + 4 {
            return Some(zero);
        }
    }
    (!log.truncated).then_some(first)
}

fn listens(line: &str) -> Vec<Listen> {
    if !LISTEN_LINE.is_match(line) || NOT_OWN.is_match(line) {
        return Vec::new();
    }
    let quote = crate::diagnose::words::cut(line, 300);
    let make = |host: &str, port: &str| {
        let port: u16 = port.parse().ok().filter(|p| *p >= 80 || *p == 53 || *p == 22 || *p == 25)?;
        Some(Listen { host: host.trim_matches(['[', ']']).to_owned(), port, line: quote.clone() })
    };
    // The time of day before the words looks like an address: take what follows the word that tells.
    let said = LISTEN_LINE.find(line).map_or(line, |m| &line[m.start()..]);
    let mut found: Vec<Listen> = ADDRESS.captures_iter(said).filter_map(|c| make(&c[1], &c[2])).collect();
    found.extend(PORT.captures_iter(line).filter_map(|c| make("", &c[1])));
    found
}

#[cfg(test)]
mod tests {
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
        read(&log, started, Some(ran))
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
        ] {
            let found = course(line, 200).listens;
            assert!(found.iter().any(|l| l.host == host && l.port == port), "{line}: {found:?}");
        }
        assert!(course("connected to redis:6379, listening for messages", 9).listens.is_empty());
    }

    #[test]
    fn the_shutdown_is_not_part_of_the_course() {
        let run = course(
            "15:42:50 loading\n15:43:00 received SIGTERM, shutting down\n15:43:01 server started to drain\n",
            30,
        );
        assert_eq!((run.lines, run.ready), (1, None));
        assert_eq!(run.last.and_then(|l| l.at), Some(10));
    }

    #[test]
    fn answered_requests_are_seen() {
        let run = course("10.2.1 - - [16/Nov/2026:15:43:10 +0000] \"GET /healthz HTTP/1.1\" 200 62\n", 60);
        assert_eq!(run.served.and_then(|s| s.at), Some(30));
    }
}
