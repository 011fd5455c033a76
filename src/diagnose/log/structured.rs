//! Structured records: JSON, logfmt, klog, and console lines with a JSON tail, made into a level and readable text.

use serde_json::{Map, Value};

use super::logfmt;
use super::severity::{self, Severity};

/// A structured line, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Structured {
    /// Its level, where it gives one.
    pub severity: Severity,
    /// Message and error, one per line; then exceptions and stacks.
    pub text: String,
}

const LEVEL: &[&str] = &[
    "level",
    "severity",
    "lvl",
    "log.level",
    "loglevel",
    "levelname",
    "@l",
    "s",
    "Level",
    "LogLevel",
    "error_severity",
];
#[rustfmt::skip]
const MESSAGE: &[&str] = &[
    "msg", "message", "@m", "@mt", "event", "textPayload", "log", "short_message", "Message", "body", "RenderedMessage",
];
const ERROR: &[&str] = &[
    "error",
    "err",
    "exception",
    "error.message",
    "errorMessage",
    "error_message",
    "@x",
    "Exception",
    "exc_info",
    "cause",
    "reason",
    "errors",
    "detail",
    "details",
    "attr",
    "thrown",
    "Error",
    "errmsg",
    "failure",
    "exception.message",
];
#[rustfmt::skip]
const STACK: &[&str] = &[
    "stack_trace", "stack", "stacktrace", "error.stack_trace", "stackTrace", "StackTrace", "trace", "traceback",
    "errorVerbose",
];

/// Most bytes of text taken from one record.
const MAX_TEXT: usize = 16 * 1024;

/// Reads a line as a structured record; `None` where it is plain text.
pub(crate) fn read(line: &str) -> Option<Structured> {
    let line = line.trim_start();
    if line.starts_with('{') {
        return json(line);
    }
    if let Some(start) = line.find("{\"")
        && line.ends_with('}')
        && start > 0
    {
        return console(line, start);
    }
    if line.contains("msg=") || line.contains("err=") || line.contains("error=") {
        return logfmt::read(line);
    }
    None
}

fn json(line: &str) -> Option<Structured> {
    let Value::Object(map) = serde_json::from_str(line).ok()? else { return None };
    let mut read = from_map(&map);
    if let Some(inner) = record_within(&map) {
        read.severity = read.severity.max(inner.severity);
        let outer = std::mem::replace(&mut read.text, inner.text);
        if !outer.is_empty() {
            read.text = format!("{outer}\n{}", read.text);
        }
    }
    if read.text.is_empty() {
        // Rust's tracing and some others keep the message one level down: {"level": ..., "fields": {"message": ...}}
        let inner = map.values().filter_map(Value::as_object).map(from_map).find(|s| !s.text.is_empty())?;
        read.text = inner.text;
        if read.severity == Severity::Unknown {
            read.severity = inner.severity;
        }
    }
    Some(read)
}

/// A supervisor that passes on what its child logged, as a record inside its own: the child's level and words count.
fn record_within(map: &Map<String, Value>) -> Option<Structured> {
    let passed = |(name, value): (&String, &'_ Value)| {
        let own = ERROR.contains(&name.as_str()) || STACK.contains(&name.as_str());
        value.as_object().filter(|_| !own).map(from_map)
    };
    map.iter().filter_map(passed).find(|s| s.severity >= Severity::Error && !s.text.is_empty())
}

fn from_map(map: &Map<String, Value>) -> Structured {
    // one level of nesting: {"log": {"level": ...}}, {"error": {"message": ..., "stack_trace": ...}}
    let find = |names: &[&str]| names.iter().find_map(|n| map.get(*n).or_else(|| dotted(map, n)));
    let severity = find(LEVEL).map_or(Severity::Unknown, |v| severity::of_field(&scalar(v)));
    let mut text = String::new();
    for names in [MESSAGE, ERROR, STACK] {
        for name in names {
            // `log` is the text with fluent-bit, and an object of settings with ECS
            let value = map.get(*name).or_else(|| dotted(map, name)).filter(|v| *name != "log" || v.is_string());
            if let Some(value) = value {
                add(&mut text, value, 0);
            }
        }
    }
    let text = super::text::head(&text, MAX_TEXT).to_owned();
    Structured { severity, text }
}

fn dotted<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let (outer, inner) = name.split_once('.')?;
    map.get(outer)?.as_object()?.get(inner)
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

fn add(out: &mut String, value: &Value, depth: usize) {
    if depth > 3 || out.len() > MAX_TEXT {
        return;
    }
    match value {
        Value::String(s) if !s.trim().is_empty() && !out.contains(s.trim()) => {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(s.trim());
        }
        Value::Array(items) => items.iter().take(20).for_each(|v| add(out, v, depth + 1)),
        Value::Object(map) => {
            // an error object: its message first, its stack last
            let rank = |k: &str| if MESSAGE.contains(&k) { 0 } else { 1 + i32::from(STACK.contains(&k)) };
            let mut entries: Vec<_> = map.iter().take(20).collect();
            entries.sort_by_key(|(k, _)| rank(k));
            for (_, v) in entries {
                add(out, v, depth + 1);
            }
        }
        _ => {}
    }
}

/// `2024-01-01T00:00:00Z\tERROR\tsetup\tproblem running manager\t{"error": "..."}`
fn console(line: &str, start: usize) -> Option<Structured> {
    let tail = json(&line[start..])?;
    let before = line[..start].trim_end();
    let text = if tail.text.is_empty() { before.to_owned() } else { format!("{before}\n{}", tail.text) };
    Some(Structured { severity: severity::of_line(before), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_json_with_nested_errors() {
        let got = read(
            r#"{"log":{"level":"fatal"},"message":"start failed","error":{"message":"dial tcp: refused","code":5}}"#,
        );
        assert_eq!(got, Some(Structured { severity: Severity::Fatal, text: "start failed\ndial tcp: refused".into() }));
        let got = read(r#"{"level":60,"msg":"x","err":{"type":"Error","stack":"Error: boom\n    at a"}}"#).unwrap();
        assert_eq!(got.severity, Severity::Fatal);
        assert!(got.text.contains("Error: boom\n    at a"));
    }

    #[test]
    fn reads_a_message_one_level_down() {
        let got =
            read(r#"{"level":"ERROR","fields":{"message":"fatal","error":"pool timed out"},"target":"x"}"#).unwrap();
        assert_eq!((got.severity, got.text.as_str()), (Severity::Error, "fatal\npool timed out"));
        assert_eq!(read(r#"{"a":1}"#), None);
    }

    #[test]
    fn reads_logfmt_and_klog_pairs() {
        let got = read(r#"time="2023" level=fatal msg="cannot \"x\"" error="open /a: denied""#);
        assert_eq!(got, Some(Structured { severity: Severity::Fatal, text: "cannot \"x\"\nopen /a: denied".into() }));
        let got =
            read(r#"E0117 20:32:24.070000       1 webhook.go:142] "Failed to start" err="listen tcp :443: x" a=1"#);
        assert_eq!(
            got,
            Some(Structured { severity: Severity::Error, text: "Failed to start\nlisten tcp :443: x".into() })
        );
    }

    #[test]
    fn a_sentence_needs_no_quotes() {
        let got = read(
            "Nov 05 11:30:59.989 ERROR app::cli: Configuration error. error=missing field `a b` for `c` path=/x y",
        )
        .unwrap();
        assert_eq!(
            (got.severity, got.text.as_str()),
            (Severity::Error, "Configuration error.\nmissing field `a b` for `c`")
        );
        assert_eq!(read("level=error msg=cannot open it err=gone away").unwrap().text, "cannot open it\ngone away");
        assert_eq!(read("parse error=5 at line 3"), None);
    }

    #[test]
    fn reads_zap_console() {
        let got = read("1.6\tERROR\tsetup\tproblem running manager\t{\"error\": \"no kind\"}").unwrap();
        assert_eq!(got.severity, Severity::Error);
        assert!(got.text.ends_with("\nno kind"));
        assert_eq!(read("plain text"), None);
    }
}
