//! What kubelet, scheduler and runtime say *now* about a container that cannot start or a pod that cannot get going.
//!
//! Events are history; status is the present. So events count only while the status shows that the trouble lasts.

use super::facts::{Event, State, Timestamp};
use super::finding::{Evidence, Source};
use super::{Case, words};

/// Waiting reasons that say only "not started yet", not why.
const WAITING_FOR_NOTHING: &[&str] = &["", "ContainerCreating", "PodInitializing", "CrashLoopBackOff"];

/// Termination reasons that mean the process was never run (containerd: StartError, docker and cri-o: ContainerCannotRun).
const NEVER_RAN: &[&str] =
    &["StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError", "RuntimeError"];

/// One statement.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// The words.
    pub text: &'a str,
    /// The reason that stands beside them: of the waiting state, the end, or the event.
    pub reason: &'a str,
    /// Where they stand.
    pub source: Source,
    /// When.
    pub time: Option<Timestamp>,
    /// How often.
    pub count: u32,
}

impl Said<'_> {
    /// As evidence, quoted in full up to 600 characters.
    pub fn evidence(&self) -> Evidence {
        let text = words::cut(self.text, 600);
        let detail = match (self.reason, self.count) {
            ("", _) => text,
            (reason, 0 | 1) => format!("{reason}: {text}"),
            (reason, n) => format!("{reason} ({n} times): {text}"),
        };
        Evidence::new(self.source, detail).at(self.time)
    }
}

fn of_event(e: &Event) -> Said<'_> {
    Said { text: &e.message, reason: &e.reason, source: Source::Event, time: e.last, count: e.count }
}

/// Why the container could not be created or started: the status first, then the newest events on it.
/// Empty when it did start (its end is then the matter), or when it merely waits.
pub fn at_start<'a>(case: &Case<'a>) -> Vec<Said<'a>> {
    let mut said = Vec::new();
    if let State::Waiting { reason, message } = &case.container.status.state
        && !WAITING_FOR_NOTHING.contains(&reason.as_str())
    {
        said.push(Said { text: message, reason, source: Source::ContainerStatus, time: None, count: 1 });
    }
    if let Some(end) = case.crash()
        && (NEVER_RAN.contains(&end.reason.as_str()) || (end.started.is_none() && end.exit_code == 128))
        // A StartError shows as `waiting: RunContainerError` with the same words: once is enough.
        && said.iter().all(|s: &Said| s.text.is_empty())
    {
        said.push(Said {
            text: &end.message,
            reason: &end.reason,
            source: Source::ContainerStatus,
            time: end.finished,
            count: 1,
        });
    }
    if said.is_empty() {
        return said;
    }
    let newest = case.own_events().rev().filter(|e| {
        e.warning
            && matches!(e.reason.as_str(), "Failed" | "InspectFailed" | "FailedPostStartHook" | "ErrImageNeverPull")
    });
    said.extend(newest.map(of_event));
    said.extend(case.pod_events().rev().filter(|e| e.reason == "FailedToRetrieveImagePullSecret").map(of_event));
    said
}

/// What is left of a runtime's message without the frames that wrap every one of them, and without ids that say nothing.
pub fn innermost(text: &str) -> &str {
    const FRAMES: &[&str] = &[
        "stderr: ",
        " caused: ",
        "error during container init: ",
        "unable to start container process: ",
        "starting container process caused: ",
        "OCI runtime create failed: ",
        "failed to create shim task: ",
        "failed to generate spec: ",
        "container create failed: ",
        "desc = ",
    ];
    let inner = FRAMES.iter().find_map(|f| text.rfind(f).map(|i| &text[i + f.len()..])).unwrap_or(text);
    let last = inner.lines().map(str::trim).rfind(|l| !l.is_empty()).unwrap_or(inner);
    let last = last.trim_end_matches(['"', '\\', '.']).trim_end_matches(": unknown").trim_end_matches('.');
    let last = nested(last);
    // `hcs::CreateComputeSystem <id>: why`
    match last.split_once(": ") {
        Some((call, why)) if call.split_whitespace().last().is_some_and(is_id) => why,
        _ => last,
    }
}

/// Old runc: `container init caused \"write /x: invalid argument\"`, in quotes within quotes. Bare words without a path are
/// quoted with what they were the cause of.
fn nested(text: &str) -> &str {
    const QUOTES: [char; 2] = ['"', '\\'];
    let mut start = 0;
    for (i, mark) in text.match_indices(" caused ") {
        let rest = &text[i + mark.len()..];
        if rest.starts_with(QUOTES) && rest.contains('/') {
            start = i + mark.len();
        }
    }
    text[start..].trim_matches(QUOTES)
}

fn is_id(word: &str) -> bool {
    word.len() >= 32 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the container has never run in this pod and waits for something of the pod: sandbox, volumes, scheduling.
pub fn pod_is_stuck(case: &Case) -> bool {
    let waits = match &case.container.status.state {
        State::Waiting { reason, .. } => matches!(reason.as_str(), "" | "ContainerCreating" | "PodInitializing"),
        State::Unknown => true,
        _ => false,
    };
    waits && case.pod.phase == "Pending"
}

/// A pod comes up in steps: placed, volumes attached and mounted, sandbox made, images pulled, containers made.
/// An event of a later step shows that what stood in the way before is over.
fn step(reason: &str) -> Option<u8> {
    Some(match reason {
        "FailedScheduling" => 0,
        "Scheduled" => 1,
        "FailedAttachVolume" | "FailedMount" | "FailedMapVolume" => 2,
        "FailedCreatePodSandBox" | "NetworkNotReady" | "FailedPodSandBoxStatus" => 3,
        "Pulling" | "Pulled" | "Created" | "Started" => 4,
        _ => return None,
    })
}

/// Whether the pod has come further since.
fn is_over(case: &Case, event: &Event) -> bool {
    let Some(at) = step(&event.reason) else { return false };
    case.pod_events().any(|e| step(&e.reason).is_some_and(|s| s > at) && e.last > event.last)
}

/// Warnings (and the few Normal ones that matter) on the pod with one of these reasons, newest first, while it is stuck.
pub fn on_stuck_pod<'a>(case: &Case<'a>, reasons: &'static [&'static str]) -> Vec<Said<'a>> {
    if !pod_is_stuck(case) {
        return Vec::new();
    }
    let standing = |e: &&Event| reasons.contains(&e.reason.as_str()) && !is_over(case, e);
    let mut events: Vec<&Event> = case.pod_events().filter(standing).collect();
    events.sort_by_key(|e| std::cmp::Reverse((e.last, e.count)));
    events.into_iter().map(of_event).collect()
}

/// The scheduler finds the pod's host ports taken, and nothing else that may pass (as a lack of CPU does).
pub fn lacks_free_ports(message: &str) -> bool {
    message.contains("free ports for the requested pod ports") && !message.contains("Insufficient")
}

/// Why the scheduler does not place the pod: the PodScheduled condition (the present) and its events.
pub fn by_scheduler<'a>(case: &Case<'a>) -> Vec<Said<'a>> {
    if case.pod.node.is_some() {
        return Vec::new();
    }
    let condition = case.pod.condition("PodScheduled").filter(|c| c.status == "False");
    let mut said: Vec<Said<'a>> = condition
        .into_iter()
        .filter_map(|c| {
            let text = c.message.as_deref()?;
            let reason = c.reason.as_deref().unwrap_or("");
            Some(Said { text, reason, source: Source::ContainerStatus, time: c.since, count: 1 })
        })
        .collect();
    said.extend(on_stuck_pod(case, &["FailedScheduling"]));
    said
}
