//! Log bytes -> [`Log`]: the newest part, as harmless text.

use crate::diagnose::facts::{Gap, Log, LogSlot};

use super::text;

/// How much of a log is kept: its newest part, in bytes.
pub const MAX_LOG: usize = 1 << 20;

/// What the kubelet (and older runtimes, and kubectl) print in place of a log, with HTTP 200 and in one line, when it is gone
/// or cannot be read (kubelet `kuberuntime_container.go`, cri-client `logs.go`). `/var/log/pods` is the kubelet's own folder.
const EXCUSES: &[&[&str]] = &[
    &["unable to retrieve container logs for "],
    &["failed to try resolving symlinks in path ", "/var/log/pods/"],
    &["failed to open log file ", "/var/log/pods/"],
    &["failed to create fsnotify watcher"],
    &["Error response from daemon: ", "logs from container"],
    &["Error response from daemon: ", "logging driver does not support reading"],
    &["Error from server", "terminated container"],
    &["Error from server", "is waiting to start"],
    &["Error from server", "/containerLogs/"],
];

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    /// Namespace.
    pub namespace: String,
    /// Pod name.
    pub pod: String,
    /// Container name.
    pub container: String,
    /// Which of the two logs.
    pub slot: LogSlot,
}

/// A log, or why it is none. `cut`: the caller has already dropped the beginning.
pub fn facts(key: LogKey, bytes: &[u8], cut: bool) -> Result<Log, Gap> {
    let truncated = cut || bytes.len() > MAX_LOG;
    let mut bytes = &bytes[bytes.len().saturating_sub(MAX_LOG)..];
    if truncated {
        bytes = after_first_break(bytes);
    }
    let lossy = String::from_utf8_lossy(bytes);
    if is_excuse(&lossy) {
        return Err(Gap {
            what: slot_name(key.slot).into(),
            object: object(&key),
            why: "the runtime no longer has it".into(),
        });
    }
    let clean = text::clean(&lossy);
    let plain = without_timestamps(&clean);
    let redacted = super::redact::redact(&plain);
    let mut text = text::bound_lines(&redacted).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(Log { namespace: key.namespace, pod: key.pod, container: key.container, slot: key.slot, text, truncated })
}

/// Whether this stands in place of a log.
pub fn is_excuse(text: &str) -> bool {
    let text = text.trim_end();
    let said = |words: &[&str]| text.starts_with(words[0]) && words.iter().all(|w| text.contains(w));
    !text.contains('\n') && EXCUSES.iter().any(|words| said(words))
}

/// A gap for a log that could not be read.
pub fn gap(key: &LogKey, why: impl Into<String>) -> Gap {
    Gap { what: slot_name(key.slot).into(), object: object(key), why: why.into() }
}

fn slot_name(slot: LogSlot) -> &'static str {
    match slot {
        LogSlot::Previous => "previous log",
        LogSlot::Current => "current log",
    }
}

fn object(key: &LogKey) -> String {
    format!("pod {}/{} container {}", key.namespace, key.pod, key.container)
}

/// Drops what is left of a line whose beginning was cut off (it may be the tail of a secret): up to the line end,
/// or up to a blank where the line never ends.
fn after_first_break(bytes: &[u8]) -> &[u8] {
    let line = bytes.iter().position(|b| *b == b'\n').map(|i| &bytes[i + 1..]).filter(|rest| !rest.is_empty());
    let word = || bytes.iter().position(u8::is_ascii_whitespace).map(|i| &bytes[i + 1..]);
    line.or_else(word).unwrap_or_default()
}

/// `kubectl logs --timestamps` and must-gather put the kubelet's time before each line; it is not the program's.
fn without_timestamps(text: &str) -> std::borrow::Cow<'_, str> {
    let stamped = |line: &str| stamp_len(line).is_some();
    let sample: Vec<&str> = text.lines().take(20).collect();
    if sample.is_empty() || !sample.iter().all(|l| stamped(l)) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        out.push_str(&line[stamp_len(line).unwrap_or(0)..]);
    }
    out.into()
}

/// Length of `2024-05-01T10:00:00.123456789Z ` (nine decimals, as only the runtime writes it), blank included.
fn stamp_len(line: &str) -> Option<usize> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00.000000000Z ";
    let head = line.as_bytes().get(..SHAPE.len())?;
    let fits = head.iter().zip(SHAPE).all(|(b, s)| if *s == b'0' { b.is_ascii_digit() } else { b == s });
    fits.then_some(SHAPE.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LogKey {
        LogKey { namespace: "shop".into(), pod: "web".into(), container: "app".into(), slot: LogSlot::Previous }
    }

    #[test]
    fn the_kubelets_excuse_is_a_gap() {
        let excuse = b"unable to retrieve container logs for containerd://5c3c7abdaf02";
        assert_eq!(facts(key(), excuse, false).unwrap_err().what, "previous log");
        assert!(facts(key(), b"", false).unwrap().text.is_empty());
        for excuse in [
            r#"failed to try resolving symlinks in path "/var/log/pods/shop_web_1/app/4.log": lstat /var/log/pods/shop_web_1/app/4.log: no such file or directory"#,
            "Error response from daemon: can not get logs from container which is dead or marked for removal",
            r#"Error from server (BadRequest): previous terminated container "app" in pod "web" not found"#,
        ] {
            assert!(is_excuse(excuse) && !is_excuse(&format!("starting\n{excuse}\n")), "{excuse}");
        }
        // A program that asks the API server itself.
        assert!(!is_excuse(
            r#"Error from server (Forbidden): pods is forbidden: User "x" cannot list resource "pods""#
        ));
    }

    #[test]
    fn huge_logs_keep_their_end() {
        let mut bytes = b"password=begin".to_vec();
        bytes.extend(std::iter::repeat_n(b"one line of noise\n", 200_000).flatten());
        bytes.extend(b"the end \xff\xfe\x1b[31mred\x1b[0m");
        let log = facts(key(), &bytes, false).unwrap();
        assert!(log.truncated && log.text.len() <= MAX_LOG + 8);
        assert!(log.text.starts_with("one line") && log.text.ends_with("red\n"));
    }

    #[test]
    fn the_runtimes_timestamps_go() {
        let bytes = b"2024-05-01T10:00:00.123456789Z hello\n2024-05-01T10:00:01.123456789Z world\n";
        assert_eq!(facts(key(), bytes, false).unwrap().text, "hello\nworld\n");
        let own = b"2024-05-01T10:00:00.123Z hello\n";
        assert_eq!(facts(key(), own, false).unwrap().text, "2024-05-01T10:00:00.123Z hello\n");
    }
}
