//! How loud a line is: levels of loggers in all their spellings.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::concepts::pattern;
use super::text;

/// Level of a line. `Unknown`: it carries none, as everything printed to stderr by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// trace, debug, info, notice.
    Info,
    /// warn.
    Warn,
    /// None given.
    #[default]
    Unknown,
    /// error, severe.
    Error,
    /// fatal, panic, critical, emergency, alert.
    Fatal,
}

/// Spellings in their places: the word in upper case, in brackets, before a colon, between tabs, after `level=`.
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const LEVELS: &str = "trace|debug|dbg|info|inf|information|notice|log|warn|warning|wrn|err|error|eror|severe|crit|critical|fatal|ftl|fata|panic|dpanic|alert|emerg|emergency|fail|erro";
    pattern(&format!(
        r#"(?:(?:level|lvl|severity|loglevel|log\.level|levelname|s)["']?\s?[=:]\s?["']?(?<a>{LEVELS})\b|[\[<(|](?:\x1b\[\d+m)?\s?(?<b>{LEVELS})\s?[\])>|]|^(?<c>{LEVELS})(?: ?:|\b(?: -|\[|\s\())|\t(?<d>{LEVELS})\t|(?:^|[\s|\]\-/])(?<e>(?-i:TRACE|DEBUG|DBG|INFO|LOG|INF|NOTICE|WARN|WARNING|WRN|ERR|ERROR|SEVERE|CRIT|CRITICAL|FATAL|FTL|PANIC|ALERT|EMERG|EMERGENCY))(?:$|[\s:\[\]|)=\-])|(?:^|\s)(?<f>fatal|panic|error|warning|warn|info|critical):\s)"#
    ))
});

/// One letter: klog `E1122 10:00`, Ruby `F, [`, glog, `[E 2024-`, Redis `1:M ... #`.
static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?-i:(?:(?<a>[IWEF])\d{4} \d\d:\d\d|(?<b>[DIWEF]), \[|\[(?<c>[DIWEFC]) \d|[\d\-/.: T,Z]{10,32}\|? ?(?<d>[IWEFC]) ?\| ))",
    )
});

fn word(level: &[u8]) -> Severity {
    match level.to_ascii_lowercase().as_slice() {
        b"warn" | b"warning" | b"wrn" => Severity::Warn,
        b"err" | b"error" | b"eror" | b"erro" | b"severe" | b"fail" => Severity::Error,
        b"crit" | b"critical" | b"fatal" | b"ftl" | b"fata" | b"panic" | b"dpanic" | b"alert" | b"emerg"
        | b"emergency" => Severity::Fatal,
        _ => Severity::Info,
    }
}

fn letter(level: &[u8]) -> Severity {
    match level {
        b"W" => Severity::Warn,
        b"E" => Severity::Error,
        b"F" | b"C" => Severity::Fatal,
        _ => Severity::Info,
    }
}

/// The level of a plain line, from its first 160 bytes.
pub(crate) fn of_line(line: &str) -> Severity {
    let start = text::head(line, 160).as_bytes();
    if let Some(found) = LETTER.as_ref().and_then(|r| r.captures(start))
        && let Some(m) = found.iter().skip(1).flatten().next()
    {
        return letter(m.as_bytes());
    }
    let Some(found) = WORD.as_ref().and_then(|r| r.captures(start)) else { return Severity::Unknown };
    found.iter().skip(1).flatten().next().map_or(Severity::Unknown, |m| word(m.as_bytes()))
}

/// The level that a structured record gives: a word, or a number of bunyan and pino (50 error, 60 fatal).
pub(crate) fn of_field(level: &str) -> Severity {
    match level.parse::<u32>() {
        // bunyan and pino from 10 on, syslog below
        Ok(60.. | 0..=2) => Severity::Fatal,
        Ok(50.. | 3) => Severity::Error,
        Ok(40.. | 4) => Severity::Warn,
        Ok(_) => Severity::Info,
        Err(_) if level.len() == 1 => letter(level.to_ascii_uppercase().as_bytes()),
        Err(_) => word(level.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_levels_of_many_loggers() {
        use Severity::{Error, Fatal, Info, Unknown, Warn};
        for (line, want) in [
            ("E1122 10:00:00.000000       1 main.go:12] x", Error),
            ("F0117 20:32:24.070000       1 main.go:91] Error: x", Fatal),
            ("I0504 07:45:18.310000       1 registry.go:173] error count", Info),
            ("time=\"2023-05-16T15:25:25Z\" level=fatal msg=\"x\"", Fatal),
            ("2024/01/01 10:00:00 [emerg] 1#1: x", Fatal),
            ("nginx: [emerg] x", Fatal),
            ("[ALERT] 079/014615 (1) : parsing", Fatal),
            ("2022-06-27 14:44:22.011 ERROR 1 --- [ main] o.s.b.SpringApplication : x", Error),
            ("2024-01-01 10:00:00.000 UTC [1] FATAL:  password authentication failed", Fatal),
            ("ERROR:root:boom", Error),
            ("error: boom", Error),
            ("Error: boom", Error),
            ("1676989600.9\tERROR\tsetup\tproblem", Error),
            ("2024-01-01T00:00:00.000Z\terror\tservice/x.go:1\tx", Error),
            ("[12:00:00 FTL] Host terminated", Fatal),
            ("[12:00:00 ERR] x", Error),
            ("F, [2024-01-01T00:00:00 #1] FATAL -- : x", Fatal),
            ("fail: Microsoft.Extensions[103]", Error),
            ("crit: Microsoft.AspNetCore.Server.Kestrel[0]", Fatal),
            ("info: Microsoft.Hosting.Lifetime[0]", Info),
            ("[2024-01-01 00:00:00 +0000] [7] [ERROR] Exception in worker process", Error),
            ("[2021-07-26T08:36:45Z INFO  scylla] starting", Info),
            ("2026-11-22T09:53:42Z  WARN sockudo: x", Warn),
            ("Server listening, for more information see x", Unknown),
            ("Connection failed with error code 5", Unknown),
            ("SEVERE: Servlet startup failed", Error),
            ("2024-01-01T00:00:00 [Note] mysqld", Unknown),
        ] {
            assert_eq!(of_line(line), want, "{line}");
        }
        assert_eq!(of_field("60"), Fatal);
        assert_eq!(of_field("error"), Error);
        assert_eq!(of_field("E"), Error);
        assert_eq!(of_field("30"), Info);
    }
}
