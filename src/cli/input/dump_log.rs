//! The log file of a pod in a `kubectl cluster-info dump`: all containers in one file, between markers. Read as a stream, keeping the
//! newest part of each container's log, since such a file may be larger than memory.

use std::io::{BufRead, Read};

use crate::diagnose::facts::LogSlot;
use crate::evidence::{LogKey, logs};

/// Longest piece of a line that is looked at as one.
const PIECE: u64 = 64 * 1024;
/// kubectl writes this in the place of a log that it could not get.
const ERRORS: &[&str] = &["Request log error: ", "Create log request error: "];

/// One container's log.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Whose.
    pub key: LogKey,
    /// Its newest part.
    pub bytes: Vec<u8>,
    /// The beginning was dropped.
    pub cut: bool,
}

impl Part {
    fn new(key: LogKey) -> Self {
        Self { key, bytes: Vec::new(), cut: false }
    }

    fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        if self.bytes.len() > 2 * logs::MAX_LOG {
            self.bytes.drain(..self.bytes.len() - logs::MAX_LOG);
            self.cut = true;
        }
    }

    /// Why there is no log, where kubectl says so.
    pub fn excuse(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.bytes).ok()?.trim_end();
        ERRORS.iter().find_map(|e| text.strip_prefix(e)).filter(|why| !why.contains('\n')).map(str::to_owned)
    }
}

/// Splits it: `==== START logs for container C of pod NS/POD ====` ... `==== END ...`. The end marker stands at the end of the
/// log's last line where that has no line end of its own.
pub fn split(mut file: impl BufRead) -> std::io::Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut open: Option<Part> = None;
    let mut piece = Vec::new();
    let mut at_start = true;
    loop {
        piece.clear();
        if file.by_ref().take(PIECE).read_until(b'\n', &mut piece)? == 0 {
            break;
        }
        let started = if at_start { marker(&piece, "==== START logs for container ") } else { None };
        at_start = piece.ends_with(b"\n");
        if let Some(key) = started {
            parts.extend(open.take());
            open = Some(Part::new(key));
            continue;
        }
        let Some(part) = &mut open else { continue };
        if let Some(rest) = before_end(&piece, &part.key) {
            part.push(rest);
            parts.extend(open.take());
        } else {
            part.push(&piece);
        }
    }
    parts.extend(open);
    Ok(parts)
}

/// What stands before the end marker of this log, if the line ends with it.
fn before_end<'a>(line: &'a [u8], key: &LogKey) -> Option<&'a [u8]> {
    let end = format!("==== END logs for container {} of pod {}/{} ====", key.container, key.namespace, key.pod);
    line.trim_ascii_end().strip_suffix(end.as_bytes())
}

fn marker(line: &[u8], start: &str) -> Option<LogKey> {
    let line = std::str::from_utf8(line).ok()?.trim_end().strip_prefix(start)?.strip_suffix(" ====")?;
    let (container, pod) = line.split_once(" of pod ")?;
    let (namespace, pod) = pod.split_once('/')?;
    Some(LogKey { namespace: namespace.into(), pod: pod.into(), container: container.into(), slot: LogSlot::Current })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &[u8]) -> Vec<(String, String)> {
        let parts = split(text).unwrap();
        parts.into_iter().map(|p| (p.key.container, String::from_utf8_lossy(&p.bytes).into_owned())).collect()
    }

    fn pair(container: &str, text: &str) -> (String, String) {
        (container.into(), text.into())
    }

    #[test]
    fn each_container_has_its_own() {
        let text = b"==== START logs for container a of pod shop/web ====\none\ntwo\n==== END logs for container a of pod shop/web ====\n==== START logs for container b of pod shop/web ====\nlast\n";
        assert_eq!(shown(text), [pair("a", "one\ntwo\n"), pair("b", "last\n")]);
    }

    #[test]
    fn a_last_line_without_an_end_keeps_the_marker_out() {
        let text = b"==== START logs for container a of pod shop/web ====\npanic: boom==== END logs for container a of pod shop/web ====\n==== START logs for container b of pod shop/web ====\n==== END logs for container b of pod shop/web ====\n";
        assert_eq!(shown(text), [pair("a", "panic: boom"), pair("b", "")]);
    }

    #[test]
    fn a_log_cannot_end_or_begin_anothers() {
        let text = b"==== START logs for container a of pod shop/web ====\nsays ==== START logs for container x of pod shop/web ====\n==== END logs for container b of pod shop/web ====\n==== END logs for container a of pod shop/web ====\n";
        assert_eq!(shown(text).len(), 1);
    }

    #[test]
    fn kubectls_excuse_is_no_log() {
        let text = b"==== START logs for container a of pod shop/web ====\nRequest log error: the server rejected our request\n==== END logs for container a of pod shop/web ====\n";
        assert_eq!(split(&text[..]).unwrap()[0].excuse().as_deref(), Some("the server rejected our request"));
    }

    #[test]
    fn memory_is_bounded() {
        let head = b"==== START logs for container a of pod shop/web ====\n".to_vec();
        let noise = std::iter::repeat_n(b'x', 9 << 20);
        let text: Vec<u8> = head.into_iter().chain(noise).chain(*b"\nthe end\n").collect();
        let parts = split(&text[..]).unwrap();
        assert!(parts[0].cut && parts[0].bytes.len() <= 2 * logs::MAX_LOG);
        assert!(parts[0].bytes.ends_with(b"\nthe end\n"));
    }
}
