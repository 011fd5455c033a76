//! The course of a run, as its log tells it: still starting, up since when, listening where, answering how fast.

use std::sync::LazyLock;

use regex::Regex;

use crate::diagnose::causes::ended::asks_to_stop;
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
        | \beverything\ is\ ready\b
        | \bup\ and\ running\b",
    )
    .expect("a valid pattern")
});

static NOT_READY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\bnot\b|\bun(?:able|available|til|ready)\b|\bfail|\berror\b|waiting for (?:db|database|\w+ to)|\bbefore\b|\bwill be\b|\bstarting\b|\b(?:initiali[sz]ation|bootstrap|boot|recovery|replay|set-?up) (?:has |is |was |process )?(?:been )?started\b").expect("a valid pattern")
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
    Regex::new(r#"(?i)(?:^|[\s/"'(=,@])(?:(?:tcp|udp)[46]?:(?://)?)?(\[[0-9a-f:.]*\]|[\w.*-]*):{1,3}(\d{2,5})(?:\b|$)"#)
        .expect("a valid pattern")
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

/// Reads the log of a run that started at `started` and took `ran` seconds. What was written once it was told to stop,
/// `stopped` seconds after its start, is a consequence of that, though it may still tell that it came up a little too late.
pub fn read(log: &Log, started: Option<Timestamp>, ran: Option<i64>, stopped: Option<i64>) -> Course {
    let all: Vec<(usize, &str)> = log.text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()).collect();
    let tail = all.len().saturating_sub(40);
    let stop = all.iter().skip(tail).position(|(_, l)| asks_to_stop(l)).map(|i| i + tail);
    let lines: Vec<&str> = all.iter().map(|(_, l)| *l).collect();
    let zero = zero(log, &lines, started, ran);
    let late = |line: &str| {
        let at = zero.zip(clock(line)).map(|(z, c)| (c - z).rem_euclid(DAY));
        at.zip(stopped).is_some_and(|(at, stop)| at >= stop && at <= stop + 3_600)
    };
    let told = lines.iter().skip(tail).position(|l| late(l)).map(|i| i + tail).filter(|i| *i > 0);
    let lines = &lines[..stop.unwrap_or(lines.len())];
    let stop = stop.into_iter().chain(told).min();
    let before = &lines[..stop.unwrap_or(lines.len())];
    let mark = |line: &str| {
        let at = zero.zip(clock(line)).map(|(z, c)| (c - z).rem_euclid(DAY));
        Mark { line: crate::diagnose::words::cut(line, 300), at: at.filter(|_| ran.is_none_or(|r| r < DAY)) }
    };
    let is_ready = |l: &&&str| READY.is_match(l) && !NOT_READY.is_match(l);
    Course {
        read: true,
        lines: before.len(),
        ready: lines.iter().find(is_ready).map(|l| mark(l)),
        served: lines.iter().rev().find(|l| is_work(l)).map(|l| mark(l)),
        listens: lines.iter().flat_map(|l| listens(l)).take(32).collect(),
        last: before.iter().rev().find(|l| clock(l).is_some()).or(before.last()).map(|l| mark(l)),
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
    // `tcp:127.0.0.1`: what goes on with a dot and a digit is no port, but the beginning of an address
    let whole = |c: &regex::Captures| {
        let rest = c.get(2).map_or("", |m| &said[m.end()..]);
        !rest.strip_prefix('.').is_some_and(|r| r.starts_with(|d: char| d.is_ascii_digit()))
    };
    let mut found: Vec<Listen> = ADDRESS.captures_iter(said).filter(whole).filter_map(|c| make(&c[1], &c[2])).collect();
    found.extend(PORT.captures_iter(line).filter_map(|c| make("", &c[1])));
    found
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
