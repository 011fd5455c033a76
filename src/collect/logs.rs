//! The log of a crash, and of no other run.
//!
//! While the container is still `terminated` its log is the *current* one; once it runs again, the previous one. Between the
//! watch event and the read the kubelet may have restarted it, so each line's time (the kubelet adds it) must lie within the run
//! that crashed; what belongs to another run is not evidence.

use futures::AsyncReadExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1 as core;
use kube::Api;
use kube::api::LogParams;

use super::{Miss, Reader};
use crate::diagnose::facts::{Container, Gap, LogSlot, Pod, State, Terminated};
use crate::evidence::logs::is_excuse;
use crate::evidence::{ClusterBuilder, LogKey, logs};

/// Lines asked for: the end of a run says why it ended.
const TAIL_LINES: i64 = 1000;
/// Lines asked for when those are longer than [`MAX_BYTES`], since the kubelet then drops the *end*.
const SHORT_TAIL: i64 = 60;
/// Most bytes read.
const MAX_BYTES: u64 = 512 * 1024;
/// The kubelet rounds container times to the second, and the last line may be written a moment after the end.
const SLACK_SECONDS: i64 = 2;

/// What was found: a log, a reason why there is none, or neither (it never ran).
#[derive(Default)]
pub struct Found {
    log: Option<(LogKey, Vec<u8>, bool)>,
    gap: Option<Gap>,
}

impl Found {
    /// Hands it to the evidence.
    pub fn put(self, into: &mut ClusterBuilder) {
        if let Some((key, bytes, cut)) = self.log {
            into.add_log(key, &bytes, cut);
        }
        if let Some(gap) = self.gap {
            into.add_gap(gap);
        }
    }
}

/// The log of the newest crash.
pub async fn of_crash(reader: &Reader, pod: &Pod, container: &Container) -> Found {
    let (end, slots) = match (&container.status.state, &container.status.last) {
        (State::Terminated(end), _) => (end, [LogSlot::Current, LogSlot::Previous]),
        (State::Running { .. }, Some(end)) => return of_running(reader, pod, container, end).await,
        (_, Some(end)) => (end, [LogSlot::Previous, LogSlot::Current]),
        _ => return Found::default(),
    };
    if never_ran(end) {
        return Found::default();
    }
    let mut silent = None;
    let mut doubtful = None;
    let mut why = "no log of this run is left".to_owned();
    for slot in slots {
        match read(reader, pod, container, slot).await {
            Ok((bytes, cut)) => match belongs(&bytes, end) {
                Belongs::ToCrash => return Found { log: Some((key(pod, container, slot), bytes, cut)), gap: None },
                // The next run may have begun within the slack: its first lines must not stand for the whole of this one.
                Belongs::Perhaps => doubtful = doubtful.or(Some((slot, bytes, cut))),
                Belongs::Empty => silent = silent.or(Some(slot)),
                Belongs::Elsewhere => {}
            },
            Err(miss) => why = miss.why,
        }
    }
    if let Some((slot, bytes, cut)) = doubtful {
        return Found { log: Some((key(pod, container, slot), bytes, cut)), gap: None };
    }
    match silent {
        Some(slot) => Found { log: Some((key(pod, container, slot), Vec::new(), false)), gap: None },
        None => Found { log: None, gap: Some(logs::gap(&key(pod, container, slots[0]), why)) },
    }
}

/// While it runs again the log of the crash is the previous one. Where that is gone, the run that is shown as running has ended as
/// well, and the kubelet has not said so yet (its status lags by a second or two): then the current log is that of the newest crash.
async fn of_running(reader: &Reader, pod: &Pod, container: &Container, end: &Terminated) -> Found {
    if never_ran(end) {
        return Found::default();
    }
    let why = match read(reader, pod, container, LogSlot::Previous).await {
        Ok((bytes, cut)) if belongs(&bytes, end) != Belongs::Elsewhere => {
            return Found { log: Some((key(pod, container, LogSlot::Previous), bytes, cut)), gap: None };
        }
        Ok(_) => "no log of this run is left".to_owned(),
        Err(miss) => miss.why,
    };
    let gap = Some(logs::gap(&key(pod, container, LogSlot::Previous), why));
    let current = read(reader, pod, container, LogSlot::Current).await.ok();
    let log = current.filter(|(bytes, _)| !bytes.is_empty());
    Found { log: log.map(|(bytes, cut)| (key(pod, container, LogSlot::Current), bytes, cut)), gap }
}

/// The log of another pod that is to blame: of its newest crash, or of the run that goes on.
pub async fn of_other(reader: &Reader, pod: &Pod, container: &Container, slot: LogSlot) -> Found {
    if slot == LogSlot::Previous || matches!(container.status.state, State::Terminated(_)) {
        return of_crash(reader, pod, container).await;
    }
    match read(reader, pod, container, slot).await {
        Ok((bytes, cut)) => Found { log: Some((key(pod, container, slot), bytes, cut)), gap: None },
        Err(miss) => Found { log: None, gap: Some(logs::gap(&key(pod, container, slot), miss.why)) },
    }
}

/// The runtime could not start it, or it vanished with its node's record: there is no log to ask for.
fn never_ran(end: &Terminated) -> bool {
    matches!(end.reason.as_str(), "StartError" | "ContainerCannotRun" | "ContainerStatusUnknown")
}

fn key(pod: &Pod, container: &Container, slot: LogSlot) -> LogKey {
    LogKey { namespace: pod.namespace.clone(), pod: pod.name.clone(), container: container.name.clone(), slot }
}

#[derive(Debug, PartialEq, Eq)]
enum Belongs {
    ToCrash,
    /// It begins in the seconds after the end.
    Perhaps,
    Empty,
    Elsewhere,
}

/// Whether the kubelet's time stamps lie within the run that ended so.
fn belongs(bytes: &[u8], end: &Terminated) -> Belongs {
    let mut times = bytes.split(|b| *b == b'\n').filter_map(stamp);
    let Some(first) = times.next() else {
        let text = String::from_utf8_lossy(bytes);
        return match text.trim().is_empty() {
            true => Belongs::Empty,
            false if is_excuse(&text) => Belongs::Elsewhere,
            // A runtime that keeps no times: nothing speaks against it.
            false => Belongs::ToCrash,
        };
    };
    let after = end.finished.is_some_and(|f| first.as_second() > f.as_second() + SLACK_SECONDS);
    let last = times.next_back().unwrap_or(first);
    let before = end.started.is_some_and(|s| last.as_second() < s.as_second() - SLACK_SECONDS);
    let late = end.finished.is_some_and(|f| first.as_second() > f.as_second());
    match (after || before, late) {
        (true, _) => Belongs::Elsewhere,
        (false, true) => Belongs::Perhaps,
        (false, false) => Belongs::ToCrash,
    }
}

fn stamp(line: &[u8]) -> Option<Timestamp> {
    let head = line.split(|b| *b == b' ').next()?;
    std::str::from_utf8(head).ok()?.parse().ok()
}

async fn read(reader: &Reader, pod: &Pod, container: &Container, slot: LogSlot) -> Result<(Vec<u8>, bool), Miss> {
    let (bytes, more) = read_tail(reader, pod, container, slot, TAIL_LINES).await?;
    if !more {
        let lines = bytes.split(|b| *b == b'\n').count() - 1;
        return Ok((bytes, i64::try_from(lines).is_ok_and(|n| n >= TAIL_LINES)));
    }
    let (bytes, _) = read_tail(reader, pod, container, slot, SHORT_TAIL).await?;
    Ok((bytes, true))
}

/// The last lines, and whether they were more than fit. What arrived before a timeout is evidence too.
async fn read_tail(
    reader: &Reader,
    pod: &Pod,
    container: &Container,
    slot: LogSlot,
    lines: i64,
) -> Result<(Vec<u8>, bool), Miss> {
    let params = LogParams {
        container: Some(container.name.clone()),
        previous: slot == LogSlot::Previous,
        tail_lines: Some(lines),
        limit_bytes: i64::try_from(MAX_BYTES).ok(),
        timestamps: true,
        ..LogParams::default()
    };
    let pods: Api<core::Pod> = Api::namespaced(reader.client.clone(), &pod.namespace);
    let mut bytes = Vec::new();
    let reading = async {
        let stream = pods.log_stream(&pod.name, &params).await?;
        stream.take(MAX_BYTES).read_to_end(&mut bytes).await.map_err(kube::Error::ReadEvents)
    };
    let outcome = tokio::time::timeout(reader.timeout, reading).await;
    let miss = match outcome {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(Miss::of(&error)),
        Err(_) => Some(Miss::timeout(reader.timeout)),
    };
    match miss {
        Some(miss) if bytes.is_empty() => {
            reader.missed("Log", &miss);
            Err(miss)
        }
        _ => {
            let full = bytes.len() as u64 >= MAX_BYTES;
            Ok((bytes, full))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(started: &str, finished: &str) -> Terminated {
        Terminated { started: started.parse().ok(), finished: finished.parse().ok(), ..Terminated::default() }
    }

    #[test]
    fn only_the_run_that_crashed_counts() {
        let end = end("2026-01-01T10:00:00Z", "2026-01-01T10:00:05Z");
        let log = |t: &str| format!("{t} hello\n{t} world\n");
        for (time, expected) in [
            ("2026-01-01T10:00:00.500000000Z", Belongs::ToCrash),
            ("2026-01-01T10:00:06.100000000Z", Belongs::Perhaps),
            ("2026-01-01T10:00:09.100000000Z", Belongs::Elsewhere),
            ("2026-01-01T09:59:00.000000000Z", Belongs::Elsewhere),
        ] {
            assert_eq!(belongs(log(time).as_bytes(), &end), expected, "{time}");
        }
    }

    #[test]
    fn silence_is_an_answer_and_the_kubelets_excuse_is_none() {
        let end = end("2026-01-01T10:00:00Z", "2026-01-01T10:00:05Z");
        assert_eq!(belongs(b"", &end), Belongs::Empty);
        assert_eq!(belongs(b"unable to retrieve container logs for containerd://5c3c", &end), Belongs::Elsewhere);
        assert_eq!(belongs(b"a runtime without times\n", &end), Belongs::ToCrash);
    }

    #[test]
    fn a_start_error_has_no_log() {
        assert!(never_ran(&Terminated { reason: "StartError".into(), ..Terminated::default() }));
        assert!(!never_ran(&Terminated { reason: "OOMKilled".into(), ..Terminated::default() }));
    }
}
